"""Ingest remembers an answer for everybody who is alike: then they must get the same one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry import reviewed
from registry.consent.decide import decide
from registry.consent.records import ConsentStatus
from registry.flows.consent.standing import alike, standings_for
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment

POLICIES = reviewed.load_policies(None)
NOW = 1_000
WORKSPACE = WorkspaceId(bytes(16))
PURPOSES = (*POLICIES.purposes.purposes, "*")
STATUSES = tuple(status.value for status in ConsentStatus)

_state = st.tuples(
    st.integers(0, 2),
    st.sampled_from(PURPOSES),
    st.sampled_from(STATUSES),
    st.integers(900, 1_010),
    st.sampled_from((None, None, 990, 1_100)),
)
_people = st.lists(st.lists(_state, max_size=4, unique_by=lambda row: row[:2]), min_size=2, max_size=12)
_kinds = st.tuples(*[st.sampled_from(("user_id", "anonymous_id", "email")) for _ in range(3)])


def _person(kinds: tuple[str, ...], sides: int, said: list[tuple[int, str, str, int, int | None]], number: int):
    ids = [FragmentId(bytes([number, place]) + bytes(14)) for place in range(3)]
    fragments = [
        Fragment(
            WORKSPACE, ids[p], ProfileId(ids[0]), ProfileId(ids[p % sides]), BlindIndex(ids[p]), kinds[p], 950, 1, 0
        )
        for p in range(3)
    ]
    record = RecordId(bytes([number]) * 16)
    rows = [ConsentState(WORKSPACE, ids[p], name, record, status, at, at, end) for p, name, status, at, end in said]
    return fragments, rows


@given(_people, _kinds, st.integers(1, 2))
def test_those_who_are_alike_get_the_same_answers(people, kinds, sides):
    answers: dict[object, dict[str, bool]] = {}
    for number, said in enumerate(people):
        fragments, rows = _person(kinds, sides, said, number)
        shared = alike(POLICIES.identity, fragments, rows, NOW, 0)
        standings = standings_for(POLICIES.identity, fragments, rows, PURPOSES)
        own = {
            name: decide(name, frozenset(), standings[name], POLICIES.purposes, now=NOW).allowed
            for name in POLICIES.purposes.purposes
        }
        if shared is not None:
            assert answers.setdefault(shared, own) == own


def test_what_ends_or_has_two_sides_is_remembered_for_nobody_else():
    ends = _person(("user_id",) * 3, 1, [(0, "marketing", "granted", 900, 1_100)], 1)
    apart = _person(("user_id",) * 3, 2, [(0, "marketing", "granted", 900, None)], 2)
    plain = _person(("user_id",) * 3, 1, [(0, "marketing", "granted", 900, None)], 3)
    assert alike(POLICIES.identity, *ends, NOW, 0) is None
    assert alike(POLICIES.identity, *apart, NOW, 0) is None
    assert alike(POLICIES.identity, *plain, NOW, 0) is not None
    assert alike(POLICIES.identity, *plain, NOW, 950) is None  # said before a purpose changed in substance
