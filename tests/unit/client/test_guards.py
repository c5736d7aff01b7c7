"""No consent, no call."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from registry.client import (
    AsyncRegistry,
    ConsentRequired,
    Decision,
    Registry,
    Subject,
    consent_dependency,
    consent_problem,
    email,
    require_consent,
)
from registry.client.fastapi import ConsentProblem
from tests.unit.client.conftest import DENIED, Loopback

PERSON = email("shopper@example.com")


@pytest.fixture
def registry(loopback: Loopback) -> Iterator[Registry]:
    with Registry(loopback.url, "app-key", cache_ttl=0) as client:
        yield client


def test_a_plain_function_runs_only_with_consent(loopback: Loopback, registry: Registry) -> None:
    sent: list[str] = []

    @require_consent("marketing", subject="customer", registry=registry, categories=["user.contact.email"])
    def send_offer(text: str, customer: Subject = PERSON) -> int:
        sent.append(text)
        return len(sent)

    assert send_offer.__name__ == "send_offer"
    assert send_offer("first") == 1
    assert send_offer("second", customer=PERSON) == 2
    assert loopback.asked[-1][2]["categories"] == ["user.contact.email"]
    loopback.answers(DENIED)
    with pytest.raises(ConsentRequired) as error:
        send_offer("third")
    assert error.value.decision.reason == "withdrawn"
    assert sent == ["first", "second"]


def test_the_subject_may_be_worked_out_from_the_arguments(loopback: Loopback, registry: Registry) -> None:
    @require_consent("marketing", subject=lambda order: email(order["email"]), registry=registry)
    def thank(order: dict[str, str]) -> str:
        return "thanked"

    assert thank({"email": "other@example.com"}) == "thanked"
    assert loopback.asked[0][2]["subject"]["value"] == "other@example.com"


@pytest.mark.parametrize("kind", [Registry, AsyncRegistry])
def test_the_place_of_the_person_is_asked_about_too(loopback: Loopback, kind: type[Registry | AsyncRegistry]) -> None:
    with Registry(loopback.url, "app-key", cache_ttl=0) as plain:
        require_consent("marketing", subject="who", registry=plain, jurisdiction="DE")(lambda who: None)(PERSON)

        @require_consent("marketing", subject="who", registry=plain, jurisdiction=lambda who, place: place)
        def send(who: Subject, place: str | None) -> None:
            """Nothing."""

        send(PERSON, "US-CA")
        send(PERSON, None)
    app, client = FastAPI(), kind(loopback.url, "app-key", cache_ttl=0)
    for place in ("FR", where_they_are):
        given = consent_dependency("marketing", subject=who, registry=client, jurisdiction=place)
        app.get(f"/{len(app.routes)}", dependencies=[Depends(given)])(lambda: "yes")
        assert request(app, "GET", f"/{len(app.routes) - 1}").status_code == 200
    assert [body.get("jurisdiction") for _, _, body in loopback.asked] == ["DE", "US-CA", None, "FR", "CH"]


def test_a_coroutine_function_runs_only_with_consent(loopback: Loopback) -> None:
    registry = AsyncRegistry(loopback.url, "app-key", cache_ttl=0)
    sent: list[Subject] = []

    @require_consent("marketing", subject="customer", registry=registry)
    async def send_offer(customer: Subject) -> bool:
        sent.append(customer)
        return True

    async def story() -> None:
        assert await send_offer(PERSON)
        loopback.answers(DENIED)
        with pytest.raises(ConsentRequired):
            await send_offer(PERSON)
        await registry.close()

    asyncio.run(story())
    assert len(sent) == 1


def test_a_server_that_fails_stops_the_call(loopback: Loopback, registry: Registry) -> None:
    @require_consent("marketing", subject="customer", registry=registry)
    def send_offer(customer: Subject) -> None:
        raise AssertionError("it ran")

    loopback.fails(500)
    with pytest.raises(ConsentRequired, match="not permitted for marketing: unavailable"):
        send_offer(PERSON)


def test_what_cannot_be_guarded_is_refused_at_once(loopback: Loopback, registry: Registry) -> None:
    waiting = AsyncRegistry(loopback.url, "app-key")

    def plain(customer: Subject) -> None: ...

    async def coroutine(customer: Subject) -> None: ...

    async def generator(customer: Subject) -> AsyncIterator[int]:
        yield 1

    def lazy(customer: Subject) -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError):
        require_consent("marketing", subject="customer", registry=waiting)(plain)
    with pytest.raises(TypeError):
        require_consent("marketing", subject="customer", registry=registry)(coroutine)
    with pytest.raises(TypeError):
        require_consent("marketing", subject="customer", registry=waiting)(generator)
    with pytest.raises(TypeError):
        require_consent("marketing", subject="customer", registry=registry)(lazy)
    with pytest.raises(TypeError):
        require_consent("marketing", subject="nobody", registry=registry)(plain)


def test_the_error_survives_a_task_queue() -> None:
    error = ConsentRequired(Decision(False, "withdrawn", "marketing"))
    assert pickle.loads(pickle.dumps(error)).decision == error.decision


def where_they_are(request: Request) -> str:
    return "CH" if request.headers["x-customer"] else ""


def who(request: Request) -> Subject:
    return email(request.headers["x-customer"])


def request(app: FastAPI, method: str, path: str) -> httpx.Response:
    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, path, headers={"x-customer": "shopper@example.com"})

    return asyncio.run(sent())


def app_of(client: Registry | AsyncRegistry) -> FastAPI:
    app = FastAPI()

    @app.get("/offers")
    async def offers(
        decision: Decision = Depends(consent_dependency("marketing", subject=who, registry=client)),
    ) -> str:
        return decision.reason

    return app


@pytest.mark.parametrize("kind", [Registry, AsyncRegistry])
def test_a_route_answers_only_with_consent(loopback: Loopback, kind: type[Registry] | type[AsyncRegistry]) -> None:
    app = app_of(kind(loopback.url, "app-key", cache_ttl=0))
    assert request(app, "GET", "/offers").json() == "granted"
    loopback.answers(DENIED)
    plain = request(app, "GET", "/offers")
    assert plain.status_code == 403
    assert plain.headers["content-type"] == "application/problem+json"
    assert plain.json() == {"detail": "not permitted for marketing: withdrawn"}

    app.add_exception_handler(ConsentProblem, consent_problem)
    app.middleware_stack = None  # made anew, with the handler
    whole = request(app, "GET", "/offers")
    assert (whole.status_code, whole.headers["content-type"]) == (403, "application/problem+json")
    assert whole.json() == {
        "type": "https://registry.invalid/problems/consent-required",
        "title": "This purpose is not permitted",
        "status": 403,
        "detail": "not permitted for marketing: withdrawn",
        "purpose": "marketing",
        "reason": "withdrawn",
    }


def test_a_guarded_function_in_a_route_answers_403_too(loopback: Loopback, registry: Registry) -> None:
    app = FastAPI()
    app.add_exception_handler(ConsentRequired, consent_problem)

    @require_consent("marketing", subject="customer", registry=registry)
    def send_offer(customer: Subject) -> None: ...

    @app.post("/send")
    def send() -> None:
        send_offer(PERSON)

    loopback.answers(DENIED)
    answer = request(app, "POST", "/send")
    assert (answer.status_code, answer.json()["reason"]) == (403, "withdrawn")
