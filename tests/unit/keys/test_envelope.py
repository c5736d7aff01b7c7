"""One value sealed under one data key."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.keys.envelope import OVERHEAD_BYTES, DataKey, open_sealed, record_aad, seal
from registry.model.errors import Forbidden, InvalidInput, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import WorkspaceId

WORKSPACE = WorkspaceId(b"w" * 16)
GRANT = OpenGrant(WORKSPACE, frozenset({"service"}), "test")
KEY = DataKey(b"k" * 32)
PLACE = (b"event", bytes(WORKSPACE), b"f" * 16, b"r" * 16, b"body")
AAD = record_aad(*PLACE)

places = st.tuples(*[st.binary(max_size=6)] * 5)


@given(st.binary(max_size=300))
def test_what_was_sealed_opens(plaintext: bytes) -> None:
    sealed = seal(KEY, plaintext, AAD)
    assert open_sealed(KEY, sealed, AAD, GRANT, "service") == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES


@given(st.binary(max_size=64), st.data())
def test_any_changed_bit_breaks_the_seal(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, plaintext, AAD))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes(sealed), AAD, GRANT, "service")


@given(st.binary(max_size=64), st.data())
def test_any_truncation_breaks_the_seal(plaintext: bytes, data: st.DataObject) -> None:
    sealed = seal(KEY, plaintext, AAD)
    with pytest.raises(SealBroken):
        open_sealed(KEY, sealed[: data.draw(st.integers(0, len(sealed) - 1))], AAD, GRANT, "service")


@pytest.mark.parametrize("part", range(5), ids=["kind", "workspace", "fragment", "record", "field"])
def test_a_moved_ciphertext_does_not_open(part: int) -> None:
    sealed = seal(KEY, b"value", AAD)
    moved = [*PLACE[:part], b"elsewhere-16byte", *PLACE[part + 1 :]]
    grant = OpenGrant(WorkspaceId(moved[1]), None, "test")
    with pytest.raises(SealBroken) as caught:
        open_sealed(KEY, sealed, record_aad(*moved), grant, "service")
    assert caught.value.extra == {"failure": "altered"}


def test_another_key_is_told_apart_from_corruption() -> None:
    with pytest.raises(SealBroken) as caught:
        open_sealed(DataKey.generate(), seal(KEY, b"value", AAD), AAD, GRANT, "service")
    assert caught.value.extra == {"failure": "wrong-key"}


@given(places, places)
def test_no_two_records_share_associated_data(
    one: tuple[bytes, bytes, bytes, bytes, bytes], two: tuple[bytes, bytes, bytes, bytes, bytes]
) -> None:
    assume(one != two)
    assert record_aad(*one) != record_aad(*two)
    assert not record_aad(*one).startswith(record_aad(*two))


def test_an_overlong_part_of_the_associated_data_is_refused() -> None:
    with pytest.raises(InvalidInput):
        record_aad(b"event", bytes(WORKSPACE), b"", b"x" * 65_536, b"")


def test_a_grant_opens_only_its_compartments() -> None:
    sealed = seal(KEY, b"value", AAD)
    with pytest.raises(Forbidden):
        open_sealed(KEY, sealed, AAD, GRANT, "marketing")
    assert open_sealed(KEY, sealed, AAD, OpenGrant(WORKSPACE, None, "dsr"), "marketing") == b"value"


def test_a_grant_opens_nothing_of_another_workspace() -> None:
    sealed = seal(KEY, b"value", AAD)
    with pytest.raises(Forbidden):
        open_sealed(KEY, sealed, AAD, OpenGrant(WorkspaceId(b"x" * 16), None, "test"), "service")


def test_associated_data_that_names_no_record_is_refused() -> None:
    with pytest.raises(InvalidInput):
        open_sealed(KEY, seal(KEY, b"value", b"loose"), b"loose", GRANT, "service")


def test_equal_values_look_different() -> None:
    assert len({seal(KEY, b"value", AAD) for _ in range(50)}) == 50


def test_a_key_shows_itself_to_nobody() -> None:
    assert repr(KEY) == "DataKey(hidden)"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_256_bit_keys_are_taken(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(b"k" * length)
