"""The end of what a hold had kept outside: once all systems are through, each is looked at once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from registry.dsr.accounting import FieldAccount
from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import holds, kept, resuming
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from registry.model.stored_holding import RetainedCase
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import Tenant


class Archive(Mailer):
    """A system whose rows come back when another erases: it is filled from that by a trigger."""

    rows = 0
    goes_away = is_silent = False

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        self.rows = 0
        return super().run(request_id, kind, people, corrections)

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        if self.is_silent:
            raise ConnectionError
        return {"records.address": self.rows}


class Crm(Mailer):
    """A system that is erased after the archive, and fills that the first time."""

    def __init__(self, archive: Archive) -> None:
        super().__init__({("records", "address"): "user.name"})
        self.name, self.archive = "crm", archive

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        self.archive.rows += 0 if self.erased or self.archive.goes_away else 1
        self.archive.is_silent = self.archive.goes_away
        return super().run(request_id, kind, people, corrections)

    def looked_for_where_described(self, people: Sequence[Identifier]) -> Sequence[str]:
        return ["user_id"]


@pytest.fixture
def archive(tenant: Tenant) -> Iterator[Archive]:
    """What a hold had kept in an archive and in the system that fills it, and holds no longer."""
    before = tenant.registry.deployment.linked
    archive = Archive({("records", "address"): "user.name"})
    connect(tenant.registry, archive, Crm(archive))
    tenant.send(identify("ada", email="ada@example.com"))
    person, deployment = tenant.person("email", "ada@example.com"), tenant.registry.deployment
    given: Any = {"ground": "claim 1", "purpose": "legal", "actor": "person:first", "categories": ("user.name",)}
    hold = holds.place(deployment, tenant.workspace, person, **given)
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    holds.release(deployment, tenant.workspace, hold.hold_id, actor="person:first")
    yield archive
    connect(tenant.registry, *before)  # type: ignore[arg-type]


def _end(tenant: Tenant) -> list[RetainedCase]:
    return kept.end_due(tenant.registry.deployment, tenant.workspace, actor="operator")


def _stated(tenant: Tenant, case: RetainedCase) -> dict[str, Any]:
    return dict(verify.document(case.certificate or "", tenant.workspace.jwks())[1])


def test_what_one_system_brings_back_in_another_is_erased_before_the_end_is_certified(
    tenant: Tenant, archive: Archive
) -> None:
    with pytest.raises(LinkedSystemUnavailable, match=r"mailer still has rows of this person: mailer\.records"):
        _end(tenant)
    assert archive.rows == 1
    [case] = _end(tenant)
    assert (archive.rows, archive.erased) == (0, 2)
    stated = _stated(tenant, case)
    assert {one["disposition"] for one in stated["fields"]} == {"erased"}
    assert stated["verification"]["looked_for_where_described"] == ["user_id"]


def test_a_system_that_is_away_for_the_last_look_can_be_gone_without_on_the_record(
    tenant: Tenant, archive: Archive
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    archive.goes_away = True
    for _ in range(2):
        with pytest.raises(LinkedSystemUnavailable, match="mailer failed"):
            _end(tenant)
    [case] = kept.listed(deployment, workspace)
    resuming.override(deployment, workspace, case.case_id, "mailer", reason="shut down", actor="person:officer")
    [case] = _end(tenant)
    assert archive.erased == 1
    grounds = {one["table"]: one.get("ground") for one in _stated(tenant, case)["fields"] if one["system"] == "mailer"}
    assert grounds["every table"] == "not reached; decided by person:officer: shut down"
