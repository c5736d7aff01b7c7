"""A board gives what `decide` gives, for as long as it says that it does; its table of keys is a dict."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import reviewed
from registry.consent.decide import decide
from registry.consent.records import ConsentStatus
from registry.flows.consent import key_table
from registry.flows.consent.board import Board
from registry.flows.consent.key_table import NONE, KeyTable
from registry.flows.consent.standing import NOBODY, standings_for
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment
from registry.store.standing import Known

POLICIES = reviewed.load_policies(None)
WORKSPACE = WorkspaceId(bytes(16))
NAMES = tuple(POLICIES.purposes.purposes)
CATEGORIES = (frozenset[str](), frozenset({"user.contact.email"}), frozenset({"user.biometric"}))

_state = st.tuples(
    st.integers(0, 2),
    st.sampled_from((*NAMES, "*", "*", "gone from the policy")),
    st.sampled_from(tuple(status.value for status in ConsentStatus)),
    st.integers(900, 1_010),
    st.sampled_from((None, None, None, 990, 1_005, 1_100)),
)
_said = st.lists(_state, max_size=5, unique_by=lambda row: row[:2])
_kinds = st.tuples(*[st.sampled_from(("user_id", "anonymous_id", "email")) for _ in range(3)])
_moments = st.lists(st.integers(990, 1_120), min_size=1, max_size=6)


@given(_said, _said, _kinds, st.integers(1, 3), st.integers(1, 3), st.sampled_from((0, 950, 1_003)), _moments)
def test_what_the_board_says_is_what_decide_says(before, after, kinds, sides, count, changed, moments):
    purposes = {name: replace(one, material_since=changed) for name, one in POLICIES.purposes.purposes.items()}
    catalogue = replace(POLICIES.purposes, purposes=purposes, last_change=changed)
    board = Board(POLICIES.identity, catalogue)
    for now, said in ((995, before), (1_000, after)):  # the second time in the place of the first
        known = _person(kinds, sides, count, said)
        board.put(known, now)
    number = board.number_of(known.indexes[0])
    standings = standings_for(POLICIES.identity, *known.person, NAMES)
    for now in sorted(moment for moment in moments if moment >= board.as_of):
        if board.holds(number, now):
            for name in NAMES:
                for categories in CATEGORIES:
                    said = decide(name, categories, standings[name], catalogue, now=now)
                    asked = board.asked(name, categories)
                    given_one = board.given(asked, number)
                    assert given_one.decision() == said
                    assert board.allowed(asked, board.numbers_of("indexes", known.indexes[0])).tolist() == [
                        said.allowed
                    ]
        else:
            assert board.overdue(board.numbers_of("profiles", known.profile_id), now) == [known.profile_id]
    assert board.holds(number, board.as_of), "it says something at the moment it was told"
    board.drop(known.profile_id)
    for name in NAMES:
        expected = decide(name, frozenset(), NOBODY, catalogue, now=1_000)
        assert board.given(board.asked(name), board.number_of(BlindIndex(bytes(16)))).decision() == expected
    assert not any(board._ids)
    assert not any(any(column._records) or any(column.codes) for column in board._columns)


def _person(kinds: tuple[str, ...], sides: int, count: int, said: list[tuple[int, str, str, int, int | None]]) -> Known:
    ids = [FragmentId(bytes([7, place]) + bytes(14)) for place in range(count)]
    profile = ProfileId(ids[0])
    fragments = [
        Fragment(WORKSPACE, ids[p], profile, ProfileId(ids[p % sides]), BlindIndex(b""), kinds[p], 950, 0, 0)
        for p in range(count)
    ]
    rows = [
        ConsentState(WORKSPACE, ids[p], name, RecordId(bytes([9, n]) * 8), status, at, at, end)
        for n, (p, name, status, at, end) in enumerate(said)
        if p < count
    ]
    return Known(profile, (fragments, rows), [BlindIndex(bytes([1, place]) * 8) for place in range(count)])


_key = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(
    lambda pair: bytes([85 * pair[0]]) * 8 + bytes([pair[1]]) * 8
)
_acts = st.lists(st.tuples(_key, st.integers(-1, 50), st.booleans()), max_size=40)


@given(_acts, st.lists(_key, max_size=12), st.sets(_key), st.booleans())
def test_a_table_of_keys_is_a_dict(acts, asked, gone, spread):
    with pytest.MonkeyPatch.context() as patch:
        if spread:  # so that the few that there are here are looked for by how they begin
            patch.setattr(key_table, "FEW", 1)
            patch.setattr(key_table, "MOST_ALIKE", 40)
        table, model = KeyTable(), dict[bytes, int]()
        for key, number, fold in acts:
            table.put(key, number)
            model[key] = number
            if fold:
                table.fold()
        model = {key: number for key, number in model.items() if number != NONE}
        expected = [model.get(key, NONE) for key in asked]
        assert [table.get(key) for key in asked] == expected
        assert table.get_many(b"".join(asked)).tolist() == expected
        for key in (b"", *asked):
            assert table.numbers_after(key).tolist() == [model[one] for one in sorted(model) if one > key]
        store = sorted(set(model) - gone)
        patch.setattr(key_table, "FEW", 1)  # so that the halves are counted, too
        found = table.missing(
            lambda low, high: sum(low <= key <= high for key in store),
            lambda low, high: {key for key in store if low <= key <= high},
        )
    assert sorted(found) == sorted(set(model) & gone)


def test_thousands_of_hashes_are_found_by_how_they_begin():
    chance, table = Random(7), KeyTable()
    keys = [chance.randbytes(16) for _ in range(5_000)]
    for number, key in enumerate(keys):
        table.put(key, number)
    table.fold()
    near = [key[:15] + bytes([key[15] ^ 1]) for key in keys]
    assert [table.get(key) for key in keys + near] == [*range(5_000), *[NONE] * 5_000]
    assert table.get_many(b"".join(near + keys)).tolist() == [*[NONE] * 5_000, *range(5_000)]
    ordered = sorted(range(5_000), key=keys.__getitem__)
    assert table.numbers_after(keys[ordered[99]]).tolist() == ordered[100:]
    assert table.numbers_after(near[ordered[99]]).tolist() == ordered[100 - (near[ordered[99]] < keys[ordered[99]]) :]
