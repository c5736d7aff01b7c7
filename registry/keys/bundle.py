"""Key bundles: a fragment's data keys by compartment, wrapped together under the workspace's KEK.

One row and one unwrap serve every compartment; shredding one rewrites the bundle without its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, Self

from registry.keys.envelope import DataKey, record_aad
from registry.keys.kms import KeyProvider
from registry.keys.primitives import KEY_BYTES
from registry.model.compartment import Compartment
from registry.model.errors import InvalidInput, KeyMissing, SealBroken
from registry.model.grants import ShredGrant
from registry.model.ids import FragmentId, WorkspaceId

BUNDLE_VERSION = b"\x21"


class Bundle(Mapping[Compartment, DataKey]):
    """A fragment's data keys. Immutable; the `repr` hides the keys; it cannot be pickled."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[Compartment, DataKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def create(cls, compartments: Iterable[Compartment]) -> Self:
        """A bundle with a new random key for each compartment."""
        return cls({compartment: DataKey.generate() for compartment in compartments})

    def with_compartments(self, more: Iterable[Compartment]) -> Self:
        """This bundle with new keys for those compartments that it lacks; itself where it lacks none."""
        missing = [compartment for compartment in more if compartment not in self._keys]
        if not missing:
            return self
        return type(self)(self._keys | {name: DataKey.generate() for name in missing})

    def without(self, compartments: Iterable[Compartment], grant: ShredGrant) -> Self:  # noqa: ARG002
        """This bundle without the keys of those compartments: once stored, they are shredded.

        The grant is asked for so that no key is dropped without a request or a retention run behind it.
        """
        gone = frozenset(compartments)
        return type(self)({name: key for name, key in self._keys.items() if name not in gone})

    def key(self, compartment: Compartment) -> DataKey:
        """The key of a compartment.

        Raises:
            KeyMissing: it was shredded, or never made.
        """
        try:
            return self._keys[compartment]
        except KeyError:
            raise KeyMissing("there is no data key for a compartment", extra={"compartment": compartment}) from None

    def encode(self) -> bytes:
        """The plaintext bytes to be wrapped: version, count, then names and keys in the names' order."""
        entries = sorted((name.encode(), key.reveal()) for name, key in self._keys.items())
        if len(entries) > 0xFFFF or any(not 0 < len(name) <= 0xFFFF for name, _ in entries):
            raise InvalidInput("a bundle holds at most 65535 compartments with names of 1 to 65535 bytes")
        body = b"".join(len(name).to_bytes(2, "big") + name + secret for name, secret in entries)
        return BUNDLE_VERSION + len(entries).to_bytes(2, "big") + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The bundle of `encode`; only the one canonical form is taken.

        Raises:
            SealBroken: the bytes are not those of a bundle.
        """
        if data[:1] != BUNDLE_VERSION or len(data) < 3:
            raise SealBroken("the key bundle is of an unknown version", extra={"failure": "unknown-version"})
        keys: dict[Compartment, DataKey] = {}
        position, last = 3, b""
        for _ in range(int.from_bytes(data[1:3], "big")):
            start = position + 2
            middle = start + int.from_bytes(data[position:start], "big")
            name, secret = data[start:middle], data[middle : middle + KEY_BYTES]
            if len(secret) != KEY_BYTES or name <= last:
                raise _malformed()
            try:
                keys[Compartment(name.decode())] = DataKey(secret)
            except UnicodeDecodeError:
                raise _malformed() from None
            position, last = middle + KEY_BYTES, name
        if position != len(data):
            raise _malformed()
        return cls(keys)

    def covers(self, compartments: Collection[Compartment]) -> bool:
        """Whether there is a key for each of these compartments."""
        return self._keys.keys() >= set(compartments)

    def __contains__(self, compartment: object) -> bool:
        return compartment in self._keys

    def __getitem__(self, compartment: Compartment) -> DataKey:
        return self._keys[compartment]

    def __iter__(self) -> Iterator[Compartment]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"Bundle({len(self._keys)} keys, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key bundle is not to be serialised")


def _malformed() -> SealBroken:
    return SealBroken("the key bundle cannot be read", extra={"failure": "malformed"})


def bundle_aad(workspace: WorkspaceId, fragment: FragmentId) -> bytes:
    """The associated data of a fragment's wrapped bundle: it opens for no other fragment."""
    return record_aad(b"key-bundle", workspace, fragment, b"", b"")


def secret_aad(workspace: WorkspaceId, name: str, version: int) -> bytes:
    """The associated data of a workspace's own wrapped secret (a blind-index root, a signing key)."""
    return record_aad(b"workspace-secret", workspace, b"", name.encode(), str(version).encode())


def wrap_bundles(
    provider: KeyProvider,
    workspace: WorkspaceId,
    generation: int,
    bundles: Sequence[tuple[FragmentId, Bundle]],
) -> list[bytes]:
    """Wrap each fragment's bundle under one KEK generation, in one call of the key service.

    Raises:
        KeyMissing: the generation does not exist or was destroyed.
        KmsUnavailable: the key service did not answer.
    """
    items = [(bundle.encode(), bundle_aad(workspace, fragment)) for fragment, bundle in bundles]
    return provider.wrap_many(workspace, generation, items)


def unwrap_bundles(
    provider: KeyProvider, workspace: WorkspaceId, wrapped: Sequence[tuple[FragmentId, bytes]]
) -> list[Bundle]:
    """Unwrap each fragment's bundle, in one call of the key service.

    Raises:
        KeyMissing: a generation was destroyed.
        SealBroken: a bundle is altered, or another fragment's or workspace's.
        KmsUnavailable: the key service did not answer.
    """
    items = [(data, bundle_aad(workspace, fragment)) for fragment, data in wrapped]
    return [Bundle.decode(plaintext) for plaintext in provider.unwrap_many(workspace, items)]


def rewrap_bundles(
    provider: KeyProvider,
    workspace: WorkspaceId,
    generation: int,
    wrapped: Sequence[tuple[FragmentId, bytes]],
) -> list[bytes]:
    """Move wrapped bundles to another KEK generation; the data keys and all data stay as they are.

    Raises: as `unwrap_bundles` and `wrap_bundles`.
    """
    bundles = unwrap_bundles(provider, workspace, wrapped)
    pairs = [(fragment, bundle) for (fragment, _), bundle in zip(wrapped, bundles, strict=True)]
    return wrap_bundles(provider, workspace, generation, pairs)
