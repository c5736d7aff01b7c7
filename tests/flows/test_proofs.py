"""Who asks is proved before anything is done; and whoever has not proved it learns nothing of anybody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import orjson
import pytest

from registry.dsr.requests import Kind, Move
from registry.dsr.verification import Seen
from registry.flows.accountability import verify
from registry.flows.dsr import intake, lifecycle, moves, proofs, proving
from registry.flows.dsr.intake import Wish
from registry.model.errors import Conflict, Forbidden, Overloaded, Unauthenticated
from registry.model.stored import StoredRequest
from registry.store import rows
from registry.store.database import Transaction
from tests.conftest import SetClock
from tests.factories import identify
from tests.post import Desk
from tests.simulator import Tenant

ADA, NOBODY = "ada@example.com", "nob@example.com"


@pytest.fixture
def desk(tenant: Tenant) -> Desk:
    return Desk(tenant)


def opened(desk: Desk, kind: Kind = Kind.ACCESS, email: str = ADA, **more: object) -> StoredRequest:
    wish = Wish(kind, desk.tenant.person("email", email), **more)  # type: ignore[arg-type]
    return intake.take(desk.deployment, desk.tenant.workspace, wish, actor="app:shop")[0]


def trusted(desk: Desk) -> None:
    desk.confirmed_by_newsletter(identify("ada", email=ADA))


def challenged(desk: Desk, request: StoredRequest) -> None:
    proving.ask(desk.deployment, desk.tenant.workspace, request.request_id, actor="app:shop")
    desk.deliver()


def by_code(desk: Desk, request: StoredRequest, code: str) -> StoredRequest:
    return proving.by_code(desk.deployment, desk.tenant.workspace, request.request_id, code, actor="app:shop")


def by_link(desk: Desk, token: str) -> StoredRequest:
    return proving.by_link(desk.deployment, desk.tenant.workspace, token, actor="app:shop")


def history(desk: Desk, request: StoredRequest) -> list[tuple[str, dict[str, str]]]:
    _, events = lifecycle.get(desk.deployment, desk.tenant.workspace, request.request_id)
    return [(event.action, orjson.loads(event.details) if event.details else {}) for event in events]


@pytest.mark.parametrize("means", ["code", "link"])
def test_a_mailbox_that_is_verified_on_file_proves_its_person(desk: Desk, means: str) -> None:
    trusted(desk)
    request = opened(desk)
    challenged(desk, request)
    after = by_code(desk, request, desk.box.code) if means == "code" else by_link(desk, desk.box.link)
    assert after.state == "verified"
    act, told = history(desk, request)[-1]
    assert (act, told) == ("verify", {"means": means, "address": "verified", "level": "verified"})


@pytest.mark.parametrize("kind", [Kind.OPT_OUT, Kind.LIMIT])
def test_a_kind_that_needs_no_proof_is_verified_as_it_comes_in(desk: Desk, kind: Kind) -> None:
    request = opened(desk, kind)
    assert request.state == "verified"
    assert history(desk, request) == [("open", {}), ("verify", {"level": "none"})]
    again = lifecycle.move_request(
        desk.deployment, desk.tenant.workspace, request.request_id, Move.VERIFY, actor="person:officer"
    )
    assert again == request, "saying so once more changes nothing"
    assert desk.tenant.run(request).state == "completed"


def test_an_address_that_a_trusted_source_saw_later_is_verified_too(desk: Desk) -> None:
    desk.tenant.send(identify("ada", email=ADA))
    trusted(desk)
    request = opened(desk)
    challenged(desk, request)
    assert by_code(desk, request, desk.box.code).state == "verified"


def test_a_mailbox_that_nobody_verified_is_a_proof_that_does_not_suffice(desk: Desk) -> None:
    desk.tenant.send(identify("ada", email=ADA))
    request = opened(desk)
    challenged(desk, request)
    assert by_code(desk, request, desk.box.code).state == "received"
    assert history(desk, request)[-1] == ("prove", {"means": "code", "address": "given"})
    done = proving.by_officer(
        desk.deployment, desk.tenant.workspace, request.request_id, [Seen.KNOWN_CONTACT], actor="person:officer"
    )
    assert done.state == "verified"


def test_the_person_of_a_user_id_is_asked_at_the_verified_address_on_file_and_nobody_else(desk: Desk) -> None:
    trusted(desk)
    for user in ("ada", "grace"):
        wish = Wish(Kind.ACCESS, desk.tenant.person("user_id", user))
        request, _ = intake.take(desk.deployment, desk.tenant.workspace, wish, actor="app:shop")
        challenged(desk, request)
    assert [to for to, _, _ in desk.box.sent] == [ADA]


def test_a_level_of_two_wants_two_channels(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from registry.dsr.verification import Address, Level, Means

    two = Level("two", 2, frozenset(Means), Address.VERIFIED)
    policy = desk.deployment.policies.verification
    strict = replace(policy, levels={**policy.levels, Kind.ACCESS: two})
    desk.deployment = replace(desk.deployment, policies=replace(desk.deployment.policies, verification=strict))
    trusted(desk)
    request = opened(desk)
    challenged(desk, request)
    assert by_code(desk, request, desk.box.code).state == "received"
    challenged(desk, request)
    assert by_link(desk, desk.box.link).state == "received", "the same mailbox again"
    done = proving.by_officer(desk.deployment, desk.tenant.workspace, request.request_id, actor="person:officer")
    assert done.state == "verified"
    told = proofs.standing(desk.deployment, desk.tenant.workspace, request.request_id)
    assert [proof["means"] for proof in told["proofs"]] == ["code", "link", "officer"]  # type: ignore[attr-defined]


def test_a_code_and_a_link_are_good_once_and_for_a_while(desk: Desk, clock: SetClock) -> None:
    request = opened(desk)
    challenged(desk, request)
    code, link = desk.box.code, desk.box.link
    by_code(desk, request, code)
    for again in (lambda: by_code(desk, request, code), lambda: by_link(desk, link)):
        with pytest.raises(Unauthenticated):
            again()
    challenged(desk, request)
    clock.pass_by(seconds=15 * 60 + 1)
    with pytest.raises(Unauthenticated):
        by_link(desk, desk.box.link)


def test_a_code_of_another_request_does_not_fit(desk: Desk) -> None:
    one, other = opened(desk), opened(desk)
    challenged(desk, one)
    code = desk.box.code
    challenged(desk, other)
    if desk.box.code != code:
        with pytest.raises(Unauthenticated):
            by_code(desk, other, code)


def test_wrong_codes_lock_whatever_the_request_until_time_has_passed(desk: Desk, clock: SetClock) -> None:
    request = opened(desk)
    challenged(desk, request)
    wrong = f"{(int(desk.box.code) + 1) % 1_000_000:06}"
    for _ in range(desk.deployment.policies.verification.attempts):
        with pytest.raises(Unauthenticated):
            by_code(desk, request, wrong)
    with pytest.raises(Overloaded) as caught:
        by_code(desk, request, desk.box.code)
    assert caught.value.retry_after_s == 3600
    another = opened(desk)
    with pytest.raises(Overloaded):
        by_code(desk, another, "000000")
    proving.by_officer(desk.deployment, desk.tenant.workspace, another.request_id, actor="person:officer")
    clock.pass_by(seconds=3601)
    challenged(desk, request)
    by_code(desk, request, desk.box.code)


def test_codes_that_are_tried_all_at_once_are_no_more_than_in_a_row(desk: Desk) -> None:
    request, together, outcomes = opened(desk), 16, list[type[Exception]]()
    challenged(desk, request)
    wrong, at_once = f"{(int(desk.box.code) + 1) % 1_000_000:06}", Barrier(together)

    def guess() -> None:
        at_once.wait()
        try:
            by_code(desk, request, wrong)
        except (Unauthenticated, Overloaded) as error:
            outcomes.append(type(error))

    guessing = [Thread(target=guess) for _ in range(together)]
    for one in guessing:
        one.start()
    for one in guessing:
        one.join()
    attempts = desk.deployment.policies.verification.attempts
    assert Counter(outcomes) == {Unauthenticated: attempts, Overloaded: together - attempts}


def test_nobody_is_flooded_with_codes(desk: Desk) -> None:
    request = opened(desk)
    for _ in range(desk.deployment.policies.verification.attempts):
        challenged(desk, request)
    with pytest.raises(Overloaded):
        challenged(desk, request)


def test_an_app_is_no_officer_and_whoever_opts_out_is_asked_nothing(desk: Desk) -> None:
    workspace = desk.tenant.workspace
    with pytest.raises(Forbidden):
        proving.by_officer(desk.deployment, workspace, opened(desk).request_id, actor="app:shop")
    free = opened(desk, Kind.OPT_OUT)
    assert proving.by_officer(desk.deployment, workspace, free.request_id, actor="app:shop").state == "verified"


def test_a_paused_request_goes_on_with_the_proof_that_it_was_paused_for(desk: Desk, clock: SetClock) -> None:
    trusted(desk)
    request = opened(desk)
    challenged(desk, request)
    lifecycle.move_request(desk.deployment, desk.tenant.workspace, request.request_id, Move.PAUSE, actor="person:a")
    clock.pass_by(seconds=60)
    after = by_code(desk, request, desk.box.code)
    assert after.state == "verified"
    assert [act for act, _ in history(desk, request)][-3:] == ["pause", "resume", "verify"]


def test_a_proof_that_does_not_suffice_lets_the_pause_go_on(desk: Desk, clock: SetClock) -> None:
    request = opened(desk)
    challenged(desk, request)
    workspace = desk.tenant.workspace
    lifecycle.move_request(desk.deployment, workspace, request.request_id, Move.PAUSE, actor="person:a")
    clock.pass_by(seconds=60)
    assert by_code(desk, request, desk.box.code).state == "paused"
    clock.pass_by(days=10)
    resumed = moves.move_request(desk.deployment, workspace, request.request_id, Move.RESUME, actor="person:a")
    assert (resumed.respond_by - request.respond_by) // 86_400_000_000 >= 8


def test_whoever_says_that_it_is_not_theirs_ends_it(desk: Desk) -> None:
    request = opened(desk)
    challenged(desk, request)
    after = proving.deny(desk.deployment, desk.tenant.workspace, desk.box.link, actor="app:privacy centre")
    assert (after.state, after.reason) == ("refused", "not_asked_for")
    with pytest.raises(Unauthenticated):
        by_link(desk, desk.box.link)


def test_what_proved_it_stands_in_the_certificate(desk: Desk) -> None:
    tenant = desk.tenant
    trusted(desk)
    for kind in (Kind.ACCESS, Kind.ERASURE):
        request = opened(desk, kind)
        challenged(desk, request)
        by_code(desk, request, desk.box.code)
        moves.move_request(desk.deployment, tenant.workspace, request.request_id, Move.APPROVE, actor="person:b")
        done = lifecycle.run(desk.deployment, tenant.workspace, request.request_id, actor="person:b")
        _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
        assert claims["requester"] == {"level": "verified", "by": ["code"]}


def test_neither_code_nor_link_nor_address_lies_in_the_database(desk: Desk) -> None:
    request = opened(desk)
    challenged(desk, request)
    code, link = desk.box.code, desk.box.link
    cells = b""
    for table in ("dsr_challenge", "dsr_letter", "dsr_event", "dsr_request", "audit_entry", "tries"):
        for row in desk.tenant.registry.rows(f"SELECT * FROM {table} WHERE workspace_id = ?", desk.tenant.workspace_id):
            cells += b"|".join(bytes(c) if isinstance(c, bytes | memoryview) else str(c).encode() for c in row) + b"|"
    assert not [secret for secret in (ADA, link, f"|{code}|", f'"{code}"') if secret.encode() in cells]


def told(row: StoredRequest) -> dict[str, object]:
    """What the interface says of a request, without what differs between any two."""
    from registry.api.dsr import request_json

    return {name: value for name, value in request_json(row).items() if name not in ("request_id", "subject")}


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE, Kind.RECTIFICATION, Kind.KNOW, Kind.OBJECTION])
def test_known_and_unknown_people_are_answered_and_written_to_alike(desk: Desk, kind: Kind) -> None:
    desk.tenant.send(identify("ada", email=ADA, first_name="Ada"))
    details: dict[str, object] = {"traits": {"first_name": "A"}, "purposes": ["marketing"]}

    def ask(email: str) -> list[object]:
        seen: list[object] = []
        desk.box.sent.clear()
        request = opened(desk, kind, email, details=details)
        seen.append(told(request))
        challenged(desk, request)
        for text in ("000000" if desk.box.code != "000000" else "000001", desk.box.code):
            try:
                seen.append(told(by_code(desk, request, text)))
            except Unauthenticated as error:
                seen.append((error.code, error.detail, error.hint))
        with pytest.raises(Unauthenticated) as caught:
            proving.by_login(
                desk.deployment, desk.tenant.workspace, opened(desk, kind, email, details=details).request_id,
                "no.token.at-all", actor="app:shop",
            )  # fmt: skip
        seen.append((caught.value.code, caught.value.detail))
        desk.deliver()
        mails = [(subject, len(text)) for _, subject, text in desk.box.sent]
        assert {to for to, _, _ in desk.box.sent} == {email}
        return [*seen, mails]

    assert ask(ADA) == ask(NOBODY)


def test_as_much_is_done_for_an_unknown_person_as_for_a_known_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statements of opening and proving: what takes time. They differ by what stores the scope, and no more."""
    desk.tenant.send(identify("ada", email=ADA))
    asked, driver, here = Counter[str](), rows._driver, threading.get_ident()

    def heard(transaction: Transaction) -> Any:
        asked["statements"] += threading.get_ident() == here  # others of this process ask, too
        return driver(transaction)

    monkeypatch.setattr(rows, "_driver", heard)

    def counted(act: Callable[[], object]) -> int:
        asked.clear()
        act()
        assert asked["statements"] > 2
        return asked["statements"]

    requests = [counted(lambda email=email: opened(desk, email=email)) for email in (ADA, NOBODY)]  # type: ignore[misc]
    assert abs(requests[0] - requests[1]) <= 3, requests
    known, unknown = opened(desk), opened(desk, email=NOBODY)
    asking = [
        counted(lambda r=r: proving.ask(desk.deployment, desk.tenant.workspace, r.request_id, actor="app:shop"))  # type: ignore[misc]
        for r in (known, unknown)
    ]
    assert asking[0] == asking[1]

    def wrong(request: StoredRequest) -> None:
        with pytest.raises(Unauthenticated):
            by_code(desk, request, "12")

    assert counted(lambda: wrong(known)) == counted(lambda: wrong(unknown))


def test_what_waits_for_no_proof_takes_none(desk: Desk) -> None:
    request = opened(desk)
    workspace = desk.tenant.workspace
    moves.move_request(desk.deployment, workspace, request.request_id, Move.CANCEL, actor="person:a")
    for act in (
        lambda: proving.ask(desk.deployment, workspace, request.request_id, actor="app:shop"),
        lambda: by_code(desk, request, "000000"),
        lambda: proving.by_officer(desk.deployment, workspace, request.request_id, actor="person:a"),
    ):
        with pytest.raises(Conflict):
            act()
