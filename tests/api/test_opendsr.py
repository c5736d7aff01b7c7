"""OpenDSR 2.0 from a controller's side: what is sent, answered, signed, followed, cancelled and called back."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import DNSName, SubjectAlternativeName, load_pem_x509_certificate

from registry.flows.dsr import callbacks
from registry.flows.outgoing import endpoints
from registry.model.ids import text_id
from tests.api.house import Desk
from tests.factories import identify
from tests.receiver import receiving

REQUESTS = "/opendsr/v2/requests"


def asked(kind: str, *people: tuple[str, str], regulation: str = "gdpr", to: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "regulation": regulation,
        "subject_request_id": str(uuid4()),
        "subject_request_type": kind,
        "submitted_time": "2026-01-01T12:00:00Z",
        "subject_identities": [
            {"identity_type": name, "identity_value": value, "identity_format": "raw"} for name, value in people
        ],
        "api_version": "2.0",
        "status_callback_urls": list(to),
        "extensions": {"other.example": {"not": "ours"}},
    }


@pytest.fixture
def controller(desk: Desk) -> httpx.Client:
    return named(desk, "a controller")


def named(desk: Desk, name: str) -> httpx.Client:
    """A controller with a key of this name."""
    made = desk.admin.post("/v1/keys", json={"kind": "app", "role": "controller", "name": name}).json()
    return desk._stack.enter_context(desk.house.caller(authorization=f"Bearer {made['secret']}"))


def of_workspace(desk: Desk) -> dict[str, str]:
    return {"workspace": text_id(desk.tenant.workspace_id)}


def holds(desk: Desk, body: bytes, headers: Any) -> bool:
    """Whether the signature is that of the published certificate over the raw bytes; read without the project."""
    certificate = load_pem_x509_certificate(
        desk.nobody.get("/opendsr/v2/certificate", params=of_workspace(desk)).content
    )
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)
    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    assert headers["x-opendsr-processor-domain"] in names.get_values_for_type(DNSName)
    signature = base64.b64decode(headers["x-opendsr-signature"], validate=True)
    public.verify(signature, body, padding.PKCS1v15(), SHA256())
    return True


def status(controller: httpx.Client, sent: dict[str, Any]) -> Any:
    return controller.get(f"{REQUESTS}/{sent['subject_request_id']}").json()


def own(desk: Desk) -> dict[str, Any]:
    """The newest request, as an officer sees it."""
    return dict(desk.officer.get("/v1/dsr/requests").json()["requests"][0])


def finish(desk: Desk, *, by: tuple[str, ...] = ("approve", "run")) -> None:
    """An officer brings the newest request on."""
    for move in by:
        answer = desk.officer.post(f"/v1/dsr/requests/{own(desk)['request_id']}/{move}")
        assert answer.status_code == 200, answer.text


def found(desk: Desk, user: str) -> bool:
    subject = {"kind": "user_id", "value": user}
    return desk.app.post("/v1/profiles/lookup", json={"subject": subject, "purpose": "service"}).status_code == 200


def test_discovery_says_what_may_be_asked_for_and_needs_no_key(desk: Desk) -> None:
    told = desk.nobody.get("/opendsr/v2/discovery", params=of_workspace(desk)).json()
    assert told["supported_subject_request_types"] == ["access", "portability", "erasure"]
    assert {"identity_type": "email", "identity_format": "raw"} in told["supported_identities"]
    assert desk.nobody.get(httpx.URL(told["processor_certificate"]).raw_path.decode()).status_code == 200


def test_an_erasure_is_acknowledged_signed_worked_on_and_completed(desk: Desk, controller: httpx.Client) -> None:
    desk.send(identify("u-1", email="u-1@example.com"))
    sent = asked("erasure", ("email", "u-1@example.com"))
    raw = json.dumps(sent).encode()
    answer = controller.post(REQUESTS, content=raw)
    assert answer.status_code == 201
    assert holds(desk, answer.content, answer.headers)
    assert base64.b64decode(answer.json()["encoded_request"]) == raw
    assert answer.json()["subject_request_id"] == sent["subject_request_id"]
    assert status(controller, sent)["request_status"] == "pending"
    finish(desk, by=("approve",))
    assert status(controller, sent)["request_status"] == "in_progress"
    finish(desk, by=("run",))
    assert status(controller, sent)["request_status"] == "completed"
    assert not found(desk, "u-1")


def test_the_same_request_sent_again_is_one_request_and_another_under_its_id_is_refused(
    desk: Desk, controller: httpx.Client
) -> None:
    sent = asked("access", ("controller_customer_id", "u-2"))
    first, again = controller.post(REQUESTS, json=sent), controller.post(REQUESTS, json=sent)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(desk.officer.get("/v1/dsr/requests").json()["requests"]) == 1
    other = controller.post(REQUESTS, json=sent | {"subject_request_type": "erasure"})
    assert other.status_code == 400  # the specification's one status for what is the sender's fault
    assert other.json()["error"]["errors"][0]["reason"] == "conflict"


def test_whether_somebody_is_known_is_not_said(desk: Desk, controller: httpx.Client) -> None:
    desk.send(identify("u-3"))
    known, unknown = (
        controller.post(REQUESTS, json=asked("erasure", ("controller_customer_id", user))).json()
        for user in ("u-3", "x-9")
    )
    assert known.keys() == unknown.keys()
    assert known["expected_completion_time"] == unknown["expected_completion_time"]


def test_all_identities_of_a_request_are_the_person(desk: Desk, controller: httpx.Client) -> None:
    desk.send(identify("u-4"), identify("u-5"))
    sent = asked(
        "erasure", ("controller_customer_id", "u-4"), ("controller_customer_id", "u-5"), ("email", "x@y.example")
    )
    assert controller.post(REQUESTS, json=sent).status_code == 201
    finish(desk)
    assert not found(desk, "u-4")
    assert not found(desk, "u-5")
    assert desk.send(identify("u-5"))["rejected"] == 1


def test_an_identity_that_nobody_knew_beside_one_that_is_known_is_not_taken_in_later(
    desk: Desk, controller: httpx.Client
) -> None:
    desk.send(identify("u-4", email="u-4@y.example"))
    controller.post(REQUESTS, json=asked("erasure", ("email", "u-4@y.example"), ("controller_customer_id", "u-5")))
    finish(desk)
    assert [desk.send(identify(user))["rejected"] for user in ("u-4", "u-5", "u-6")] == [1, 1, 0]


def test_unknown_people_stay_unknown_under_every_identity(desk: Desk, controller: httpx.Client) -> None:
    controller.post(
        REQUESTS, json=asked("erasure", ("controller_customer_id", "n-1"), ("controller_customer_id", "n-2"))
    )
    finish(desk)
    assert [desk.send(identify(user))["rejected"] for user in ("n-1", "n-2", "n-3")] == [1, 1, 0]


def test_a_pending_request_is_cancelled_and_one_that_is_worked_on_is_not(desk: Desk, controller: httpx.Client) -> None:
    sent = asked("erasure", ("controller_customer_id", "u-6"))
    controller.post(REQUESTS, json=sent)
    gone = controller.delete(f"{REQUESTS}/{sent['subject_request_id']}")
    assert gone.status_code == 202
    assert holds(desk, gone.content, gone.headers)
    assert status(controller, sent)["request_status"] == "cancelled"
    later = asked("erasure", ("controller_customer_id", "u-6"))
    controller.post(REQUESTS, json=later)
    finish(desk, by=("approve",))
    assert controller.delete(f"{REQUESTS}/{later['subject_request_id']}").status_code == 409


def test_a_completed_access_leads_to_its_package(desk: Desk, controller: httpx.Client) -> None:
    desk.send(identify("u-7"))
    sent = asked("access", ("controller_customer_id", "u-7"), regulation="ccpa")
    controller.post(REQUESTS, json=sent)
    assert controller.get(f"{REQUESTS}/{sent['subject_request_id']}/results").status_code == 409
    finish(desk)
    package = controller.get(httpx.URL(status(controller, sent)["results_url"]).path)
    assert package.content[:2] == b"PK"
    assert (own(desk)["kind"], own(desk)["jurisdiction"]) == ("know", "ccpa")


def test_every_change_is_called_back_signed_and_in_order(desk: Desk, controller: httpx.Client) -> None:
    deployment, workspace = desk.tenant.registry.deployment, desk.tenant.workspace
    with receiving() as receiver:
        receiver.decide = lambda _: 503 if len(receiver.received) == 1 else 200
        sent = asked("erasure", ("controller_customer_id", "u-8"), to=(f"{receiver.url}/calls",))
        controller.post(REQUESTS, json=sent)
        finish(desk)
        [holder] = callbacks.due(deployment, workspace)
        assert callbacks.tell(deployment, workspace, holder) == 0  # nobody answered: later again
        assert callbacks.due(deployment, workspace) == []
        desk.house.clock.now += endpoints.FIRST_WAIT
        assert callbacks.tell(deployment, workspace, holder) == 2
        assert [one.json["request_status"] for one in receiver.received] == ["in_progress", "in_progress", "completed"]
        assert {one.json["status_callback_url"] for one in receiver.received} == {f"{receiver.url}/calls"}
        assert all(holds(desk, one.body, one.headers) for one in receiver.received)
        assert callbacks.due(deployment, workspace) == []
    rows = desk.tenant.registry.rows("SELECT sealed FROM opendsr_request WHERE holder_id = ?", holder)
    assert [tuple(row) for row in rows] == [(None,)]  # where to call is forgotten with the last status


def test_an_address_that_never_answers_keeps_no_other_from_being_told(desk: Desk, controller: httpx.Client) -> None:
    deployment, workspace = desk.tenant.registry.deployment, desk.tenant.workspace
    with receiving() as dead, receiving() as living:
        dead.status = 503
        living.decide = lambda _: 503 if len(living.received) == 1 else 200
        sent = asked("erasure", ("controller_customer_id", "u-9"), to=(f"{dead.url}/calls", f"{living.url}/calls"))
        controller.post(REQUESTS, json=sent)
        finish(desk, by=("approve",))
        [holder] = callbacks.due(deployment, workspace)
        assert [callbacks.tell(deployment, workspace, holder)] == [0]
        desk.house.clock.now += endpoints.FIRST_WAIT
        assert callbacks.tell(deployment, workspace, holder) == 1
        finish(desk, by=("run",))
        for _ in range(endpoints.ATTEMPTS):
            desk.house.clock.now += endpoints.LONGEST_WAIT
            for one in callbacks.due(deployment, workspace):
                callbacks.tell(deployment, workspace, one)
        told = [one.json["request_status"] for one in living.received]
        assert told == ["in_progress", "in_progress", "completed"], "each once that was taken"
        assert all(holds(desk, one.body, one.headers) for one in living.received)
        assert {one.json["request_status"] for one in dead.received} == {"in_progress"}
        assert len(dead.received) == endpoints.ATTEMPTS
    rows = desk.tenant.registry.rows("SELECT sealed, attempts FROM opendsr_request WHERE holder_id = ?", holder)
    assert [tuple(row) for row in rows] == [(None, 0)]


def test_one_that_is_forgotten_before_the_end_leaves_the_others_to_be_told_of_it(
    desk: Desk, controller: httpx.Client
) -> None:
    deployment, workspace = desk.tenant.registry.deployment, desk.tenant.workspace
    with receiving() as dead, receiving() as living:
        dead.status = 503
        sent = asked("erasure", ("controller_customer_id", "u-9"), to=(f"{dead.url}/calls", f"{living.url}/calls"))
        controller.post(REQUESTS, json=sent)
        finish(desk, by=("approve",))
        for _ in range(endpoints.ATTEMPTS + 1):
            for one in callbacks.due(deployment, workspace):
                callbacks.tell(deployment, workspace, one)
            desk.house.clock.now += endpoints.LONGEST_WAIT
        assert callbacks.due(deployment, workspace) == []
        finish(desk, by=("run",))
        [holder] = callbacks.due(deployment, workspace)
        assert callbacks.tell(deployment, workspace, holder) == 1
        assert [one.json["request_status"] for one in living.received] == ["in_progress", "completed"]
        assert len(dead.received) == endpoints.ATTEMPTS


def test_an_address_is_told_at_once_while_another_is_waited_for(desk: Desk, controller: httpx.Client) -> None:
    deployment, workspace = desk.tenant.registry.deployment, desk.tenant.workspace
    with receiving() as dead, receiving() as living:
        dead.status = 503
        sent = asked("erasure", ("controller_customer_id", "u-9"), to=(f"{dead.url}/calls", f"{living.url}/calls"))
        controller.post(REQUESTS, json=sent)
        finish(desk, by=("approve",))
        for _ in range(5):
            for one in callbacks.due(deployment, workspace):
                callbacks.tell(deployment, workspace, one)
            desk.house.clock.now += endpoints.LONGEST_WAIT
        for one in callbacks.due(deployment, workspace):
            callbacks.tell(deployment, workspace, one)
        tried = len(dead.received)
        assert callbacks.due(deployment, workspace) == []
        finish(desk, by=("run",))
        [holder] = callbacks.due(deployment, workspace)
        assert callbacks.tell(deployment, workspace, holder) == 1
        assert living.received[-1].json["request_status"] == "completed"
        assert len(dead.received) == tried, "its own wait goes on"
        assert callbacks.due(deployment, workspace) == []


def test_an_address_that_is_silent_once_is_not_forgotten_with_one_that_never_answers(
    desk: Desk, controller: httpx.Client
) -> None:
    deployment, workspace = desk.tenant.registry.deployment, desk.tenant.workspace
    with receiving() as dead, receiving() as living:
        dead.status = 503
        sent = asked("erasure", ("controller_customer_id", "u-9"), to=(f"{dead.url}/calls", f"{living.url}/calls"))
        controller.post(REQUESTS, json=sent)
        finish(desk, by=("approve",))
        for number in range(endpoints.ATTEMPTS):
            if number == endpoints.ATTEMPTS - 1:
                living.status = 503
                finish(desk, by=("run",))
            for one in callbacks.due(deployment, workspace):
                callbacks.tell(deployment, workspace, one)
            desk.house.clock.now += endpoints.LONGEST_WAIT
        assert len(dead.received) == endpoints.ATTEMPTS
        living.status = 200
        [holder] = callbacks.due(deployment, workspace)
        assert callbacks.tell(deployment, workspace, holder) == 1
        assert [one.json["request_status"] for one in living.received] == ["in_progress", "completed", "completed"]
        assert len(dead.received) == endpoints.ATTEMPTS


def test_a_callback_of_a_completed_access_says_where_its_package_is(desk: Desk, controller: httpx.Client) -> None:
    deployment = replace(desk.tenant.registry.deployment, public_url="https://registry.example")
    desk.send(identify("u-11"))
    with receiving() as receiver:
        sent = asked("access", ("controller_customer_id", "u-11"), to=(f"{receiver.url}/calls",))
        controller.post(REQUESTS, json=sent)
        finish(desk)
        [holder] = callbacks.due(deployment, desk.tenant.workspace)
        callbacks.tell(deployment, desk.tenant.workspace, holder)
        worked_on, completed = (one.json for one in receiver.received)
    assert "results_url" not in worked_on
    assert completed["results_url"] == f"https://registry.example{REQUESTS}/{sent['subject_request_id']}/results"
    assert completed["results_count"] == 1
    assert controller.get(httpx.URL(completed["results_url"]).path).content[:2] == b"PK"


def test_the_older_names_of_routes_and_headers_are_honoured(desk: Desk, controller: httpx.Client) -> None:
    old = "/opendsr/v1/opengdpr_requests"
    told = desk.nobody.get("/opendsr/v1/discovery", params=of_workspace(desk)).json()
    assert told["api_version"] == "1.0"
    sent = asked("erasure", ("controller_customer_id", "u-12"))
    del sent["regulation"]  # which the older versions do not have
    answer = controller.post(old, json=sent)
    assert answer.status_code == 201
    for name in ("Processor-Domain", "Signature"):
        assert answer.headers[f"x-opengdpr-{name}"] == answer.headers[f"x-opendsr-{name}"]
    assert holds(desk, answer.content, answer.headers)
    one = f"{old}/{sent['subject_request_id']}"
    assert controller.get(one).json() == status(controller, sent)
    assert controller.delete(one).status_code == 202
    assert status(controller, sent)["request_status"] == "cancelled"


@pytest.mark.parametrize("form", ["md5", "sha1", "sha256"])
def test_a_hashed_identity_is_refused_by_name_and_not_promised_by_discovery(
    desk: Desk, controller: httpx.Client, form: str
) -> None:
    offered = desk.nobody.get("/opendsr/v2/discovery", params=of_workspace(desk)).json()["supported_identities"]
    assert {one["identity_format"] for one in offered} == {"raw"}
    sent = asked("erasure", ("email", "u-13@example.com"))
    sent["subject_identities"].append({"identity_type": "email", "identity_value": "0a1b", "identity_format": form})
    answer = controller.post(REQUESTS, json=sent)
    assert answer.status_code == 400
    assert answer.json()["pointer"] == "/subject_identities/1"
    assert "discovery" in answer.json()["hint"]
    assert desk.officer.get("/v1/dsr/requests").json()["requests"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject_request_id": "planted"},
        {"subject_request_type": "planted"},
        {"regulation": "planted"},
        {"subject_identities": []},
        {"subject_identities": [{"identity_type": "planted", "identity_value": "x"}]},
        {"subject_identities": [{"identity_type": "email", "identity_value": "planted"}]},
        {"subject_identities": [{"identity_type": "email", "identity_value": "a@b.example", "identity_format": "md5"}]},
        {"status_callback_urls": ["http://planted.example/"]},
        {"submitted_time": "planted"},
        {"submitted_time": "2018 10 02T15:00:01Z"},
    ],
)
def test_what_cannot_be_taken_is_refused_in_both_forms_and_not_repeated(
    desk: Desk, controller: httpx.Client, wrong: dict[str, Any]
) -> None:
    answer = controller.post(REQUESTS, json=asked("erasure", ("email", "u-9@example.com")) | wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 400
    assert answer.json()["error"]["errors"][0]["domain"] == "localhost"
    assert "planted" not in answer.text
    assert desk.officer.get("/v1/dsr/requests").json()["requests"] == []


def test_a_controller_sees_nothing_but_its_own_requests(desk: Desk, controller: httpx.Client) -> None:
    desk.send(identify("u-9", email="u-9@example.com"))
    sent = asked("access", ("email", "u-9@example.com"))
    assert controller.post(REQUESTS, json=sent).status_code == 201
    other, where = named(desk, "another"), f"{REQUESTS}/{sent['subject_request_id']}"
    assert (other.get(where).status_code, other.delete(where).status_code) == (404, 404)
    assert other.post(REQUESTS, json=sent).status_code == 400
    finish(desk)
    assert other.get(f"{where}/results").status_code == 404
    in_its_place = named(desk, "A  controller")
    assert in_its_place.get(where).json()["request_status"] == "completed"
    assert in_its_place.get(f"{where}/results").status_code == 200
    assert controller.get("/v1/dsr/requests").status_code == 403
    assert controller.get(f"{REQUESTS}/{uuid4()}").status_code == 404
    assert desk.app.post(REQUESTS, json=asked("erasure", ("email", "u-9@example.com"))).status_code == 403
