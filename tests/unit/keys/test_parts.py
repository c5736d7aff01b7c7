"""One stored value whose parts lie under several compartments' keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.keys.envelope import DataKey, record_aad
from registry.keys.parts import compartments_in, open_parts, seal_parts
from registry.model.compartment import Compartment
from registry.model.errors import Forbidden, InvalidInput, KeyMissing, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import WorkspaceId

WORKSPACE = WorkspaceId(b"w" * 16)
ALL = OpenGrant(WORKSPACE, None, "test")
AAD = record_aad(b"event", WORKSPACE, b"f" * 16, b"r" * 16, b"body")
NAMES = [Compartment(name) for name in ("service", "marketing", "analytics+service", "größe")]
KEYS = {name: DataKey.generate() for name in NAMES}

values = st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=40))


@given(values, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_each_part_opens_is_withheld_or_is_shredded_by_itself(
    parts: dict[Compartment, bytes], granted: set[Compartment], kept: set[Compartment]
) -> None:
    blob = seal_parts(KEYS, list(parts.items()), AAD)
    keys = {name: KEYS[name] for name in kept}
    result = open_parts(blob, keys, AAD, OpenGrant(WORKSPACE, frozenset(granted), "test"))
    assert result.opened == {name: value for name, value in parts.items() if name in granted & kept}
    assert result.withheld == tuple(name for name in parts if name not in granted)
    assert result.shredded == tuple(name for name in parts if name in granted - kept)
    assert compartments_in(blob) == tuple(parts)


@given(st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=8), min_size=1), st.data())
def test_any_changed_bit_or_truncation_is_found(parts: dict[Compartment, bytes], data: st.DataObject) -> None:
    blob = seal_parts(KEYS, list(parts.items()), AAD)
    at = data.draw(st.integers(0, len(blob) - 1))
    changed = bytearray(blob)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    for broken in (bytes(changed), blob[:at]):
        try:
            result = open_parts(broken, KEYS, AAD, ALL)
        except SealBroken:
            continue
        # A name turned into one without a key: that part stays closed, and no other can have opened.
        assert result.opened == {} and len(parts) == 1 and len(result.shredded) == 1


@pytest.mark.parametrize("keep", [0, 1])
def test_a_part_taken_out_of_its_event_does_not_open_alone(keep: int) -> None:
    parts = [(NAMES[0], b"one"), (NAMES[1], b"two")]
    blob = seal_parts(KEYS, parts, AAD)
    alone = bytearray(seal_parts(KEYS, [parts[keep]], AAD))
    envelope = 33 + 3
    stolen = blob[len(blob) - envelope * (2 - keep) : len(blob) - envelope * (1 - keep)]
    alone[-envelope:] = stolen
    with pytest.raises(SealBroken):
        open_parts(bytes(alone), KEYS, AAD, ALL)


def test_parts_moved_to_another_record_do_not_open() -> None:
    blob = seal_parts(KEYS, [(NAMES[0], b"one")], AAD)
    with pytest.raises(SealBroken):
        open_parts(blob, KEYS, record_aad(b"event", WORKSPACE, b"f" * 16, b"s" * 16, b"body"), ALL)


def test_a_grant_opens_no_parts_of_another_workspace() -> None:
    blob = seal_parts(KEYS, [(NAMES[0], b"one")], AAD)
    with pytest.raises(Forbidden):
        open_parts(blob, KEYS, AAD, OpenGrant(WorkspaceId(b"x" * 16), None, "test"))


def test_a_compartment_stands_once() -> None:
    with pytest.raises(InvalidInput):
        seal_parts(KEYS, [(NAMES[0], b"one"), (NAMES[0], b"two")], AAD)


def test_nothing_is_sealed_without_a_key() -> None:
    with pytest.raises(KeyMissing):
        seal_parts({}, [(NAMES[0], b"one")], AAD)


def test_opened_parts_hide_themselves() -> None:
    result = open_parts(seal_parts(KEYS, [(NAMES[0], b"planted-marker")], AAD), KEYS, AAD, ALL)
    assert repr(result) == "OpenedParts(1 opened, 0 withheld, 0 shredded)"
