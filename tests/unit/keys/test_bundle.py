"""Key bundles, and their way through a key service."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.keys.bundle import Bundle, rewrap_bundles, unwrap_bundles, wrap_bundles
from registry.keys.kms import generation_of
from registry.keys.kms_file import FileKeyProvider
from registry.model.compartment import Compartment
from registry.model.errors import InvalidInput, KeyMissing, SealBroken
from registry.model.grants import ShredGrant
from registry.model.ids import FragmentId, RequestId, WorkspaceId

WORKSPACE, OTHER = WorkspaceId(b"w" * 16), WorkspaceId(b"o" * 16)
ONE, TWO = FragmentId(b"1" * 16), FragmentId(b"2" * 16)
SERVICE, MARKETING = Compartment("service"), Compartment("marketing")
SHRED = ShredGrant(WORKSPACE, RequestId(b"q" * 16), "test")

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).map(Compartment)


@pytest.fixture
def provider(tmp_path: Path) -> FileKeyProvider:
    made = FileKeyProvider(tmp_path / "kek.json", clock=lambda: 1)
    made.create_generation(WORKSPACE)
    made.create_generation(OTHER)
    return made


@given(st.sets(names, max_size=5))
def test_a_bundle_survives_encoding(compartments: set[Compartment]) -> None:
    bundle = Bundle.create(compartments)
    again = Bundle.decode(bundle.encode())
    assert {name: key.reveal() for name, key in again.items()} == {n: k.reveal() for n, k in bundle.items()}
    assert again.encode() == bundle.encode()


@given(st.binary(max_size=120))
def test_stray_bytes_are_no_bundle(data: bytes) -> None:
    for candidate in (data, b"\x21" + data):
        try:
            bundle = Bundle.decode(candidate)
        except SealBroken:
            continue
        assert bundle.encode() == candidate


def test_a_shortened_or_lengthened_bundle_is_refused() -> None:
    data = Bundle.create([SERVICE, MARKETING]).encode()
    for broken in [data[:end] for end in range(len(data))] + [data + b"\0"]:
        with pytest.raises(SealBroken):
            Bundle.decode(broken)


def test_new_compartments_get_keys_and_old_keys_stay() -> None:
    bundle = Bundle.create([SERVICE])
    more = bundle.with_compartments([SERVICE, MARKETING])
    assert more.key(SERVICE) is bundle.key(SERVICE)
    assert set(more) == {SERVICE, MARKETING} and set(bundle) == {SERVICE}
    assert more.with_compartments([MARKETING]) is more


def test_a_shredded_compartment_has_no_key() -> None:
    bundle = Bundle.create([SERVICE, MARKETING]).without([MARKETING], SHRED)
    assert set(bundle) == {SERVICE}
    with pytest.raises(KeyMissing):
        bundle.key(MARKETING)


def test_every_compartment_has_its_own_key() -> None:
    bundle = Bundle.create([SERVICE, MARKETING])
    assert bundle.key(SERVICE).reveal() != bundle.key(MARKETING).reveal()


def test_a_nameless_compartment_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Bundle.create([Compartment("")]).encode()


def test_a_bundle_shows_itself_to_nobody() -> None:
    bundle = Bundle.create([SERVICE])
    assert repr(bundle) == "Bundle(1 keys, hidden)"
    with pytest.raises(TypeError):
        pickle.dumps(bundle)


def test_bundles_come_back_from_the_key_service_in_order(provider: FileKeyProvider) -> None:
    bundles = [(ONE, Bundle.create([SERVICE])), (TWO, Bundle.create([MARKETING]))]
    wrapped = wrap_bundles(provider, WORKSPACE, 1, bundles)
    back = unwrap_bundles(provider, WORKSPACE, [(ONE, wrapped[0]), (TWO, wrapped[1])])
    assert [bundle.encode() for bundle in back] == [bundle.encode() for _, bundle in bundles]


def test_a_bundle_opens_for_no_other_fragment(provider: FileKeyProvider) -> None:
    (wrapped,) = wrap_bundles(provider, WORKSPACE, 1, [(ONE, Bundle.create([SERVICE]))])
    with pytest.raises(SealBroken):
        unwrap_bundles(provider, WORKSPACE, [(TWO, wrapped)])


def test_a_bundle_opens_for_no_other_workspace(provider: FileKeyProvider) -> None:
    (wrapped,) = wrap_bundles(provider, WORKSPACE, 1, [(ONE, Bundle.create([SERVICE]))])
    with pytest.raises(SealBroken):
        unwrap_bundles(provider, OTHER, [(ONE, wrapped)])


def test_rotation_moves_bundles_and_keeps_their_keys(provider: FileKeyProvider) -> None:
    bundle = Bundle.create([SERVICE])
    (old,) = wrap_bundles(provider, WORKSPACE, 1, [(ONE, bundle)])
    second = provider.create_generation(WORKSPACE)
    (new,) = rewrap_bundles(provider, WORKSPACE, second, [(ONE, old)])
    provider.destroy(WORKSPACE, 1)
    assert (generation_of(old), generation_of(new)) == (1, 2)
    assert unwrap_bundles(provider, WORKSPACE, [(ONE, new)])[0].encode() == bundle.encode()
    with pytest.raises(KeyMissing):
        unwrap_bundles(provider, WORKSPACE, [(ONE, old)])
