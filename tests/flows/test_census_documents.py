"""What is generated from the census: records of processing, breach impact, the skeleton of an assessment."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.census import Handling
from registry.dsr.declarations import DECLARED
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import Kind
from registry.flows.accountability import breach, inventory, outside, verify
from registry.flows.acts.outbox import Topic
from registry.flows.outgoing import destinations, webhooks
from registry.flows.outgoing.destinations import DestinationKind
from registry.model.clock import DAY, parse_rfc3339, rfc3339
from registry.model.errors import InvalidInput, NotFound
from registry.model.message import Identifier
from registry.store.breach import PLACES
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import ALL_YES, RegistrySimulator, Tenant


class _Archive:
    """A system outside with one field, which is kept."""

    name = "archive"

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        ground = "bookkeeping (Art. 17(3)(b) GDPR)"
        accounts = [FieldAccount(self.name, "box", "letter", Disposition.RETAINED, 0, ground)]
        return SystemPlan(self.name, accounts, categories={("box", "letter"): "user.contact.address"})


class _Down:
    """A system outside that does not answer."""

    name = "down"

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        raise ConnectionError("somebody@example.com")


class _DownAndDescribed(_Down):
    """One whose description tells what it holds."""

    name = "off the net"
    declared = (("letters", "street", "user.contact.address"), ("letters", "weight", None), ("box", "label", "user"))


def _impact(tenant: Tenant, **known: object) -> breach.Impact:
    incident = breach.Incident(**known)  # type: ignore[arg-type]
    return breach.assess(tenant.registry.deployment, tenant.workspace, incident, actor="operator")


def test_records_of_processing_name_every_purpose_and_every_personal_field(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    found = inventory.records(deployment, tenant.workspace)
    purposes = set(deployment.policies.purposes.purposes)
    assert {activity["purpose"] for activity in found["activities"]} == purposes
    assert len(found["fields"]) == len([field for field in DECLARED if field.is_personal])
    page = inventory.records_html(found)
    rows = list(csv.DictReader(io.StringIO(inventory.records_csv(found).removeprefix(inventory.MARK))))
    assert {row["purpose"] for row in rows} == purposes
    for activity in found["activities"]:
        assert activity["title"] in page
        assert activity["retention_days"] > 0
        assert activity["categories"]
    of_mail = [one for one in found["plan_fields"] if one["pointer"].endswith("/traits/properties/email")]
    assert "user.contact.email" in of_mail[0]["categories"]
    assert all(f"{one['event']}" in page for one in found["plan_fields"])


def test_records_of_processing_name_who_receives_what(tenant: Tenant) -> None:
    deployment = replace(tenant.registry.deployment, linked=(_Down(), _Archive()))
    destinations.create(
        deployment, tenant.workspace_id, name="newsletter", kind=DestinationKind.WEBHOOK, purpose="marketing",
        url="https://mail.example/in", actor="operator",
    )  # fmt: skip
    found = inventory.records(deployment, tenant.workspace)
    by_purpose = {one["purpose"]: one for one in found["activities"]}
    assert "newsletter" in by_purpose["marketing"]["recipients"]
    assert "newsletter" not in by_purpose["service"]["recipients"]
    told = {(one["system"], one["field"]): one["erasure"] for one in found["outside_fields"]}
    assert told == {("down", None): None, ("archive", "letter"): "retained"}
    assert found["outside_fields"][1]["category"] == "user.contact.address"
    page = inventory.records_html(found)
    assert "bookkeeping" in page
    assert "it does not answer now" in page


def test_a_cell_is_no_formula_of_a_spreadsheet(tenant: Tenant) -> None:
    found = inventory.records(tenant.registry.deployment, tenant.workspace)
    found["activities"][0]["title"] = "=1+1"
    found["controller"] |= {"name": "=2", "data_protection_officer": "\t=3"}
    row = next(csv.DictReader(io.StringIO(inventory.records_csv(found).removeprefix(inventory.MARK))))
    assert [row[name] for name in ("title", "controller", "data_protection_officer")] == ["'=1+1", "'=2", "'\t=3"]


def test_an_activity_for_all_data_names_the_categories_of_plans_too(tenant: Tenant) -> None:
    found = inventory.records(tenant.registry.deployment, tenant.workspace)
    activities = {activity["purpose"]: set(activity["categories"]) for activity in found["activities"]}
    for field in found["plan_fields"]:
        if "service" in field["purposes"]:
            assert set(field["categories"]) <= activities["service"]


def test_the_assessment_names_every_table_of_people_and_every_system(tenant: Tenant) -> None:
    text = inventory.assessment(replace(tenant.registry.deployment, linked=(_Archive(),)), tenant.workspace)
    said = text.partition("A person's data lies in ")[2].partition(".")[0].split(", ")
    assert {"event", "quarantine", "violation", "dsr_request", "retained_item", "key_bundle"} <= set(said)
    assert "archive (connected system)" in text
    assert text.count("Its legitimate interest") == 1
    assert "Accounts that are broken into" in text  # the balancing of the policy


def test_the_assessment_fills_in_what_is_known_and_leaves_the_rest_to_answer(tenant: Tenant) -> None:
    text = inventory.assessment(tenant.registry.deployment, tenant.workspace)
    for purpose in tenant.registry.deployment.policies.purposes.purposes:
        assert f"`{purpose}`" in text
    assert text.count("…") > 15
    assert "suppression" in text
    assert "{{" not in text


def test_a_breach_is_narrowed_by_table_source_time_and_generation(tenant: Tenant, clock: SetClock) -> None:
    start = clock()
    tenant.send(identify("ada", email="ada@example.com", context=consent(**ALL_YES)), ordered("ada"), viewed("ada"))
    clock.pass_by(days=2)
    tenant.send(identify("bob", email="bob@example.com"), ordered("bob"))
    everything = _impact(tenant)
    assert everything.told["people"] == 2
    assert everything.told["since"] == rfc3339(start)
    assert {"service", "analytics"} <= set(everything.told["purposes"])  # type: ignore[call-overload]
    assert "user.contact.email" in everything.told["categories"]  # type: ignore[operator]
    [gdpr] = [law for law in everything.told["notify"]["laws"] if law["law"] == "gdpr"]
    assert gdpr["authority"]["by"] == rfc3339(clock() + 3 * DAY)
    assert gdpr["people"]["by"] is None
    early = _impact(tenant, until=start + DAY)
    assert early.profiles == [tenant.profile("user_id", "ada")]
    late = _impact(tenant, since=start + DAY, table="event", source="shop")
    assert late.profiles == [tenant.profile("user_id", "bob")]
    assert late.told["rows"] == {"event": 2}
    sent = _impact(tenant, source="shop").told["rows"]
    assert {t: sent[t] for t in ("consent_record", "consent_state")} == {"consent_record": 3, "consent_state": 3}
    first = tenant.registry.deployment.keyring.generation(tenant.workspace_id)
    assert _impact(tenant, generation=first).told["rows"] == everything.told["rows"]
    none = _impact(tenant, generation=first + 1)
    assert (none.told["people"], none.told["key_bundles_by_generation"]) == (0, {str(first + 1): 0})


def test_what_is_held_of_people_without_a_profile_is_counted_in_a_breach_beside_the_people(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("nobody", products=7))  # the latter is rejected
    tenant.request(Kind.ACCESS, "user_id", "ada")
    for stranger in ("eve", "mallory"):
        tenant.request(Kind.ACCESS, "user_id", stranger)
    told = _impact(tenant).told
    assert told["people"] == 1
    assert told["without_profile"] == {"quarantine": 1, "dsr_request": 2}
    assert _impact(tenant, table="dsr_request").told["without_profile"] == {"dsr_request": 2}
    assert _impact(tenant, table="event").told["without_profile"] == {}


def test_every_table_that_is_declared_to_hold_content_can_be_asked_about() -> None:
    holding = {field.table for field in DECLARED if field.handling in breach.CONTENT}
    assert set(PLACES) == holding
    sealed = {f.table for f in DECLARED if f.field in breach.SEALED and f.handling is not Handling.OPERATION}
    assert sealed - holding == {"audit_detail"}, "what is sealed of people is content, or a message of whom it is about"


def test_an_erasure_that_waits_to_be_told_is_in_a_breach_and_its_certificate_says_why_it_is_kept(
    tenant: Tenant,
) -> None:
    webhooks.create(
        tenant.registry.deployment, tenant.workspace_id, name="a shop's mailing", url="http://127.0.0.1:9/hook",
        topics=[Topic.SUBJECT_ERASED], purpose="service", actor="operator",
    )  # fmt: skip
    tenant.send(identify("ada", email="ada@example.com"))
    done = tenant.erase("user_id", "ada")
    told = _impact(tenant, table="destination_erasure").told
    assert (told["rows"], told["people"]) == ({"destination_erasure": 1}, 0)
    assert told["without_profile"] == {"destination_erasure": 1}
    assert told["categories"] == ["user.contact", "user.unique_id"]
    assert told["sealed_fields"] == ["destination_erasure.sealed"]
    assert sum(told["key_bundles_by_generation"].values()) == 1  # type: ignore[attr-defined]
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    [sealed] = [one for one in fields if (one["table"], one["field"]) == ("destination_erasure", "sealed")]
    assert (sealed["disposition"], "until it has been told" in sealed["ground"]) == ("retained", True)


def test_a_breach_names_what_the_rows_hold_as_their_plans_declare_it(tenant: Tenant) -> None:
    tenant.send(identify("eve", email="eve@example.com"), ordered("eve"))
    tenant.send(identify("mal", email="mal@example.com"), track("Product Added", "mal", price=-1.0))
    told = _impact(tenant).told
    assert told["categories_by_table"]["identifier"] == ["user.contact.email", "user.unique_id"]
    assert told["categories_by_table"]["trait_assertion"] == ["user.contact.email"]
    assert told["categories_by_table"]["quarantine"] == ["user"]
    assert _impact(tenant, table="quarantine").profiles == [tenant.profile("user_id", "mal")]
    clear = _impact(tenant, table="trait_assertion").told
    assert "trait_assertion.trait" in clear["fields_in_the_clear"]
    assert clear["sealed_fields"] == ["trait_assertion.sealed"]


def test_a_breach_counts_the_keys_of_those_whom_it_touched_and_no_others(tenant: Tenant) -> None:
    tenant.send(identify("kim", email="kim@example.com"), identify("lou"))
    first = str(tenant.registry.deployment.keyring.generation(tenant.workspace_id))
    assert _impact(tenant, table="trait_assertion").told["key_bundles_by_generation"] == {first: 1}
    assert _impact(tenant, table="identifier").told["key_bundles_by_generation"][first] >= 2


def test_an_incident_in_a_connected_system_is_answered_from_its_description(tenant: Tenant) -> None:
    deployment = replace(tenant.registry.deployment, linked=(_Down(), _Archive()))
    told = outside.reached(deployment, tenant.workspace, "archive", table="box", actor="operator")
    assert (told["answers"], told["categories"]) == (True, ["user.contact.address"])
    assert told["fields"] == [{"table": "box", "field": "letter", "category": "user.contact.address"}]
    assert "only the system itself can say" in told["covers"]
    assert {law["law"] for law in told["notify"]["laws"]} >= {"gdpr"}
    silent = outside.reached(deployment, tenant.workspace, "down", table="any", actor="operator")
    assert (silent["answers"], silent["fields"]) == (False, [])
    with pytest.raises(InvalidInput):
        outside.reached(deployment, tenant.workspace, "archive", table="drawer", actor="operator")
    with pytest.raises(NotFound):
        outside.reached(deployment, tenant.workspace, "crm", actor="operator")


def test_an_incident_in_a_system_that_was_taken_off_the_net_is_answered_from_its_description(tenant: Tenant) -> None:
    deployment = replace(tenant.registry.deployment, linked=(_DownAndDescribed(),))
    told = outside.reached(deployment, tenant.workspace, "off the net", actor="operator")
    assert (told["answers"], told["categories"]) == (False, ["user", "user.contact.address"])
    one = outside.reached(deployment, tenant.workspace, "off the net", table="letters", actor="operator")
    assert one["fields"] == [
        {"table": "letters", "field": "street", "category": "user.contact.address"},
        {"table": "letters", "field": "weight", "category": None},
    ]
    with pytest.raises(InvalidInput):
        outside.reached(deployment, tenant.workspace, "off the net", table="drawer", actor="operator")


def test_a_breach_says_which_systems_it_does_not_cover(tenant: Tenant) -> None:
    assert _impact(tenant).told["covers"].endswith("no other system is connected")
    deployment = replace(tenant.registry.deployment, linked=(_Down(), _Archive()))
    told = breach.assess(deployment, tenant.workspace, breach.Incident(), actor="operator").told
    assert told["covers"].endswith("not what connected systems hold: ask about each by its name (down, archive)")


def test_an_erased_person_is_in_no_breach_and_asking_is_audited(registry: RegistrySimulator) -> None:
    tenant = registry.tenant()
    tenant.send(identify("ada", email="ada@example.com"))
    tenant.erase("user_id", "ada")
    assert _impact(tenant).told["people"] == 0
    entries = [bytes(row[0]).decode() for row in registry.rows("SELECT entry FROM audit_entry")]
    assert any("census:breach:assessed" in entry for entry in entries)


def test_an_incident_that_names_what_is_not_there_is_refused(tenant: Tenant) -> None:
    with pytest.raises(InvalidInput):
        _impact(tenant, table="plan")
    with pytest.raises(NotFound):
        _impact(tenant, source="nowhere")
    with pytest.raises(InvalidInput, match="ends before it begins"):
        _impact(tenant, since=2 * DAY, until=DAY)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_incident_that_nobody_can_have_noticed_then_is_refused(tenant: Tenant, time: str) -> None:
    deployment = replace(tenant.registry.deployment, linked=(_Archive(),))
    with pytest.raises(InvalidInput, match="noticed"):
        _impact(tenant, noticed_at=parse_rfc3339(time))
    with pytest.raises(InvalidInput, match="noticed"):
        outside.reached(deployment, tenant.workspace, "archive", noticed_at=parse_rfc3339(time), actor="operator")
