"""What proves who asks: levels, channels, mailboxes, and the mandates of agents."""

from __future__ import annotations

import pytest

from registry import reviewed
from registry.dsr.requests import Kind
from registry.dsr.verification import (
    Address,
    Level,
    Mandated,
    MandateKind,
    Means,
    Missing,
    Proof,
    Seen,
    Verification,
    locked_until,
    proofs_of,
)
from registry.model.clock import SECOND

EVERY = frozenset(Means)
TWO = Level("two", 2, EVERY, Address.VERIFIED)
ONE = Level("verified", 1, EVERY, Address.VERIFIED)
GIVEN = Level("address", 1, EVERY, Address.GIVEN)

CODE = Proof(Means.CODE, Address.VERIFIED)
LINK = Proof(Means.LINK, Address.VERIFIED)
SOME_BOX = Proof(Means.CODE, Address.GIVEN)
OFFICER, LOGIN = Proof(Means.OFFICER), Proof(Means.LOGIN)
PAPERS = frozenset({Seen.IDENTITY_DOCUMENT, Seen.ACCOUNT_DETAILS, Seen.SIGNED_LETTER, Seen.MANDATE})


@pytest.fixture(scope="module")
def shipped() -> Verification:
    return reviewed.load_policies(None).verification


def test_every_kind_of_request_has_a_level(shipped: Verification) -> None:
    assert set(shipped.levels) == set(Kind)


def test_california_asks_nobody_who_opts_out_for_proof(shipped: Verification) -> None:
    assert shipped.missing(Kind.OPT_OUT, []) == shipped.missing(Kind.LIMIT, []) == ()


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE, Kind.KNOW, Kind.DELETE, Kind.RECTIFICATION])
def test_what_gives_out_or_destroys_needs_a_mailbox_that_is_verified_on_file(shipped: Verification, kind: Kind) -> None:
    assert shipped.missing(kind, []) == (Missing.PROOF,)
    assert shipped.missing(kind, [SOME_BOX]) == (Missing.PROOF,)
    for proof in (CODE, LINK, OFFICER, LOGIN, Proof(Means.CONTROLLER)):
        assert shipped.missing(kind, [proof]) == ()


def test_two_means_of_one_channel_count_once() -> None:
    assert TWO.counted([CODE, LINK]) == {"mailbox"}
    assert TWO.counted([CODE, OFFICER]) == {"mailbox", "officer"}
    assert TWO.counted([OFFICER, OFFICER]) == {"officer"}


def test_a_mailbox_that_is_only_named_counts_where_the_level_says_so() -> None:
    assert GIVEN.counted([SOME_BOX]) == {"mailbox"}
    assert ONE.counted([SOME_BOX]) == set()
    assert Level("narrow", 1, frozenset({Means.OFFICER})).counted([CODE]) == set()


@pytest.mark.parametrize(
    ("mandate", "accepted", "proofs", "missing"),
    [
        (MandateKind.SIGNED_PERMISSION, False, [], (Missing.MANDATE, Missing.PERSON)),
        (MandateKind.SIGNED_PERMISSION, True, [], (Missing.PERSON,)),
        (MandateKind.SIGNED_PERMISSION, True, [OFFICER], (Missing.PERSON,)),
        (MandateKind.SIGNED_PERMISSION, True, [OFFICER._replace(seen=PAPERS)], (Missing.PERSON,)),
        (MandateKind.SIGNED_PERMISSION, True, [OFFICER._replace(seen=frozenset({Seen.IN_PERSON}))], ()),
        (MandateKind.SIGNED_PERMISSION, False, [OFFICER._replace(seen=frozenset(Seen))], (Missing.MANDATE,)),
        (MandateKind.SIGNED_PERMISSION, True, [SOME_BOX], (Missing.PERSON,)),
        (MandateKind.SIGNED_PERMISSION, False, [CODE], (Missing.MANDATE,)),
        (MandateKind.SIGNED_PERMISSION, True, [CODE], ()),
        (MandateKind.POWER_OF_ATTORNEY, False, [], (Missing.MANDATE,)),
        (MandateKind.POWER_OF_ATTORNEY, True, [], ()),
    ],
)
def test_an_agent_needs_a_mandate_and_where_the_policy_says_the_person(
    shipped: Verification, mandate: MandateKind, accepted: bool, proofs: list[Proof], missing: tuple[Missing, ...]
) -> None:
    assert shipped.missing(Kind.KNOW, proofs, Mandated(mandate, accepted)) == missing


def test_an_agent_who_opts_somebody_out_shows_a_mandate_and_nothing_else(shipped: Verification) -> None:
    signed = MandateKind.SIGNED_PERMISSION
    assert shipped.missing(Kind.OPT_OUT, [], Mandated(signed, accepted=False)) == (Missing.MANDATE,)
    assert shipped.missing(Kind.OPT_OUT, [], Mandated(signed, accepted=True)) == ()


def test_a_mandate_ends_at_its_moment() -> None:
    mandate = Mandated(MandateKind.POWER_OF_ATTORNEY, accepted=True, until=10)
    assert [mandate.has_ended(now) for now in (9, 10, 11)] == [False, True, True]
    assert not mandate._replace(until=None).has_ended(2**60)


def test_proofs_are_read_from_the_history_and_nothing_else_is_one() -> None:
    acts = [
        ("open", {}),
        ("challenge", {}),
        ("prove", {"means": "code", "address": "given"}),
        ("notify", {"notice": "acknowledged", "outcome": "sent"}),
        ("verify", {"means": "officer", "seen": "identity_document", "level": "verified"}),
    ]
    assert proofs_of(acts) == [SOME_BOX, OFFICER._replace(seen=frozenset({Seen.IDENTITY_DOCUMENT}))]


def test_too_many_wrong_tries_lock_for_a_while(shipped: Verification) -> None:
    assert locked_until(shipped, shipped.attempts - 1, 5) == 0
    assert locked_until(shipped, shipped.attempts, 5) == 5 + 3600 * SECOND
