"""Bulk import: the checks of every message, provenance of its own, each row once, and resumed after a kill."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from registry.flows.access import credentials
from registry.flows.traffic import importing
from registry.flows.traffic.importing import Input, RowFault
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.plans.rows import ImportMapping
from tests.factories import identify
from tests.simulator import Tenant
from tests.unit.plans.test_rows_of_a_table import mapping

MAPPING = mapping("row_id: nr\nidentifiers: {crm_id: crm}\ntraits: {email: mail, first_name: name}\n")


def rows(*cells: dict[str, object] | None) -> Iterator[tuple[int, Any, str]]:
    return zip(count(1), cells, ("" if one is not None else "10 cells" for one in cells), strict=False)


def people(number: int, first: int = 1) -> list[dict[str, object] | None]:
    return [
        {"nr": n, "crm": f"c{n}", "mail": f"p{n}@example.com", "name": f"N{n}"} for n in range(first, first + number)
    ]


@pytest.fixture
def crm(tenant: Tenant) -> Tenant:
    credentials.create_source(
        tenant.registry.deployment, tenant.workspace_id, name="crm", plan="ecommerce", version="1.0.0",
        method="typed_by_staff", actor="operator",
    )  # fmt: skip
    return tenant


def take(tenant: Tenant, given: Iterator[Any], mapped: ImportMapping = MAPPING, **more: Any) -> dict[str, Any]:
    options = {"source_name": "crm", "actor": "operator"} | more
    read = Input(given, options.pop("identity", "people.csv"))
    return importing.run(tenant.registry.deployment, tenant.workspace, mapped, read, **options)


def test_rows_become_people_whose_values_say_that_they_were_imported(crm: Tenant) -> None:
    done = take(crm, rows(*people(3)))
    assert (done["rows"], done["accepted"]) == (3, 3)
    view = crm.lookup("crm_id", "c2", "service")
    [name] = [one for one in view["traits"] if one["trait"] == "first_name"]
    said = name["provenance"]
    assert (name["value"], said["source"], said["method"], said["trust"]) == ("N2", "crm", "imported", 45)
    assert said["message_id"] == "crm:2"
    crm.send(identify("2", first_name="Own"))
    assert crm.traits("user_id", "2")["first_name"] == "Own", "what somebody says of themselves is trusted more"


def test_each_faulty_row_is_reported_without_its_values_and_the_rest_is_taken(crm: Tenant) -> None:
    heard: list[RowFault] = []
    given = [*people(2), None, {"nr": 9, "crm": "c9", "mail": "marker-value", "name": "N"}, {"nr": None}]
    done = take(crm, rows(*given), report=heard.append)
    assert {name: done[name] for name in ("accepted", "rejected", "unreadable")} == {
        "accepted": 2, "rejected": 1, "unreadable": 2,
    }  # fmt: skip
    told = sorted((fault.number, fault.outcome, fault.violations[0].code) for fault in heard)
    assert told == [
        (3, "unreadable", "row_unreadable"), (4, "rejected", "format_mismatch"), (5, "unreadable", "cell_unreadable"),
    ]  # fmt: skip
    assert "marker" not in str([fault.as_json() for fault in heard])
    shut = crm.registry.rows("SELECT count(*) FROM quarantine WHERE workspace_id = ?", crm.workspace_id)
    assert shut == [(1,)], "what breaks the plan can be replayed after a plan fix"


def test_a_dry_run_says_the_same_and_stores_nothing(crm: Tenant) -> None:
    heard: list[RowFault] = []
    given = [*people(2), {"nr": 9, "crm": "c9", "mail": "no address", "name": "N"}]
    done = take(crm, rows(*given), dry_run=True, report=heard.append)
    assert (done["rows"], done["accepted"], done["rejected"], done["dry_run"]) == (3, 2, 1, True)
    assert [fault.number for fault in heard] == [3]
    for table in ("event", "quarantine", "violation", "import_run", "identifier"):
        assert crm.registry.rows(f"SELECT 1 FROM {table} WHERE workspace_id = ?", crm.workspace_id) == []


def test_what_was_killed_goes_on_after_its_last_batch_and_no_row_comes_twice(
    crm: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    steps = count()

    def killed(_rows: int) -> None:
        if next(steps) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(crm, rows(*people(7)), progress=killed)
    assert importing.listed(crm.registry.deployment, crm.workspace)[0]["rows"] == 4
    with pytest.raises(Conflict):
        take(crm, rows(*people(7)), identity="another file")
    done = take(crm, rows(*people(7)))
    assert (done["rows"], done["accepted"], done["duplicate"]) == (7, 7, 0)
    again = take(crm, rows(*people(7)))
    assert (again["rows"], again["accepted"], again["duplicate"]) == (7, 0, 7)
    assert len(crm.people()) == 7


def test_a_batch_that_was_stored_but_not_noted_comes_again_as_known(
    crm: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(importing, "_counted", killed)
        with pytest.raises(KeyboardInterrupt):
            take(crm, rows(*people(4)))
    done = take(crm, rows(*people(4)))
    assert (done["accepted"], done["duplicate"]) == (2, 2)
    assert len(crm.people()) == 4


def test_an_erased_person_is_not_imported_again(crm: Tenant) -> None:
    take(crm, rows(*people(2)))
    crm.erase("user_id", "1")
    done = take(crm, rows(*people(2)), mapping("row_id: nr\ntraits: {first_name: name}\n", HEAD_OF_ANOTHER))
    assert (done["accepted"], done["suppressed"]) == (1, 1)
    assert crm.profile("user_id", "1") is None


def test_a_person_who_is_erased_while_they_are_imported_stays_erased_and_the_rest_is_taken(
    crm: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    certificates: list[str | None] = []

    def given() -> Iterator[tuple[int, Any, str]]:
        yield from rows(*people(2))
        certificates.append(crm.erase("crm_id", "c1").certificate)  # the first batch is stored by now
        again = {"nr": 9, "crm": "c1", "mail": "another@example.com", "name": "N"}
        yield from [(3, again, ""), *((n, one, "") for n, one in enumerate(people(2, first=4), 4))]

    done = take(crm, given())
    assert certificates[0], "the erasure was not held up"
    assert (done["accepted"], done["suppressed"]) == (4, 1)
    assert [crm.profile("crm_id", name) is not None for name in ("c1", "c2", "c4", "c5")] == [False, True, True, True]
    assert crm.profile("email", "another@example.com") is None


HEAD_OF_ANOTHER = "version: 1\nimport: another\nuser_id: nr\n"


def test_an_import_needs_its_source_and_kinds_of_the_policy(crm: Tenant) -> None:
    with pytest.raises(NotFound):
        take(crm, rows(*people(1)), source_name="nobody")
    with pytest.raises(InvalidInput):
        take(crm, rows(*people(1)), mapping("identifiers: {shoe_size: crm}\ntraits: {email: mail}\n"))
    log = crm.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", crm.workspace_id)
    assert not any(b"import:rows" in bytes(row[0]) for row in log)
    take(crm, rows(*people(1)))
    log = crm.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", crm.workspace_id)
    assert sum(b"import:rows" in bytes(row[0]) for row in log) == 2
