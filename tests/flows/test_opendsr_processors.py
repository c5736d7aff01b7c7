"""Processors outside, by OpenDSR: asked once, followed to their signed end, believed by nothing but their signature."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from registry import bootstrap
from registry.connectors.opendsr import OpenDsrProcessor
from registry.dsr.accounting import Disposition
from registry.dsr.requests import Kind, Move, State
from registry.flows.accountability import verify
from registry.flows.dsr import callbacks, called_back, lifecycle, planning
from registry.keys.certificates import CertifiedKey, PinnedCertificate
from registry.model.clock import to_datetime
from registry.model.errors import (
    Conflict,
    DocumentInvalid,
    Forbidden,
    InvalidInput,
    LinkedSystemUnavailable,
    NotFound,
    SettingInvalid,
)
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from registry.settings import Settings
from tests.api.house import House, house
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant


@dataclass
class Mailer:
    """Another registry, behind a real server: the processor."""

    house: House
    tenant: Tenant
    key: str

    @property
    def pem(self) -> bytes:
        with self.house.caller() as nobody:
            return nobody.get("/opendsr/v2/certificate").content

    def system(self, *, name: str = "mailer", key: str | None = None, callback: str | None = None) -> OpenDsrProcessor:
        pinned = PinnedCertificate.read(self.pem)
        return OpenDsrProcessor(
            name,
            f"{self.house.url}/opendsr/v2",
            bearer=key or self.key,
            signed=lambda d, body, signature: pinned.signed(d, body, signature, to_datetime(self.house.clock())),
            callback=callback,
        )

    def requests(self) -> list[StoredRequest]:
        return lifecycle.listed(self.tenant.registry.deployment, self.tenant.workspace, 10, None)

    def finish(self) -> None:
        """Its officer approves and runs what it was sent."""
        [request] = self.requests()
        deployment, workspace = self.tenant.registry.deployment, self.tenant.workspace
        lifecycle.move_request(deployment, workspace, request.request_id, Move.APPROVE, actor="person:their officer")
        lifecycle.run(deployment, workspace, request.request_id, actor="person:their officer")


@pytest.fixture
def mailer(tmp_path: Path) -> Iterator[Mailer]:
    simulator = RegistrySimulator(tmp_path / "mailer", SetClock())
    tenant = simulator.tenant()
    with house(simulator) as opened, opened.caller(authorization=f"Bearer {tenant.keys.admin}") as admin:
        made = admin.post("/v1/keys", json={"kind": "app", "role": "controller", "name": "the shop"}).json()
        tenant.send(identify("ada", email="ada@example.com"))
        yield Mailer(opened, tenant, made["secret"])
    simulator.close()


@pytest.fixture
def shop(registry: RegistrySimulator) -> Tenant:
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"))
    return made


def link(registry: RegistrySimulator, system: OpenDsrProcessor) -> None:
    registry.deployment = replace(registry.deployment, linked=(system,))
    registry.workspaces._deployment = registry.deployment


def opened(shop: Tenant, kind: Kind = Kind.ERASURE, *, value: str = "ada@example.com") -> StoredRequest:
    """A request of the shop's, verified and approved."""
    deployment, workspace = shop.registry.deployment, shop.workspace
    made = lifecycle.open_request(
        deployment, workspace, kind=kind, person=shop.person("email", value), actor="person:one",
        details={"purposes": ["marketing"]} if kind is Kind.OBJECTION else None,
    )  # fmt: skip
    for by, actor in ((Move.VERIFY, "person:one"), (Move.APPROVE, "person:two")):
        made = lifecycle.move_request(deployment, workspace, made.request_id, by, actor=actor)
    return made


def run(shop: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.run(shop.registry.deployment, shop.workspace, request.request_id, actor="person:two")


def told_of(shop: Tenant, done: StoredRequest) -> dict[str, str]:
    _, claims = verify.document(done.certificate or "", shop.workspace.jwks())
    [account] = [f for f in claims["fields"] if f["system"] == "mailer"]  # type: ignore[attr-defined]
    return dict(account)


def test_an_erasure_is_sent_on_once_waited_for_and_certified(mailer: Mailer, shop: Tenant) -> None:
    registry = shop.registry
    link(registry, mailer.system())
    request = opened(shop)
    for _ in range(2):
        with pytest.raises(LinkedSystemUnavailable) as waits:
            run(shop, request)
        assert waits.value.extra["request_status"] == "pending"
        assert "ada@" not in str(waits.value.detail)
    assert len(mailer.requests()) == 1
    mailer.finish()
    done = run(shop, request)
    assert State(done.state) is State.COMPLETED
    assert told_of(shop, done)["disposition"] == "erased"
    assert "signed statement" in told_of(shop, done)["ground"]
    assert mailer.tenant.profile("email", "ada@example.com") is None
    assert mailer.tenant.profile("user_id", "ada") is None


def test_a_signed_callback_ends_the_waiting_and_a_forged_one_does_nothing(mailer: Mailer, shop: Tenant) -> None:
    registry = shop.registry
    with house(registry) as own, own.caller() as anybody:
        address = f"{own.url}/opendsr/v2/callbacks/mailer"
        link(registry, mailer.system(callback=address))
        own.app.state.registry.deployment = registry.deployment
        request = opened(shop)
        with pytest.raises(LinkedSystemUnavailable):
            run(shop, request)
        assert lifecycle.due(registry.deployment, shop.workspace) == []  # its turn comes in a minute
        mailer.finish()
        theirs, workspace = mailer.tenant.registry.deployment, mailer.tenant.workspace
        forged = {"subject_request_id": text_id(request.request_id), "status_callback_url": address}
        assert anybody.post("/opendsr/v2/callbacks/mailer", json=forged).status_code == 403
        assert anybody.post("/opendsr/v2/callbacks/nobody", json=forged).status_code == 404
        assert lifecycle.due(registry.deployment, shop.workspace) == []
        [holder] = callbacks.due(theirs, workspace)
        assert callbacks.tell(theirs, workspace, holder) == 2  # in progress, completed
        [due] = lifecycle.due(registry.deployment, shop.workspace)
        assert State(lifecycle.go_on(registry.deployment, shop.workspace, due).state) is State.COMPLETED


def test_a_callback_for_another_address_is_not_taken(mailer: Mailer, shop: Tenant) -> None:
    link(shop.registry, mailer.system(callback="https://shop.example/opendsr/v2/callbacks/mailer"))
    body = b'{"subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798", "status_callback_url": "https://x.example"}'
    theirs, workspace = mailer.tenant.registry.deployment, mailer.tenant.workspace
    headers = {k.lower(): v for k, v in callbacks.signed_headers(theirs, workspace, "localhost", body).items()}
    with pytest.raises(Forbidden):
        called_back.take(shop.registry.deployment, "mailer", body, headers)
    with pytest.raises(NotFound):
        called_back.take(shop.registry.deployment, "nobody", body, headers)
    headers = {k.lower(): v for k, v in callbacks.signed_headers(theirs, workspace, "localhost", b"[]").items()}
    with pytest.raises(InvalidInput):
        called_back.take(shop.registry.deployment, "mailer", b"[]", headers)


def test_answers_of_another_certificate_or_after_its_end_are_not_believed(mailer: Mailer, shop: Tenant) -> None:
    now = to_datetime(shop.registry.clock())
    other = PinnedCertificate.read(CertifiedKey.generate().certificate("localhost", now).encode())
    stranger = mailer.system()
    stranger._signed = lambda domain, body, signature: other.signed(domain, body, signature, now)
    link(shop.registry, stranger)
    with pytest.raises(LinkedSystemUnavailable):
        run(shop, opened(shop))
    pinned = PinnedCertificate.read(mailer.pem)
    body, workspace = b"{}", mailer.tenant.workspace
    headers = callbacks.signed_headers(mailer.tenant.registry.deployment, workspace, "localhost", body)
    signature = base64.b64decode(headers["X-OpenDSR-Signature"])
    assert pinned.signed("LOCALHOST", body, signature, now)
    assert not pinned.signed("other.example", body, signature, now)
    assert not pinned.signed("localhost", body + b" ", signature, now)
    assert not pinned.signed("localhost", body, signature, now.replace(year=now.year + 11))


def test_what_a_processor_cannot_be_asked_for_is_in_the_plan_with_its_ground(mailer: Mailer, shop: Tenant) -> None:
    system = mailer.system()
    link(shop.registry, system)
    people = [shop.person("email", "ada@example.com")]
    erasing, [anonymous] = system.plan(Kind.ERASURE, people), [shop.person("anonymous_id", "b1")]
    assert [a.disposition for a in erasing.accounts] == [Disposition.ERASED]
    [nobody] = system.plan(Kind.ERASURE, [anonymous]).accounts
    assert (nobody.disposition, nobody.ground) == (
        Disposition.RETAINED, "the processor finds nobody by the identifiers that are known"
    )  # fmt: skip
    assert list(system.export(people)) == []
    assert system.run(text_id(b"\0" * 16), Kind.ERASURE, [anonymous], {}) == [nobody]
    [objection] = system.plan(Kind.OBJECTION, people).accounts
    assert objection.ground == "the processor takes no request of this type"
    assert State(run(shop, opened(shop, Kind.OBJECTION)).state) is State.COMPLETED
    assert mailer.requests() == []


def test_a_processor_that_is_down_or_knows_no_key_is_told_in_the_plan(mailer: Mailer, shop: Tenant) -> None:
    link(shop.registry, mailer.system(key="wrong"))
    with pytest.raises(LinkedSystemUnavailable):
        run(shop, opened(shop))
    down = OpenDsrProcessor(
        "mailer", "http://127.0.0.1:9/v2", bearer=None, signed=lambda *_: False, callback=None
    )  # fmt: skip
    link(shop.registry, down)
    request = lifecycle.open_request(
        shop.registry.deployment, shop.workspace, kind=Kind.ERASURE,
        person=shop.person("email", "eve@example.com"), actor="person:one",
    )  # fmt: skip
    plan = planning.plan_of(shop.registry.deployment, shop.workspace, request.request_id)
    assert plan.unreachable == ["mailer"]
    with pytest.raises(Conflict, match="not every system answers") as caught:
        planning.require_decided(shop.registry.deployment, shop.workspace, request.request_id)
    assert caught.value.extra["tables"] == ["mailer"]
    assert "wrong" not in repr(mailer.system(key="wrong"))


def test_the_file_of_processors_is_held_against_its_schema(mailer: Mailer, tmp_path: Path) -> None:
    (tmp_path / "mailer.pem").write_bytes(mailer.pem)
    file, good = tmp_path / "processors.yaml", f"  - {{name: mailer, url: '{mailer.house.url}/opendsr/v2', "

    def loaded(entry: str) -> list[OpenDsrProcessor]:
        file.write_text(f"version: 1\nprocessors:\n{entry}\n")
        settings = Settings(data_dir=tmp_path, processors=file, public_url="https://shop.example/")
        return bootstrap.processors(settings, mailer.tenant.registry.deployment.outgoing)

    os.environ["MAILER_KEY"] = mailer.key
    try:
        [system] = loaded(good + "certificate: mailer.pem, bearer_from: MAILER_KEY}")
    finally:
        del os.environ["MAILER_KEY"]
    assert system._callback == "https://shop.example/opendsr/v2/callbacks/mailer"
    assert system.plan(Kind.ERASURE, [mailer.tenant.person("user_id", "ada")]).unreachable is None
    for wrong, error in (
        ("certificate: mailer.pem, bearer_from: MAILER_KEY}", SettingInvalid),
        ("certificate: none.pem}", SettingInvalid),
        ("certificate: processors.yaml}", SettingInvalid),
        ("certificate: mailer.pem, password: x}", DocumentInvalid),
    ):
        with pytest.raises(error):
            loaded(good + wrong)
    with pytest.raises(InvalidInput):
        loaded("  - {name: mailer, url: 'http://mailer.example/v2', certificate: mailer.pem}")


def test_an_answer_that_never_ends_is_cut(mailer: Mailer) -> None:
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    from tests.api.house import serving

    async def endless(_: object) -> StreamingResponse:
        async def chunks():  # type: ignore[no-untyped-def]
            for _ in range(4096):  # 256 MiB
                yield b"x" * 65536

        return StreamingResponse(chunks())

    app = Starlette(routes=[Route("/{path:path}", endless)])
    with serving(app) as url:  # type: ignore[arg-type]
        system = OpenDsrProcessor("mailer", url, bearer=None, signed=lambda *_: True, callback=None)
        with pytest.raises(LinkedSystemUnavailable, match="too much"):
            system.plan(Kind.ERASURE, [])
