"""Fuzzing: whatever comes, the answer is one that is documented, and never a 5xx.

In CI a bounded number of cases; `make fuzz` (HYPOTHESIS_PROFILE=long) runs 100,000 of each kind.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.core import NotSet
from schemathesis.specs.openapi import checks as openapi_checks

from registry.api.app import create_app
from tests.api.house import Desk, House
from tests.factories import identify, ordered, track, viewed

CASES = settings.default.max_examples if settings.default else 60
LONG = CASES > 1000
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]
pytestmark = pytest.mark.timeout(8 * 3600 if LONG else 180)
PURPOSES = ("service", "marketing", "analytics", "nothing")
KINDS = ("user_id", "email", "anonymous_id", "phone", "nothing")

DOCUMENT: dict[str, Any] = create_app(object(), cors_origins=()).openapi()  # type: ignore[arg-type]
STREAMS = "follow_consent_changes"
"""It does not end by itself."""


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: Any, value: Any) -> bytes:
    """Lines as they are; anything else as JSON."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document without `default` answers, since every status must be listed, and without keys of its own."""
    document = copy.deepcopy(document)
    for item in document["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default")
            operation["security"] = []
    return document


SCHEMA = schemathesis.openapi.from_dict(strict(DOCUMENT))
OPERATIONS = {
    operation.definition.raw["operationId"]: operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
    if operation.definition.raw["operationId"] != STREAMS
}
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


def body_of(operation: dict[str, Any]) -> jsonschema.Draft202012Validator | None:
    """What says whether a JSON body is one that the operation takes."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    return jsonschema.Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]})


@pytest.fixture(scope="module")
def lived_in(shared_house: House) -> Iterator[tuple[Desk, dict[str, list[str]]]]:
    """A workspace in which there is something to find, and the ids of it."""
    with ExitStack() as stack:
        desk = Desk(shared_house, stack)
        desk.send(
            identify("ada", "browser", email="ada@example.com", first_name="Ada"), ordered("ada"), track("No", "ada")
        )
        ada = {"kind": "user_id", "value": "ada"}
        profile = desk.admin.post("/v1/profiles/lookup", json={"subject": ada, "purpose": "service"}).json()[
            "profile_id"
        ]
        requests_ = []
        for kind in ("access", "erasure", "restriction", "portability"):
            opened = desk.admin.post("/v1/dsr/requests", json={"kind": kind, "subject": ada | {"value": f"{kind}-of"}})
            requests_.append(opened.json()["request_id"])
            desk.officer.post(f"/v1/dsr/requests/{requests_[-1]}/verify")
        for move in ("approve", "run"):  # one that has ended, with a certificate and a package
            assert desk.officer.post(f"/v1/dsr/requests/{requests_[0]}/{move}").status_code == 200
        made = desk.admin.post("/v1/keys", json={"kind": "app", "role": "app", "name": "to be revoked"}).json()
        known = {"profile_id": [profile], "request_id": requests_, "key_id": [made["key_id"]], "name": ["ecommerce"],
                 "version": ["1.0.0"], "write_key": [desk.tenant.keys.write]}  # fmt: skip
        yield desk, known


@pytest.mark.parametrize("name", OPERATIONS)
def test_fuzzed_requests_get_documented_answers(lived_in: tuple[Desk, dict[str, list[str]]], name: str) -> None:
    desk, known = lived_in
    operation = OPERATIONS[name]
    tracking = "tracking" in operation.definition.raw["tags"]
    headers = desk.tenant.basic() if tracking else desk.tenant.bearer(desk.tenant.keys.admin)
    modes = [schemathesis.GenerationMode.POSITIVE]
    if operation.body or operation.query or operation.headers:
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    may_be_left_out = not operation.definition.raw.get("requestBody", {}).get("required")
    session, takes = requests.Session(), None if tracking else body_of(operation.definition.raw)

    @settings(max_examples=CASES // len(OPERATIONS) if LONG else 16, deadline=None, suppress_health_check=QUIET)
    @given(data=st.data())
    def fuzz(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(modes))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for parameter in case.path_parameters:
            if parameter in known and data.draw(st.booleans()):
                case.path_parameters[parameter] = data.draw(st.sampled_from(known[parameter]))
        if "Registry-Purpose" in case.headers and data.draw(st.booleans()):
            case.headers["Registry-Purpose"] = data.draw(st.sampled_from(PURPOSES))
        answer = case.call(base_url=desk.house.url, headers=headers, session=session, timeout=20)
        signed = answer.headers.get("content-type") == ["application/jwt"]  # which schemathesis would read as JSON
        case.validate_response(answer, checks=CHECKS[:-1] if signed else CHECKS)
        if (
            takes is not None
            and not (may_be_left_out and isinstance(case.body, NotSet))
            and not takes.is_valid(case.body)
        ):
            assert answer.status_code >= 400, "a body that the document does not allow was taken"

    fuzz()
    session.close()


# Batches


texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "null", "ada", "eve", "ada@example.com", "a\0b", "\ud7ff", "🦊", "x" * 600, "-1", "2026-01-01T00:00:00Z"]
    ),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
contexts = st.one_of(
    values,
    st.fixed_dictionaries({}, optional={
        "consent": st.one_of(values, st.fixed_dictionaries({"categoryPreferences": st.dictionaries(
            st.sampled_from(["Analytics", "Advertising", "Functional", "other"]), st.booleans() | leaves)})),
        "consentManagement": st.fixed_dictionaries({}, optional={
            "deniedConsentIds": st.lists(texts) | leaves, "allowedConsentIds": st.lists(texts) | leaves}),
        "externalIds": st.lists(st.fixed_dictionaries({}, optional={
            "id": texts | leaves, "type": st.sampled_from(KINDS) | leaves, "collection": texts, "encoding": texts})),
        "traits": st.dictionaries(st.sampled_from(["email", "phone"]), texts | leaves), "device": values, "ip": texts,
    }),
)  # fmt: skip
numbers = st.integers(0, 10**9).map("m-{}".format)  # drawn, not counted: a case must be the same when it is run again
known_calls = st.builds(
    lambda make, user, anonymous, number: make(user, anonymous, messageId=number),
    st.sampled_from([identify, ordered, viewed]),
    texts | st.none(),
    texts | st.none(),
    numbers,
)
loose_calls = st.fixed_dictionaries({}, optional={
    "type": st.sampled_from(["track", "identify", "page", "screen", "group", "alias"]) | leaves,
    "userId": texts | leaves, "anonymousId": texts | leaves, "previousId": texts | leaves, "groupId": texts | leaves,
    "messageId": texts | leaves, "event": st.sampled_from(["Order Completed", "Product Viewed"]) | leaves,
    "name": leaves,
    "properties": values, "traits": values, "context": contexts, "integrations": values, "timestamp": leaves | texts,
    "originalTimestamp": leaves, "sentAt": leaves,
})  # fmt: skip
mutated_calls = st.builds(lambda call, more: {**call, **more}, known_calls, loose_calls)
calls = st.one_of(values, known_calls, loose_calls, mutated_calls)
bodies = st.fixed_dictionaries(
    {"batch": st.lists(calls, max_size=6)},
    optional={"sentAt": leaves, "context": contexts, "integrations": values, "writeKey": leaves},
)


@pytest.fixture(scope="module")
def fuzz_desk(shared_house: House) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(shared_house, stack)


@settings(max_examples=CASES if LONG else 200, suppress_health_check=[*QUIET, HealthCheck.function_scoped_fixture])
@given(body=bodies, good=numbers, place=st.integers(0, 6))
def test_fuzzed_batches_are_taken_in_and_every_call_is_accounted_for(
    fuzz_desk: Desk, body: dict[str, Any], good: str, place: int
) -> None:
    body["batch"].insert(place, ordered(f"good-{good}", messageId=f"good-{good}"))
    answer = fuzz_desk.sdk.post("/v1/batch", json=body)
    if answer.status_code != 200:
        # Only what the batch says for all of its calls may cost them all: too deep, or too large written out.
        assert answer.status_code in (400, 413)
        assert body.keys() & {"context", "integrations"}
        return
    told = answer.json()
    assert told["accepted"] + told["rejected"] + told["duplicate"] == len(body["batch"])
    listed = [row["status"] for row in told["results"]]
    assert listed.count("rejected") + listed.count("suppressed") == told["rejected"]
    assert listed.count("duplicate") == told["duplicate"]
    if not body.keys() & {"context", "integrations"}:
        refused = {row["messageId"] for row in told["results"] if row["status"] not in ("accepted", "duplicate")}
        assert f"good-{good}" not in refused, "whatever came with it, a good event is taken in"
    again = fuzz_desk.sdk.post("/v1/batch", json=body).json()
    named = sum(
        1
        for call in body["batch"]
        if isinstance(call, dict) and isinstance(call.get("messageId"), str) and call["messageId"]
    )
    assert again["duplicate"] >= named, "what has a message id is never taken in twice"


WHOLE = json.dumps({"batch": [ordered("ada", messageId="m-whole")], "sentAt": "2026-01-01T00:00:00Z"}).encode()


@settings(max_examples=CASES if LONG else 150, suppress_health_check=[*QUIET, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzzed_bytes_never_break_the_reader(fuzz_desk: Desk, data: st.DataObject) -> None:
    content = WHOLE
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content)))
        content = content[:place] + data.draw(st.binary(max_size=3)) + content[place + data.draw(st.integers(0, 3)) :]
    answer = fuzz_desk.sdk.post("/v1/batch", content=content)
    assert answer.status_code in (200, 400, 401)


@settings(max_examples=CASES if LONG else 200, suppress_health_check=[*QUIET, HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS) | texts, value=texts | leaves, purpose=st.sampled_from(PURPOSES) | texts, more=values
)
def test_fuzzed_checks_are_answered_or_refused(fuzz_desk: Desk, kind: str, value: Any, purpose: str, more: Any) -> None:
    question = {"subject": {"kind": kind, "value": value}, "purpose": purpose}
    for extra in ({}, {"categories": more}, {"at": more}, {"subject": more}, {"purpose": more}):
        assert fuzz_desk.app.post("/v1/consent/check", json=question | extra).status_code in (200, 400)
