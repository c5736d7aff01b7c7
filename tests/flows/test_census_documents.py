"""What is generated from the census: records of processing, breach impact, the skeleton of an assessment."""

from __future__ import annotations

import csv
import io

import pytest

from registry.dsr.declarations import DECLARED
from registry.flows.accountability import breach, inventory
from registry.model.clock import DAY, rfc3339
from registry.model.errors import InvalidInput, NotFound
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, viewed
from tests.simulator import ALL_YES, RegistrySimulator, Tenant


def _impact(tenant: Tenant, **known: object) -> breach.Impact:
    incident = breach.Incident(**known)  # type: ignore[arg-type]
    return breach.assess(tenant.registry.deployment, tenant.workspace, incident, actor="operator")


def test_records_of_processing_name_every_purpose_and_every_personal_field(shared: RegistrySimulator) -> None:
    found = inventory.records(shared.deployment)
    purposes = set(shared.deployment.policies.purposes.purposes)
    assert {activity["purpose"] for activity in found["activities"]} == purposes
    assert len(found["fields"]) == len([field for field in DECLARED if field.is_personal])
    page = inventory.records_html(found)
    rows = list(csv.DictReader(io.StringIO(inventory.records_csv(found))))
    assert {row["purpose"] for row in rows} == purposes
    for activity in found["activities"]:
        assert activity["title"] in page
        assert activity["retention_days"] > 0
        assert activity["categories"]
    assert "trait_assertion.sealed" in page


def test_the_assessment_fills_in_what_is_known_and_leaves_the_rest_to_answer(shared: RegistrySimulator) -> None:
    text = inventory.assessment(shared.deployment)
    for purpose in shared.deployment.policies.purposes.purposes:
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
    assert everything.told["notify"]["authority_by"] == rfc3339(clock() + 3 * DAY)  # type: ignore[index]
    early = _impact(tenant, until=start + DAY)
    assert early.profiles == [tenant.profile("user_id", "ada")]
    late = _impact(tenant, since=start + DAY, table="event", source="shop")
    assert late.profiles == [tenant.profile("user_id", "bob")]
    assert late.told["rows"] == {"event": 2}
    first = tenant.registry.deployment.keyring.generation(tenant.workspace_id)
    assert _impact(tenant, generation=first).told["rows"] == everything.told["rows"]
    none = _impact(tenant, generation=first + 1)
    assert (none.told["people"], none.told["key_bundles_by_generation"]) == (0, {str(first + 1): 0})


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
