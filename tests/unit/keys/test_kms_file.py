"""The `file` key service: who may read the file, and what remains in it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.keys.kek import Kek
from registry.keys.kms_file import FileKeyProvider
from registry.keys.providers import open_provider
from registry.model.errors import (
    KeyFileInsecure,
    KeyMissing,
    KmsUnavailable,
    SettingInvalid,
)
from registry.model.ids import WorkspaceId

WORKSPACE = WorkspaceId(b"w" * 16)
AAD = b"associated"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kek.json"


@pytest.fixture
def provider(path: Path) -> FileKeyProvider:
    made = FileKeyProvider(path, clock=lambda: 1_700_000_000_000_000)
    made.create_generation(WORKSPACE)
    return made


def keys_in(path: Path) -> list[bytes]:
    document = json.loads(path.read_text())
    generations = [g for workspace in document["workspaces"].values() for g in workspace.values()]
    return [base64.b64decode(generation["key"]) for generation in generations if "key" in generation]


def test_the_file_is_made_at_the_first_generation_for_its_owner_alone(path: Path) -> None:
    os.umask(old := os.umask(0))
    try:
        os.umask(0)
        FileKeyProvider(path, clock=lambda: 1).create_generation(WORKSPACE)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600


def test_what_was_wrapped_unwraps_after_a_restart(provider: FileKeyProvider, path: Path) -> None:
    wrapped = provider.wrap_many(WORKSPACE, 1, [(b"one", AAD), (b"two", AAD)])
    again = FileKeyProvider(path, clock=lambda: 2)
    assert again.unwrap_many(WORKSPACE, [(item, AAD) for item in wrapped]) == [b"one", b"two"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o666])
def test_a_file_that_others_can_reach_is_refused_with_the_remedy(
    provider: FileKeyProvider, path: Path, mode: int
) -> None:
    path.chmod(mode)
    for user in (provider, FileKeyProvider(path, clock=lambda: 1)):
        with pytest.raises(KeyFileInsecure) as caught:
            user.wrap_many(WORKSPACE, 1, [(b"one", AAD)])
        assert caught.value.hint is not None and f"chmod 600 {path}" in caught.value.hint
        with pytest.raises(KeyFileInsecure):
            user.check()
        with pytest.raises(KeyFileInsecure):
            user.create_generation(WORKSPACE)


def test_a_link_is_refused(provider: FileKeyProvider, path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    with pytest.raises(KeyFileInsecure):
        FileKeyProvider(link, clock=lambda: 1).check()


def test_what_is_no_regular_file_is_refused(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyFileInsecure):
        FileKeyProvider(path, clock=lambda: 1).check()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": "other"}', b"\0" * 200, b'{"format": 3}'])
def test_an_unreadable_file_opens_nothing(provider: FileKeyProvider, path: Path, content: bytes) -> None:
    (wrapped,) = provider.wrap_many(WORKSPACE, 1, [(b"one", AAD)])
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(KmsUnavailable):
            provider.unwrap_many(WORKSPACE, [(wrapped, AAD)])


def test_a_short_key_in_the_file_is_refused(provider: FileKeyProvider, path: Path) -> None:
    path.write_text(path.read_text().replace(base64.b64encode(keys_in(path)[0]).decode(), "c2hvcnQ="))
    with pytest.raises(KmsUnavailable):
        provider.check()


def test_a_file_that_went_away_opens_nothing_and_is_not_made_anew(provider: FileKeyProvider, path: Path) -> None:
    (wrapped,) = provider.wrap_many(WORKSPACE, 1, [(b"one", AAD)])
    kept = path.rename(path.with_name("elsewhere"))
    for _ in range(2):
        with pytest.raises(KmsUnavailable):
            provider.unwrap_many(WORKSPACE, [(wrapped, AAD)])
        with pytest.raises(KmsUnavailable):
            provider.create_generation(WORKSPACE)
    kept.rename(path)
    assert provider.unwrap_many(WORKSPACE, [(wrapped, AAD)]) == [b"one"]


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "none" / "kek.json", clock=lambda: 1)
    with pytest.raises(KmsUnavailable):
        provider.check()
    with pytest.raises(KmsUnavailable):
        provider.create_generation(WORKSPACE)


def test_another_process_change_is_seen_at_once(provider: FileKeyProvider, path: Path) -> None:
    other = FileKeyProvider(path, clock=lambda: 2)
    (wrapped,) = other.wrap_many(WORKSPACE, other.create_generation(WORKSPACE), [(b"one", AAD)])
    assert provider.unwrap_many(WORKSPACE, [(wrapped, AAD)]) == [b"one"]
    (old,) = provider.wrap_many(WORKSPACE, 1, [(b"two", AAD)])
    other.destroy(WORKSPACE, 1)
    with pytest.raises(KeyMissing):
        provider.unwrap_many(WORKSPACE, [(old, AAD)])


def test_a_destroyed_generation_is_in_no_file_and_never_comes_back(provider: FileKeyProvider, path: Path) -> None:
    (doomed,) = keys_in(path)
    (wrapped,) = provider.wrap_many(WORKSPACE, 1, [(b"one", AAD)])
    assert Kek(doomed, 1).unwrap(wrapped, AAD) == b"one"
    provider.create_generation(WORKSPACE)
    provider.destroy(WORKSPACE, 1)
    provider.destroy(WORKSPACE, 1)
    assert doomed not in keys_in(path) and len(keys_in(path)) == 1
    encoded = base64.b64encode(doomed)
    assert not [file for file in path.parent.iterdir() if encoded in file.read_bytes()]
    for user in (provider, FileKeyProvider(path, clock=lambda: 1)):
        with pytest.raises(KeyMissing):
            user.unwrap_many(WORKSPACE, [(wrapped, AAD)])
        with pytest.raises(KeyMissing):
            user.wrap_many(WORKSPACE, 1, [(b"one", AAD)])
    assert provider.create_generation(WORKSPACE) == 3


def test_the_replaced_file_is_wiped(provider: FileKeyProvider, path: Path) -> None:
    with path.open("rb") as old:
        provider.create_generation(WORKSPACE)
        assert set(old.read()) == {0}


def test_the_leftover_of_a_crash_is_removed_and_its_content_not_used(provider: FileKeyProvider, path: Path) -> None:
    leftover = path.with_name("kek.json.new")
    leftover.write_bytes(path.read_bytes())
    provider.create_generation(WORKSPACE)
    assert not leftover.exists() and len(keys_in(path)) == 2


def test_a_link_in_place_of_the_leftover_is_not_followed(provider: FileKeyProvider, path: Path) -> None:
    other = path.with_name("other")
    other.write_text("kept")
    path.with_name("kek.json.new").symlink_to(other)
    with pytest.raises(KmsUnavailable):
        provider.create_generation(WORKSPACE)
    assert other.read_text() == "kept"


def test_several_processes_may_add_generations_at_the_same_time(provider: FileKeyProvider, path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from registry.keys.kms_file import FileKeyProvider\n"
        "provider = FileKeyProvider(Path(sys.argv[1]), clock=lambda: 1)\n"
        "for _ in range(10): provider.create_generation(b'w' * 16)"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert [generation.number for generation in provider.generations(WORKSPACE)] == list(range(1, 32))
    assert len(set(keys_in(path))) == 31


def test_a_file_url_opens_its_path(path: Path) -> None:
    provider = open_provider(path.with_name("a kek.json").as_uri(), clock=lambda: 1)
    provider.create_generation(WORKSPACE)
    assert provider.scheme == "file"
    assert path.with_name("a kek.json").exists()


@pytest.mark.parametrize("url", ["", "kek.json", "file:kek.json", "file://host/kek.json", "file:///dir/", "x://y"])
def test_a_url_of_no_key_service_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid):
        open_provider(url, clock=lambda: 1)
