"""Sources bound to ranges of versions, events that name theirs, and transformations on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from registry.documents import parse
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.ingest import pipeline
from registry.flows.ingest.admission import Delivery, Status
from registry.flows.traffic.replay import replay
from registry.flows.traffic.trace import trace
from registry.model.clock import DAY, rfc3339
from registry.model.errors import NotFound, PlanNotFound
from tests.factories import track
from tests.simulator import Tenant

PLAN = """
plan: chairs
version: {version}
purposes: [service]
transformations: [{{do: rename, field: angleDegrees, to: angle}}]
events:
  - {{type: track, name: Chair Reclined, properties: {{angle: {{type: integer, maximum: {most}}}}}}}
"""


@dataclass
class Chairs:
    """A source of chairs."""

    tenant: Tenant
    key: str

    def send(self, **more: Any) -> pipeline.Receipt:
        deployment = self.tenant.registry.deployment
        source = credentials.source_of(deployment, self.key)
        call = track("Chair Reclined", "u-1", **more)
        return pipeline.ingest(deployment, self.tenant.workspace, [Delivery(source, [call], deployment.clock())])[0]


def published(tenant: Tenant, version: str, most: int) -> None:
    document = parse(PLAN.format(version=version, most=most), file="chairs.yaml")
    plans.publish(tenant.registry.deployment, tenant.workspace_id, document, actor="tester")


def bound(tenant: Tenant, version: str) -> Chairs:
    made = credentials.create_source(
        tenant.registry.deployment, tenant.workspace_id, name=f"chairs {version}", plan="chairs", version=version,
        actor="tester",
    )  # fmt: skip
    return Chairs(tenant, made.secret)


def named(version: str) -> dict[str, Any]:
    return {"plan": {"name": "chairs", "version": version}}


def accepted(receipt: pipeline.Receipt) -> bool:
    return receipt.counts[Status.ACCEPTED] == 1


def test_a_range_follows_what_is_published(tenant: Tenant) -> None:
    published(tenant, "1.0.0", 30)
    with pytest.raises(PlanNotFound):
        bound(tenant, "^2.0.0")
    pinned, ranged = bound(tenant, "1.0.0"), bound(tenant, "^1.0.0")
    assert not accepted(ranged.send(angle=40))
    published(tenant, "1.1.0", 60)
    published(tenant, "2.0.0", 90)
    assert accepted(ranged.send(angle=40))
    assert not accepted(ranged.send(angle=70))
    assert not accepted(pinned.send(angle=40))


def test_an_event_names_the_version_that_it_keeps(tenant: Tenant) -> None:
    published(tenant, "1.0.0", 30)
    published(tenant, "1.1.0", 60)
    published(tenant, "2.0.0", 90)
    pinned, ranged = bound(tenant, "1.0.0"), bound(tenant, "1.x")
    assert not accepted(ranged.send(angle=40, context=named("1.0.0")))
    assert accepted(ranged.send(angle=40, context=named("1.1.0")))
    for source, version in ((ranged, "2.0.0"), (ranged, "1.2.0"), (ranged, "x"), (pinned, "1.1.0")):
        [item] = source.send(angle=1, context=named(version)).items
        assert [violation.code for violation in item.violations] == ["plan_version_unknown"]
    assert accepted(pinned.send(angle=1, context={"plan": {"name": "premium", "version": "7"}}))


def test_what_was_transformed_is_in_the_events_provenance(tenant: Tenant) -> None:
    published(tenant, "1.0.0", 30)
    assert accepted(bound(tenant, "1.0.0").send(angleDegrees=20))
    [event] = tenant.timeline("user_id", "u-1")
    assert event["content"]["properties"] == {"angle": 20}
    assert event["content"]["transformed"] == ["/transformations/0"]


def test_a_source_is_bound_anew_and_what_waited_is_let_in(tenant: Tenant) -> None:
    published(tenant, "1.0.0", 30)
    source = bound(tenant, "1.0.0")
    happened = rfc3339(tenant.registry.clock() - DAY)  # the registry is shared: its clock may stand far ahead
    assert not accepted(source.send(angle=40, timestamp=happened))
    published(tenant, "1.1.0", 60)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    rebind = {"name": "chairs 1.0.0", "plan": "chairs", "actor": "tester"}
    assert credentials.bind_source(deployment, tenant.workspace_id, version="^1.0.0", **rebind) == "1.1.0"
    told: list[tuple[int, int]] = []
    counts = replay(deployment, workspace, actor="tester", progress=lambda done, total: told.append((done, total)))
    assert (counts["accepted"], told) == (1, [(1, 1)])
    assert tenant.timeline("user_id", "u-1")[0]["observed_at"] == happened
    with pytest.raises(NotFound):
        credentials.bind_source(deployment, tenant.workspace_id, version="1.0.0", **rebind | {"name": "nobody"})
    with pytest.raises(PlanNotFound):
        credentials.bind_source(deployment, tenant.workspace_id, version="9.0.0", **rebind)


def test_a_trait_s_provenance_and_the_trace_name_the_transformations(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    text = (
        "plan: people\nversion: 1.0.0\npurposes: [service]\n"
        "transformations:\n  - {do: rename, type: identify, field: favourite, to: taste}\n"
        "  - {do: drop, type: identify, field: never_sent}\n"
        "identify: {traits: {properties: {taste: {type: string}}}}\n"
    )
    plans.publish(deployment, tenant.workspace_id, parse(text, file="people.yaml"), actor="tester")
    made = credentials.create_source(
        deployment, tenant.workspace_id, name="people", plan="people", version="1.0.0", actor="tester"
    )
    source = credentials.source_of(deployment, made.secret)
    for number, traits in enumerate(({"favourite": "salt"}, {"taste": "salt"})):
        call = {"type": "identify", "userId": f"u-{number}", "messageId": f"m-{number}", "traits": traits}
        assert accepted(
            pipeline.ingest(deployment, tenant.workspace, [Delivery(source, [call], deployment.clock())])[0]
        )
    named_as = ["people@1.0.0#/transformations/0"]
    assert trace(deployment, tenant.workspace, "m-0")["transformed_by"] == named_as
    assert trace(deployment, tenant.workspace, "m-1")["transformed_by"] == []
    [chosen] = [t for t in tenant.lookup("user_id", "u-0", "service")["traits"] if t["trait"] == "taste"]
    assert chosen["provenance"]["transformed_by"] == named_as
    [chosen] = [t for t in tenant.lookup("user_id", "u-1", "service")["traits"] if t["trait"] == "taste"]
    assert "transformed_by" not in chosen["provenance"]
