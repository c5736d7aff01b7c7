"""A request moves only along the table, step by step, and an erasure takes two people."""

from __future__ import annotations

import pytest

from registry.dsr.requests import ENDED, NEEDS_APPROVAL, Kind, Move, State, allowed, check_four_eyes, move
from registry.model.errors import Conflict, Forbidden

R, V, AP, AC, WA, CO, PA, RE, CA = (
    State.RECEIVED, State.VERIFIED, State.APPROVED, State.ACTING, State.WAITING,
    State.COMPLETED, State.PAUSED, State.REFUSED, State.CANCELLED,
)  # fmt: skip

TABLE = {
    R: {Move.VERIFY: V, Move.PAUSE: PA, Move.REFUSE: RE, Move.CANCEL: CA},
    V: {Move.APPROVE: AP, Move.REFUSE: RE, Move.CANCEL: CA},
    AP: {Move.START: AC, Move.CANCEL: CA},
    AC: {Move.START: AC, Move.WAIT: WA, Move.COMPLETE: CO},
    WA: {Move.START: AC},
    PA: {Move.RESUME: R, Move.REFUSE: RE, Move.CANCEL: CA},
    CO: {},
    RE: {},
    CA: {},
}
WITHOUT_APPROVAL = {Kind.RESTRICTION, Kind.OBJECTION, Kind.WITHDRAWAL, Kind.OPT_OUT, Kind.LIMIT}
ERASING = {Kind.ERASURE, Kind.DELETE}

EVERY = [(kind, state) for kind in Kind for state in State]


def expected(kind: Kind, state: State, by: Move) -> State | None:
    if kind in WITHOUT_APPROVAL and (state, by) == (V, Move.START):
        return AC
    return TABLE[state].get(by)


@pytest.mark.parametrize(("kind", "state"), EVERY)
def test_every_move_of_every_kind_in_every_state_is_as_the_table_says(kind: Kind, state: State) -> None:
    for by in Move:
        after = expected(kind, state, by)
        if after is not None:
            assert move(state, by, kind) is after
            continue
        with pytest.raises(Conflict) as caught:
            move(state, by, kind)
        for possible in allowed(state, kind) or ("nothing more",):
            assert possible in str(caught.value)


@pytest.mark.parametrize(("kind", "state"), EVERY)
def test_what_is_said_to_be_possible_is_possible_and_nothing_else(kind: Kind, state: State) -> None:
    possible = {by.value for by in Move if expected(kind, state, by) is not None}
    assert set(allowed(state, kind)) == possible
    assert len(allowed(state, kind)) == len(possible)


def test_what_gives_out_changes_or_deletes_data_needs_approval() -> None:
    assert NEEDS_APPROVAL == set(Kind) - WITHOUT_APPROVAL


@pytest.mark.parametrize("kind", Kind)
def test_an_ended_request_stays_ended_and_no_other_does(kind: Kind) -> None:
    assert {state for state in State if not allowed(state, kind)} == ENDED


@pytest.mark.parametrize("kind", Kind)
def test_no_way_leads_to_the_end_without_verification_or_past_a_needed_approval(kind: Kind) -> None:
    ways = [(R,)]
    finished = []
    while ways:
        way = ways.pop()
        for name in allowed(way[-1], kind):
            after = move(way[-1], Move(name), kind)
            if after not in way:
                (finished if after is CO else ways).append((*way, after))
    assert finished
    for way in finished:
        assert V in way
        assert AP in way or kind in WITHOUT_APPROVAL


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("state", [R, V, AP, AC, PA])
def test_the_first_move_that_is_offered_brings_the_request_on(kind: Kind, state: State) -> None:
    assert allowed(state, kind)[0] not in {Move.REFUSE.value, Move.CANCEL.value, Move.PAUSE.value}


def test_who_opened_an_erasure_does_not_approve_it() -> None:
    with pytest.raises(Forbidden) as caught:
        check_four_eyes(Kind.ERASURE, "person:one", "person:one", two_people=True)
    assert caught.value.extra["rule"] == "jurisdictions.yaml: approval.erasure is two_people"
    assert "person:one" not in str(caught.value)


def test_a_second_person_approves_an_erasure() -> None:
    check_four_eyes(Kind.ERASURE, "person:one", "person:two", two_people=True)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("two_people", [True, False])
def test_one_person_suffices_where_nothing_is_erased_or_policy_says_so(kind: Kind, two_people: bool) -> None:
    if kind in ERASING and two_people:
        with pytest.raises(Forbidden):
            check_four_eyes(kind, "person:one", "person:one", two_people=two_people)
    else:
        check_four_eyes(kind, "person:one", "person:one", two_people=two_people)


@pytest.mark.parametrize("kind", sorted(ERASING))
def test_no_app_approves_an_erasure(kind: Kind) -> None:
    with pytest.raises(Forbidden):
        check_four_eyes(kind, "person:one", "app:robot", two_people=True)
