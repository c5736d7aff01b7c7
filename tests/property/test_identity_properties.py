"""What holds of resolution for every set of messages, in every order."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.documents import check, parse
from registry.identity.explain import path
from registry.identity.links import Link, link_between, links_of
from registry.identity.resolve import Partition, partition
from registry.identity.rules import IdentityRules
from registry.model.ids import BlindIndex

ROOT = Path(__file__).parents[2]
KINDS = {"u": "user_id", "e": "email", "p": "phone", "a": "anonymous_id", "d": "device_id"}


def small_rules() -> IdentityRules:
    """The shipped policy with limits so low that random messages run into them."""
    document = parse((ROOT / "policies/identity.yaml").read_text(), file="policies/identity.yaml")
    check(document, json.loads((ROOT / "schemas/policies/identity.schema.json").read_text()))
    rules = IdentityRules.from_document(document)
    limits = {"user_id": 1, "crm_id": 1, "email": 2, "phone": 1, "anonymous_id": 3, "device_id": 2}
    kinds = {kind: replace(rule, limit=limits[kind]) for kind, rule in rules.kinds.items()}
    return replace(rules, kinds=kinds, alarm_threshold=6)


RULES = small_rules()
POOL = tuple(BlindIndex(f"{kind}{n}".encode().ljust(16, b"\0")) for kind in KINDS for n in range(4))
OF_KIND = {member: KINDS[chr(member[0])] for member in POOL}

message = st.lists(st.sampled_from(POOL), min_size=1, max_size=4, unique=True)
claims = st.lists(st.tuples(st.sampled_from(POOL), st.sampled_from(POOL)), max_size=25).map(
    lambda pairs: [link_between(one, other) for one, other in pairs if one != other]
)
pairs = st.frozensets(
    st.tuples(st.sampled_from(POOL), st.sampled_from(POOL)).filter(lambda ends: ends[0] < ends[1]), max_size=3
).map(lambda ends: frozenset(Link(*pair) for pair in ends))


def resolve(links: list[Link], refused: frozenset[Link] = frozenset()) -> Partition:
    return partition(OF_KIND, links, RULES, refused_pairs=refused)


@given(claims, pairs, st.randoms(use_true_random=False))
def test_arrival_order_does_not_decide_who_is_who(links: list[Link], refused: frozenset[Link], random: Random) -> None:
    shuffled = links + links[: len(links) // 2]
    random.shuffle(shuffled)
    assert resolve(links, refused) == resolve(shuffled, refused)


@given(claims, pairs)
def test_no_person_has_more_identifiers_of_a_kind_than_the_policy_allows(
    links: list[Link], refused: frozenset[Link]
) -> None:
    for group in resolve(links, refused).groups:
        held = Counter(OF_KIND[member] for member in group)
        assert all(count <= RULES.kinds[kind].limit for kind, count in held.items())


@given(claims, pairs)
def test_every_identifier_has_one_person_and_a_refused_pair_has_two(
    links: list[Link], refused: frozenset[Link]
) -> None:
    found = resolve(links, refused)
    assert sorted(member for group in found.groups for member in group) == sorted(POOL)
    of = {member: index for index, group in enumerate(found.groups) for member in group}
    assert all(of[pair.low] != of[pair.high] for pair in refused)
    across = {link for link in links if of[link.low] != of[link.high]}
    assert {Link(low, high) for low, high, _ in found.refused} == across


@given(claims, pairs)
def test_whoever_is_joined_is_joined_by_a_chain_of_claims(links: list[Link], refused: frozenset[Link]) -> None:
    found = resolve(links, refused)
    for group in found.groups:
        first = min(group)
        assert all(path(links, found, first, member) is not None for member in group)


@settings(max_examples=60)
@given(st.lists(message, max_size=10))
def test_resolving_only_what_a_message_touches_gives_what_resolving_everything_gives(
    messages: list[list[BlindIndex]],
) -> None:
    links: set[Link] = set()
    people: dict[BlindIndex, frozenset[BlindIndex]] = {member: frozenset((member,)) for member in POOL}
    for identifiers in messages:
        links |= set(links_of(identifiers))
        reach = set(identifiers)
        while more := {end for link in links if reach & set(link) for end in link} - reach:
            reach |= more
        inner = [link for link in links if link.low in reach]
        for group in partition({member: OF_KIND[member] for member in reach}, inner, RULES).groups:
            people.update(dict.fromkeys(group, group))
    assert set(people.values()) == set(resolve(list(links)).groups)


@given(claims)
def test_a_steward_s_refusal_of_a_merge_restores_both_sides_exactly(links: list[Link]) -> None:
    left = set(POOL[::2])
    cross = {link for link in links if (link.low in left) != (link.high in left)}
    before = resolve([link for link in links if link not in cross])
    after = resolve(links, frozenset(cross))
    assert after.groups == before.groups
    assert {refused for refused in after.refused if refused[:2] not in cross} == set(before.refused)
