"""The store against a small model of it: random interleavings of identify, alias, merge, unmerge, retract and erase."""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from registry.flows.stewards import deciding
from registry.identity.links import Link, Verdict, link_between
from registry.model.errors import Conflict, InvalidInput, KeyMissing, NotFound
from registry.model.ids import BlindIndex
from tests.factories import alias, identify, ordered
from tests.flows.identity_model import IdentityModel, Reference
from tests.flows.test_concurrency import _at_once
from tests.simulator import RegistrySimulator, Tenant

USERS = st.sampled_from([("user_id", name) for name in ("ada", "bob", "eve")])
BROWSERS = st.sampled_from([("anonymous_id", name) for name in ("b1", "b2", "b3")])
EMAILS = st.sampled_from([("email", name) for name in ("family@example.com", "ada@example.com")])
ANYBODY = st.one_of(USERS, BROWSERS, EMAILS)
STEWARD = "person:steward"

BOUNDED = settings(
    max_examples=14 if os.environ.get("HYPOTHESIS_PROFILE", "ci") == "ci" else 300,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def machine(registry: RegistrySimulator) -> type[RuleBasedStateMachine]:
    """The machine for a registry: each run in a workspace of its own."""

    class Identities(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.tenant = registry.tenant()
            indexer = self.tenant.workspace.indexer
            self.model = IdentityModel(registry.deployment.policies.identity, lambda who: indexer.index(*who))

        def _take(self, call: dict[str, Any], references: list[Reference]) -> None:
            counts = self.tenant.send(call).counts
            assert dict(counts) == {"accepted" if self.model.send(references) else "suppressed": 1}

        def _known(self, *who: Reference) -> bool:
            return set(who) <= set(self.model.known.values())

        @rule(user=USERS, email=st.none() | EMAILS, browser=st.none() | BROWSERS)
        def identify(self, user: Reference, email: Reference | None, browser: Reference | None) -> None:
            traits = {"email": email[1]} if email else {}
            call = identify(user[1], browser[1] if browser else None, **traits)
            self._take(call, [one for one in (user, email, browser) if one])

        @rule(browser=BROWSERS, email=EMAILS)
        def sign_up(self, browser: Reference, email: Reference) -> None:
            self._take(identify(None, browser[1], email=email[1]), [email, browser])

        @rule(user=USERS, browser=BROWSERS)
        def alias(self, user: Reference, browser: Reference) -> None:
            self._take(alias(browser[1], user[1]), [user, browser])

        @precondition(lambda self: self.model.known)
        @rule(one=ANYBODY, other=ANYBODY)
        def merge(self, one: Reference, other: Reference) -> None:
            people = self.tenant.person(*one), self.tenant.person(*other)
            arguments = registry.deployment, self.tenant.workspace, *people
            if not self._known(one, other):
                with pytest.raises(NotFound):
                    deciding.merge(*arguments, actor=STEWARD)
            elif self.model.together(one, other) or not self.model.merge(one, other):
                with pytest.raises(Conflict):
                    deciding.merge(*arguments, actor=STEWARD)
            else:
                deciding.merge(*arguments, actor=STEWARD)

        @precondition(lambda self: len(self.model.known) > 1)
        @rule(one=ANYBODY, other=ANYBODY)
        def keep_apart(self, one: Reference, other: Reference) -> None:
            if one != other and self._known(one, other):
                self.tenant.keep_apart(one, other)
                self.model.verdicts[link_between(self.model.index(one), self.model.index(other))] = Verdict.APART

        @precondition(lambda self: self.model.links)
        @rule(data=st.data())
        def retract(self, data: st.DataObject) -> None:
            known = self.model.known
            links = sorted(sorted((known[link.low], known[link.high])) for link in self.model.links)
            one, other = data.draw(st.sampled_from(links))
            ends = tuple(self.tenant.fragment(self.tenant.person(*who)) for who in (one, other))
            profile = self.tenant.profile(*one)
            assert profile is not None
            if not self.model.together(one, other):
                with pytest.raises(InvalidInput):
                    deciding.unmerge(
                        registry.deployment, self.tenant.workspace, profile, ends, Verdict.RETRACTED, actor=STEWARD
                    )
                return
            deciding.unmerge(
                registry.deployment, self.tenant.workspace, profile, ends, Verdict.RETRACTED, actor=STEWARD
            )
            self.model.verdicts[link_between(self.model.index(one), self.model.index(other))] = Verdict.RETRACTED

        @precondition(lambda self: self.model.known)
        @rule(who=ANYBODY)
        def erase(self, who: Reference) -> None:
            self.tenant.erase(*who)
            self.model.erase(who)

        @invariant()
        def the_store_says_what_the_model_says(self) -> None:
            assert self.tenant.people() == self.model.people()

    return Identities


def test_the_store_and_the_model_agree_on_who_is_who(shared: RegistrySimulator) -> None:
    run_state_machine_as_test(lambda: machine(shared)(), settings=BOUNDED)  # type: ignore[no-untyped-call]


def _as_stored(tenant: Tenant) -> set[frozenset[Reference]]:
    """Who is who by the links and decisions that lie in the store, all at once."""
    rows = tenant.registry.rows
    model = IdentityModel(tenant.registry.deployment.policies.identity, lambda _: BlindIndex(b""))
    people = {reference for person in tenant.people() for reference in person}
    model.known = {tenant.workspace.indexer.index(*reference): reference for reference in people}
    links = rows("SELECT low, high FROM link WHERE workspace_id = ?", tenant.workspace_id)
    model.links = {Link(BlindIndex(bytes(low)), BlindIndex(bytes(high))) for low, high in links}
    said = rows("SELECT low, high, verdict FROM steward_decision WHERE workspace_id = ?", tenant.workspace_id)
    model.verdicts = {Link(BlindIndex(bytes(a)), BlindIndex(bytes(b))): Verdict(verdict) for a, b, verdict in said}
    return model.people()


def test_writers_stewards_and_an_erasure_at_once_neither_deadlock_nor_lose_a_merge(
    postgres_registry: RegistrySimulator,
) -> None:
    """What each did is there at the end, and who is who is what all of it says together."""
    tenant = postgres_registry.tenant()
    users, browsers = [f"u{n}" for n in range(5)], [f"b{n}" for n in range(6)]
    tenant.send(*[ordered(user) for user in users], *[ordered(anonymous=browser) for browser in browsers])
    unforeseen: list[BaseException] = []
    done: Counter[str] = Counter()

    def writes(seed: int) -> None:
        random = Random(seed)
        for _ in range(12):
            user, browser = random.choice(users), random.choice(browsers)
            calls = [identify(user, browser, email=f"e{random.randrange(3)}@example.com"), alias(browser, user)]
            done.update(str(status) for status in tenant.send(*calls).counts.elements())

    def decides(seed: int) -> None:
        random = Random(seed)
        for _ in range(10):
            one, other = ("user_id", random.choice(users)), ("anonymous_id", random.choice(browsers))
            people = tenant.person(*one), tenant.person(*other)
            try:
                if random.random() < 0.5:
                    deciding.merge(postgres_registry.deployment, tenant.workspace, *people, actor=STEWARD)
                else:
                    tenant.keep_apart(one, other)
                done["decided"] += 1
            except (Conflict, NotFound, InvalidInput, KeyError, KeyMissing):
                done["refused"] += 1  # somebody else was quicker

    def guarded(job: Any, seed: int) -> None:
        try:
            job(seed)
        except BaseException as error:
            unforeseen.append(error)
            raise

    jobs = [lambda j=job, s=seed: guarded(j, s) for seed, job in enumerate((writes, writes, decides))]
    _at_once(*jobs, lambda: tenant.erase("user_id", "u4"))
    assert unforeseen == []
    assert done["decided"] > 0
    assert done["accepted"] + done["suppressed"] == 48
    assert tenant.people() == _as_stored(tenant)
    assert tenant.profile("user_id", "u4") is None
