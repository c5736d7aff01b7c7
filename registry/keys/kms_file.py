"""The `file` key service, the default: KEKs in one JSON file that only its owner can read.

For one machine, or several processes on one machine. Whoever copies the file can open the keystore:
keep it on another disk and out of the data's backups, or use a key service.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import orjson

from registry.keys.kek import Kek
from registry.keys.key_file import KeyFile, Stamp
from registry.keys.kms import Generation, GenerationState, generation_of, require_destructible
from registry.keys.primitives import KEY_BYTES, random_bytes
from registry.model.clock import Clock, Micros
from registry.model.errors import InvalidInput, KeyMissing, KmsUnavailable
from registry.model.ids import WorkspaceId, parse_id, text_id

FORMAT = "registry-kek-file/1"

_READ_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, repr=False)
class _Stored:
    """One generation as the file has it; a destroyed one has no secret."""

    created_at: Micros
    secret: bytes | None
    destroyed_at: Micros | None = None


_Content = dict[WorkspaceId, dict[int, _Stored]]


class FileKeyProvider:
    """KEKs in a file, created at the first `create_generation` and reread whenever it has changed."""

    scheme = "file"

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._file = KeyFile(path)
        self._clock = clock
        self._lock = Lock()
        self._stamp: Stamp | None = None
        self._content: _Content = {}
        self._keks: dict[tuple[WorkspaceId, int], Kek] = {}

    def create_generation(self, workspace: WorkspaceId) -> int:
        """Create the next KEK generation, durably, and give its number.

        Raises:
            KeyFileInsecure, KmsUnavailable: the file is not private, or cannot be written.
        """
        with self._lock, self._file.locked():
            self._reload()
            stored = self._content.get(workspace, {})
            number = max(stored, default=0) + 1
            added = _Stored(self._clock(), random_bytes(KEY_BYTES))
            self._store(self._content | {workspace: stored | {number: added}})
            return number

    def generations(self, workspace: WorkspaceId) -> list[Generation]:
        """Every generation, oldest first; empty for a workspace that has none."""
        with self._lock:
            self._reload()
            return _listed(self._content.get(workspace, {}))

    def wrap_many(self, workspace: WorkspaceId, generation: int, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Wrap each `(plaintext, aad)`; see `KeyProvider.wrap_many`."""
        kek = self._kek(workspace, generation)
        return [kek.wrap(plaintext, aad) for plaintext, aad in items]

    def unwrap_many(self, workspace: WorkspaceId, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Unwrap each `(wrapped, aad)`; see `KeyProvider.unwrap_many`."""
        keks = {number: self._kek(workspace, number) for number in {generation_of(item) for item, _ in items}}
        return [keks[generation_of(wrapped)].unwrap(wrapped, aad) for wrapped, aad in items]

    def destroy(self, workspace: WorkspaceId, generation: int) -> None:
        """Remove a generation's KEK from the file; its number and times stay. See `KeyProvider.destroy`."""
        with self._lock, self._file.locked():
            self._reload()
            stored = self._content.get(workspace, {})
            if require_destructible(_listed(stored), generation):
                tombstone = _Stored(stored[generation].created_at, None, self._clock())
                self._store(self._content | {workspace: stored | {generation: tombstone}})

    def check(self) -> None:
        """Raise unless the file is private and readable, or can be created."""
        with self._lock:
            self._reload()
            if self._stamp is None and not self._file.path.parent.is_dir():
                raise KmsUnavailable("the key file's directory is missing", hint="create it, mode 0700")

    def _kek(self, workspace: WorkspaceId, generation: int) -> Kek:
        with self._lock:
            self._reload()
            found = self._keks.get((workspace, generation))
            if found is not None:
                return found
            entry = self._content.get(workspace, {}).get(generation)
            if entry is None:
                raise KeyMissing(
                    f"the key file has no KEK generation {generation} of this workspace",
                    hint="the keystore and the key file do not belong together, or the file is gone",
                )
            if entry.secret is None:
                raise KeyMissing(f"KEK generation {generation} of this workspace was destroyed")
            return self._keks.setdefault((workspace, generation), Kek(entry.secret, generation))

    def _reload(self) -> None:
        """Bring what is held in memory to what the file says now."""
        stamp = self._file.stamp()
        if stamp == self._stamp:
            return
        self._keks, self._content = {}, {}
        if stamp is None:
            raise KmsUnavailable("the key file is gone", hint="restore it from its backup")
        for _ in range(_READ_ATTEMPTS):
            data, stamp = self._file.read()
            # A reader that opened the old file may see it wiped; the path then has another stamp.
            if stamp == self._file.stamp():
                break
        self._content = _decode(data)
        self._stamp = stamp

    def _store(self, content: _Content) -> None:
        self._file.replace(_encode(content))
        self._keks, self._content, self._stamp = {}, content, self._file.stamp()


def _listed(stored: dict[int, _Stored]) -> list[Generation]:
    return [
        Generation(number, entry.created_at, _state(number, entry, stored)) for number, entry in sorted(stored.items())
    ]


def _state(number: int, entry: _Stored, stored: dict[int, _Stored]) -> GenerationState:
    if entry.secret is None:
        return GenerationState.DESTROYED
    return GenerationState.CURRENT if number == max(stored) else GenerationState.RETIRED


def _encode(content: _Content) -> bytes:
    workspaces = {
        text_id(workspace): {str(number): _encode_entry(entry) for number, entry in stored.items()}
        for workspace, stored in content.items()
    }
    return orjson.dumps({"format": FORMAT, "workspaces": workspaces}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def _encode_entry(entry: _Stored) -> dict[str, object]:
    if entry.secret is None:
        return {"created_at": entry.created_at, "destroyed_at": entry.destroyed_at}
    return {"created_at": entry.created_at, "key": base64.b64encode(entry.secret).decode()}


def _decode(data: bytes) -> _Content:
    try:
        document = orjson.loads(data)
        if document["format"] != FORMAT:
            raise ValueError("format")
        return {
            WorkspaceId(parse_id(workspace)): {int(number): _decode_entry(entry) for number, entry in stored.items()}
            for workspace, stored in document["workspaces"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInput):
        # What the parser says could quote the keys: only that it failed is told.
        raise KmsUnavailable("the key file cannot be parsed", hint="restore it from its backup") from None


def _decode_entry(entry: dict[str, object]) -> _Stored:
    created_at, destroyed_at = entry["created_at"], entry.get("destroyed_at")
    if not isinstance(created_at, int) or not isinstance(destroyed_at, int | None):
        raise TypeError("time")
    if "key" not in entry:
        return _Stored(created_at, None, destroyed_at)
    secret = base64.b64decode(str(entry["key"]), validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("key length")
    return _Stored(created_at, secret)
