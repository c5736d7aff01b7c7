"""One command's session: the registry that it opens, who it acts as, and how it answers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from registry.access.policy import Principal, PrincipalKind
from registry.bootstrap import Registry, connect
from registry.cli.exits import exit_for
from registry.cli.terminal import console, in_a_line, in_lines
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict, DocumentInvalid, InvalidInput, RegistryError, RequestStopped, SettingInvalid
from registry.model.ids import WorkspaceId, parse_id
from registry.model.origins import origin
from registry.settings import Settings

OPERATOR = "operator"

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the registry (REGISTRY_DATA_DIR).", show_default=False)
]
WorkspaceOption = Annotated[str | None, typer.Option("--workspace", help="Id of the workspace, if there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]

out = console()
err = console(stderr=True)


def settings(data_dir: Path | None, **given: Any) -> Settings:
    """The settings, with what the command line says before what the environment says.

    Raises:
        SettingInvalid: one has a value that cannot be used; the value is not repeated.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if data_dir is not None:
        values["data_dir"] = data_dir
    try:
        return Settings(**values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        hint = "mend the option, the environment variable REGISTRY_…, .env or registry.toml"
        raise SettingInvalid("; ".join(faults), hint=hint) from None
    except ValueError:
        raise SettingInvalid("registry.toml or .env cannot be read", hint="mend or remove the file") from None


@contextmanager
def reported(*, as_json: bool = False) -> Iterator[None]:
    """Turn an error into words for a person, or a problem as JSON, and an exit code."""
    try:
        yield
    except BrokenPipeError:
        raise typer.Exit(0) from None
    except RegistryError as error:
        report(error, as_json=as_json)
        raise typer.Exit(int(exit_for(error))) from None
    except OSError as error:
        found = InvalidInput(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}")
        report(found, as_json=as_json)
        raise typer.Exit(int(exit_for(found))) from None


def report(error: RegistryError, *, as_json: bool) -> None:
    """Say on standard error what went wrong, and what to do."""
    came_from = origin(error) if isinstance(error, RequestStopped) else {}  # it was stopped here: no log has it
    if as_json:
        problem = {"code": error.code, "title": error.title, "detail": error.detail, "hint": error.hint}
        print(json.dumps(problem | error.extra | came_from, default=str), file=sys.stderr)
        return
    err.print(f"[bold red]{escape(error.title)}[/]: {escape(error.detail)}", soft_wrap=True)
    if isinstance(error, DocumentInvalid):
        for fault in error.faults[1:]:
            place = f"  {fault['file']}:{fault['line']}:{fault['column']}: {fault['reason']}"
            err.print(escape(place), soft_wrap=True)
    if came_from:
        err.print(f"[dim]Where:[/] {escape(came_from['where'])}", soft_wrap=True)
    if error.hint:
        err.print(f"[dim]What to do:[/] {escape(error.hint)}", soft_wrap=True)


@contextmanager
def session(
    data_dir: Path | None, workspace: str | None = None, *, as_json: bool = False
) -> Iterator[tuple[Registry, OpenWorkspace, Principal]]:
    """The registry of this machine, one workspace of it, and the operator who acts."""
    with reported(as_json=as_json):
        registry = connect(settings(data_dir))
        try:
            if workspace is None:
                opened = registry.workspaces.only()
            else:
                opened = registry.workspaces.open(WorkspaceId(parse_id(workspace, "workspace")))
            purposes = frozenset(registry.deployment.policies.purposes.purposes)
            who = Principal(PrincipalKind.PERSON, opened.workspace_id, b"\0" * 16, OPERATOR, "admin", purposes)
            yield registry, opened, who
        finally:
            registry.close()


def read_text(path: Path) -> str:
    """The text of a file that a command was given.

    Raises:
        InvalidInput: it is no UTF-8.
        OSError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not text") from None


def require_another(written: Path | None, read: Path) -> None:
    """See to it that what a command writes does not take the place of what it reads.

    Raises:
        Conflict: both are one file.
    """
    if written is not None and written.exists() and read.exists() and written.samefile(read):
        raise Conflict(f"{written} is the file that is read: it would be written over", hint="name another")


def bare_name(name: str) -> str:
    """An officer's name without the kind that answers and the audit log show it with: both name one person."""
    kind, colon, rest = name.strip().partition(":")
    return bare_name(rest) if colon and kind.strip().casefold() == PrincipalKind.PERSON.value else name.strip()


def answer(value: Mapping[str, Any], *, as_json: bool, text: str | Text | Table | None = None) -> None:
    """Print an answer: the mapping as JSON, or the text for a person, as it stands."""
    if as_json:
        print(json.dumps(value, default=str))
    elif text is not None:
        out.print(text, markup=False, soft_wrap=not isinstance(text, Table))
    else:
        for name, content in value.items():
            out.print(f"[dim]{escape(str(name))}:[/] {escape(in_words(content))}", soft_wrap=True)


def in_words(content: object) -> str:
    """A member of an answer for a person, who reads no JSON."""
    if content is None:
        return "none"
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, Mapping):
        return ", ".join(f"{name}: {in_words(held)}" for name, held in content.items() if held is not None) or "none"
    if isinstance(content, list | tuple):
        if any(isinstance(one, Mapping) for one in content):
            return "".join(f"\n  {in_words(one)}" for one in content)
        return ", ".join(map(in_words, content)) or "none"
    return in_a_line(str(content))


_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Rows(Table):
    """A table whose cells are words as they stand: what people wrote in brackets is no markup. An id stays in one line:
    it is to be copied.
    """

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row."""
        for column, cell in zip(self.columns, cells, strict=False):
            column.no_wrap = column.no_wrap or (isinstance(cell, str) and _ID.fullmatch(cell) is not None)
        super().add_row(*(Text(in_lines(cell)) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*columns: str, title: str | None = None, whole: str | None = None) -> Rows:
    """An empty table with these columns; `whole` is not folded, since it is to be copied."""
    made = Rows(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == whole)
    return made
