"""Joining: who becomes one person, who never does, and that order does not matter."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from identity_rules import shipped_rules

from registry.identity.explain import path
from registry.identity.links import Link, Refusal, link_between, links_of
from registry.identity.resolve import Partition, partition
from registry.identity.rules import IdentityRules
from registry.model.errors import InvalidInput
from registry.model.ids import BlindIndex

RULES = shipped_rules()
KIND_OF = {"u": "user_id", "c": "crm_id", "e": "email", "p": "phone", "a": "anonymous_id", "d": "device_id"}


def blind(name: str) -> BlindIndex:
    return BlindIndex(name.encode().ljust(16, b"\0"))


def names(group: frozenset[BlindIndex]) -> str:
    return " ".join(sorted(member.rstrip(b"\0").decode() for member in group))


def resolve(
    *claims: str, apart: str = "", unjoinable: str = "", rules: IdentityRules = RULES
) -> tuple[set[str], dict[str, Refusal]]:
    """Groups and refused links of messages such as `u1 e1 a1`, strongest identifier first."""
    messages = [[blind(name) for name in claim.split()] for claim in claims]
    found = partition(
        {member: KIND_OF[chr(member[0])] for message in messages for member in message},
        [link for message in messages for link in links_of(message)],
        rules,
        refused_pairs={link_between(*map(blind, pair.split("-"))) for pair in apart.split()},
        unjoinable={blind(name) for name in unjoinable.split()},
    )
    return {names(group) for group in found.groups}, {
        names(frozenset((low, high))).replace(" ", "-"): reason for low, high, reason in found.refused
    }


def test_an_anonymous_visitor_who_logs_in_on_two_devices_is_one_person() -> None:
    groups, refused = resolve("a1", "u1 a1", "u1 a2 d2")
    assert groups == {"a1 a2 d2 u1"}
    assert refused == {}


def test_a_device_shared_by_two_users_belongs_to_neither() -> None:
    groups, refused = resolve("u1 d1", "u2 d1", "u1 a1", "u2 a2")
    assert groups == {"a1 u1", "a2 u2", "d1"}
    assert refused == {"d1-u1": Refusal.MERGE_PROTECTION, "d1-u2": Refusal.MERGE_PROTECTION}


def test_a_family_address_belongs_to_neither_and_takes_nobody_s_browser_away() -> None:
    groups, refused = resolve("u1 e1 a1", "u2 e1 a2", "e1 a1", "e1 a2", "e1 a3")
    assert groups == {"a1 u1", "a2 u2", "a3 e1"}
    assert set(refused.values()) == {Refusal.MERGE_PROTECTION}
    assert set(refused) == {"e1-u1", "e1-u2", "a1-e1", "a2-e1"}


def test_two_users_named_in_one_message_stay_two_people() -> None:
    assert resolve("u1 u2") == ({"u1", "u2"}, {"u1-u2": Refusal.MERGE_PROTECTION})


def test_what_hangs_only_on_one_user_s_side_of_a_chain_between_two_stays_contested() -> None:
    groups, _ = resolve("u1 a1", "u2 a2", "a1 d1", "a2 d1")
    assert groups == {"a1 u1", "a2 u2", "d1"}


def test_an_unidentified_pair_joined_to_one_user_goes_with_them_though_another_conflict_is_near() -> None:
    groups, _ = resolve("u1 e1", "e1 a1", "u1 d1", "u2 d1")
    assert groups == {"a1 e1 u1", "u2", "d1"}


def test_more_addresses_than_the_limit_leave_the_others_out() -> None:
    groups, refused = resolve(*(f"u1 e{n}" for n in range(1, 7)))
    assert groups == {"e1 e2 e3 e4 e5 u1", "e6"}
    assert refused == {"e6-u1": Refusal.LIMIT_EXCEEDED}


def test_an_address_over_the_limit_does_not_take_the_browser_along() -> None:
    groups, _ = resolve(*(f"u1 e{n}" for n in range(1, 7)), "u1 a1", "e6 a1")
    assert groups == {"a1 e1 e2 e3 e4 e5 u1", "e6"}


def test_a_device_used_with_more_addresses_than_the_limit_joins_none_of_them() -> None:
    groups, refused = resolve(*(f"e{n} d1" for n in range(1, 7)))
    assert groups == {"d1", *(f"e{n}" for n in range(1, 7))}
    assert set(refused.values()) == {Refusal.LIMIT_EXCEEDED}


def test_a_runaway_identifier_joins_nobody() -> None:
    rules = replace(RULES, alarm_threshold=3)
    groups, refused = resolve(*(f"e{n} d1" for n in range(1, 5)), "u1 e1", rules=rules)
    assert groups == {"d1", "e1 u1", "e2", "e3", "e4"}
    assert set(refused.values()) == {Refusal.RUNAWAY}


def test_what_a_steward_took_apart_does_not_rejoin_by_another_path() -> None:
    groups, refused = resolve("u1 a1", "u1 e1", "e1 a1", "a1 d1", "u1 d1", apart="u1-a1")
    assert groups == {"e1 u1", "a1", "d1"}
    assert refused["a1-u1"] is Refusal.STEWARD
    assert refused["a1-e1"] is Refusal.STEWARD


def test_an_anonymous_history_that_may_not_be_joined_stays_alone() -> None:
    groups, refused = resolve("u1 a1 d1", "a1 d1", unjoinable="a1")
    assert groups == {"d1 u1", "a1"}
    assert refused == {"a1-u1": Refusal.JOIN_NOT_PERMITTED, "a1-d1": Refusal.JOIN_NOT_PERMITTED}


def test_an_identifier_of_a_kind_the_policy_dropped_joins_nobody() -> None:
    rules = replace(RULES, kinds={kind: rule for kind, rule in RULES.kinds.items() if kind != "crm_id"})
    assert resolve("u1 c1 e1", rules=rules) == ({"e1 u1", "c1"}, {"c1-u1": Refusal.UNKNOWN_KIND})


def test_taking_one_link_back_restores_what_each_side_was() -> None:
    apart = resolve("u1 a1 d1", "a2 d2", "a2 d3")
    joined, _ = resolve("u1 a1 d1", "a2 d2", "u1 a2", "a2 d3")
    assert joined == {"a1 a2 d1 d2 d3 u1"}
    retracted = resolve("u1 a1 d1", "a2 d2", "u1 a2", "a2 d3", apart="u1-a2")[0]
    assert retracted == apart[0] == {"a1 d1 u1", "a2 d2 d3"}


def test_a_link_to_an_unlisted_identifier_is_an_error() -> None:
    with pytest.raises(InvalidInput):
        partition({blind("u1"): "user_id"}, [Link(blind("a1"), blind("u1"))], RULES)


def test_every_order_of_a_conflicting_set_gives_the_same_people() -> None:
    messages = ["u1 e1 a1", "u2 e1", "u2 d1", "u1 d1", "a1 d1"]
    outcomes = {str(sorted(resolve(*order)[0])) for order in itertools.permutations(messages)}
    assert len(outcomes) == 1


def test_the_chain_of_claims_between_two_identifiers_is_the_shortest() -> None:
    links = [link for claim in ("u1 e1", "e1 a1", "u1 a2", "a1 d1")
             for link in links_of(map(blind, claim.split()))]  # fmt: skip
    found = partition({end: KIND_OF[chr(end[0])] for link in links for end in link}, links, RULES)
    assert path(links, found, blind("a2"), blind("a1")) == (
        link_between(blind("a2"), blind("u1")),
        link_between(blind("u1"), blind("e1")),
        link_between(blind("e1"), blind("a1")),
    )
    assert path(links, found, blind("u1"), blind("u1")) == ()
    assert path(links, Partition((), ()), blind("u1"), blind("a1")) is None
