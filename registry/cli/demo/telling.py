"""Tell the story in a folder, and say what came of it: in words, or as JSON."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from rich.markup import escape

from registry.cli.demo.narrator import StepFailedError, Story
from registry.cli.demo.story import tell_steps
from registry.cli.session import answer
from registry.model.errors import Conflict


def tell(directory: Path | None, *, keep: bool = True, as_json: bool = False) -> bool:
    """Run the demo in a new folder; whether every step checked out.

    Raises:
        Conflict: the folder holds something already.
    """
    if directory is not None and directory.exists() and any(directory.iterdir()):
        raise Conflict(f"{directory} is not empty", hint="name a new folder, or leave out --dir")
    folder = directory or Path(tempfile.mkdtemp(prefix="registry-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    story, started, failure = Story(folder, silent=as_json), time.monotonic(), ""
    story.out.print("[bold]Registry[/]: one synthetic shopper, from the first click to a certified erasure.")
    try:
        tell_steps(story)
    except StepFailedError as failed:
        failure = str(failed)
    took = time.monotonic() - started
    if as_json:
        checks = [check._asdict() for check in story.checks]
        value = {"passed": not failure, "checks": checks, "seconds": round(took, 1)}
        answer(value | {"folder": str(folder) if keep else None}, as_json=True)
    elif failure:
        story.out.print(f"\n[bold red]The demo stopped:[/] {escape(failure)}. Its data was in {folder}")
    else:
        _end(story, took, keep=keep)
    if not keep:
        shutil.rmtree(folder)
    return not failure


def _end(story: Story, took: float, *, keep: bool) -> None:
    folder = story.folder
    story.out.print(
        f"\n[bold green]All {len(story.checks)} checks held[/], in {took:.0f} s.", end=" " if keep else "\n"
    )
    if not keep:
        return
    story.out.print(f"What is left is in {folder}:", soft_wrap=True)
    for path in sorted(folder.iterdir()):
        story.out.print(f"   {path.name}")
    story.out.print("\nTry next:")
    story.out.print(f"   registry serve --data-dir {folder / 'data'}", soft_wrap=True)
    story.out.print(f"   registry doctor --data-dir {folder / 'data'}", soft_wrap=True)
    certificate, keys = folder / "certificate.jwt", folder / "jwks.json"
    story.out.print(f"   registry verify {certificate} --keys {keys}", soft_wrap=True)
