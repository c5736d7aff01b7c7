"""Whose records are, as a function of what they carry, in whatever order systems answer."""

from __future__ import annotations

import random

import pytest
from identity_rules import shipped_rules

from registry.identity.belonging import SHARED, Belonging, Record, pointing_at
from registry.model.message import Identifier

RULES = shipped_rules()
MUM, DAD = Identifier("email", "mum@example.test"), Identifier("email", "dad@example.test")
FAMILY = Identifier("phone", "+4930111222")


def record(*carried: Identifier, referred: bool = False) -> Record:
    return Record(carried, (), referred)


def joined(people: list[Identifier], *records: Record) -> set[Identifier]:
    """What is known at the end, asked as a request asks."""
    shared: set[Identifier] = set()
    while True:
        belonging = Belonging(RULES, people, shared)
        new = belonging.known
        while new:
            found = [one for one in records if one.referred or set(one.identifiers) & set(new)]
            new = belonging.take(random.sample(found, len(found))) or belonging.adopt()
        if not belonging.contested():
            return set(belonging.everything)
        shared |= belonging.contested()


def marked(one: Identifier) -> Identifier:
    return Identifier(SHARED + one.kind, one.value)


def test_a_weaker_identifier_leads_on_while_nobody_else_has_it() -> None:
    assert joined([MUM], record(MUM, FAMILY)) == {MUM, FAMILY}


def test_a_weaker_identifier_beside_a_stronger_one_of_others_is_shared() -> None:
    assert joined([MUM], record(MUM, FAMILY), record(DAD, FAMILY)) == {MUM, marked(FAMILY)}
    assert joined([MUM, FAMILY], record(DAD, FAMILY)) == {MUM, marked(FAMILY)}


def test_what_was_found_by_what_turns_out_to_be_shared_is_forgotten() -> None:
    device = Identifier("device_id", "tablet-0001")
    found = (record(MUM, FAMILY), record(FAMILY, device), record(DAD, FAMILY))
    assert joined([MUM], *found) == {MUM, marked(FAMILY)}


def test_a_marked_identifier_stays_shared_when_its_others_are_gone() -> None:
    assert joined([MUM, marked(FAMILY)], record(MUM, FAMILY)) == {MUM, marked(FAMILY)}


def test_the_only_stronger_identifier_becomes_the_persons_and_two_do_not() -> None:
    one, two = Identifier("user_id", "41"), Identifier("user_id", "42")
    assert joined([MUM], record(one, MUM)) == {MUM, one}
    assert joined([MUM], record(one, MUM), record(two, MUM)) == {MUM}
    assert joined([MUM, one], record(two, MUM)) == {one, marked(MUM)}


def test_what_is_known_from_records_alone_leads_to_no_stronger_identifier() -> None:
    account = Identifier("user_id", "42")
    assert joined([MUM], record(MUM, FAMILY), record(account, FAMILY)) == {MUM, marked(FAMILY)}
    assert joined([FAMILY], record(account, FAMILY)) == {FAMILY, account}


def test_what_names_a_device_leads_to_no_person() -> None:
    device = Identifier("device_id", "tablet-0001")
    assert joined([device], record(MUM, device)) == {device}


def test_no_kind_goes_beyond_its_limit() -> None:
    emails = [Identifier("email", f"{number}@example.test") for number in range(7)]
    known = joined([MUM], record(*emails, referred=True))
    assert len([one for one in known if one.kind == "email"]) == RULES.kinds["email"].limit
    assert len([one for one in known if one.kind == f"{SHARED}email"]) == 3


def test_kinds_that_no_policy_knows_are_the_weakest() -> None:
    card = Identifier("card", "c1")
    assert joined([MUM], record(MUM, card)) == {MUM, card}
    assert joined([MUM], record(MUM, card), record(DAD, card)) == {MUM, marked(card)}


@pytest.mark.parametrize(("kind", "raw"), [("phone", "n/a"), ("card", " N/A "), ("card", "000-0"), ("email", "none")])
def test_what_points_at_nobody_is_no_identifier(kind: str, raw: str) -> None:
    assert pointing_at(kind, raw, RULES) is None


def test_international_numbers_are_read_in_any_region() -> None:
    assert pointing_at("phone", "0049 30 90182006", RULES) == Identifier("phone", "+493090182006")


def test_a_shared_telephone_that_was_begun_with_gives_nobody_another_s_account() -> None:
    account = Identifier("user_id", "bob99")
    assert joined([MUM, FAMILY], record(MUM, FAMILY), record(account, DAD, FAMILY)) == {MUM, marked(FAMILY)}


def test_what_was_learnt_before_leads_to_no_stronger_identifier_when_it_is_asked_again() -> None:
    account = Identifier("user_id", "fam99")
    again = Belonging(RULES, [FAMILY, MUM], begun=[FAMILY])
    again.take([record(account, MUM)])
    assert (again.adopt(), again.contested()) == ([], set())
    assert Belonging(RULES, [FAMILY, MUM]).take([record(account, MUM)]) == []
