"""Many requests from a file: each row by itself, once for its reference, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest

from registry.connectors.rows import of_text
from registry.dsr.bulk import COLUMNS, check_columns
from registry.flows.dsr import bulk, lifecycle
from registry.flows.dsr.bulk import Row, Told
from registry.model.clock import rfc3339, to_datetime
from registry.model.errors import InvalidInput, StoreUnavailable
from tests.simulator import Tenant


def row(number: int, reference: str, kind: str = "access", email: str = "ada@example.com", **more: str) -> Row:
    cells: dict[str, object] = dict.fromkeys(COLUMNS, "")
    return number, cells | {
        "reference": reference, "kind": kind, "subject_kind": "email", "subject_value": email, **more
    }, ""  # fmt: skip


def run(tenant: Tenant, rows: list[Row], *, dry_run: bool = False) -> tuple[dict[str, object], list[Told]]:
    told: list[Told] = []
    counts = bulk.take(
        tenant.registry.deployment, tenant.workspace, rows, actor="person:officer", dry_run=dry_run, report=told.append
    )
    return counts, told


def states(tenant: Tenant) -> list[tuple[str, str]]:
    found = lifecycle.listed(tenant.registry.deployment, tenant.workspace, 100, None)
    return sorted((row.kind, row.state) for row in found)


@pytest.fixture
def file(tenant: Tenant) -> list[Row]:
    return [
        row(1, "T-1"),
        row(2, "T-2", "erasure", "bea@example.com", received_at=twelve_days_ago(tenant)),
        row(3, "T-3", "opt_out", "cy@example.com"),
        row(4, "T-4", "objection", "dee@example.com", purposes="marketing"),
        row(5, "T-5", "know", "eve@example.com", agent_name="Synthetic Helper"),
        row(6, "T-6", "delete", "fay@example.com", agent_name="Synthetic Helper", mandate="power_of_attorney"),
    ]


def twelve_days_ago(tenant: Tenant) -> str:
    return (to_datetime(tenant.registry.deployment.clock()) - timedelta(days=12)).date().isoformat()


def test_every_row_is_opened_and_the_same_file_again_opens_nothing(tenant: Tenant, file: list[Row]) -> None:
    counts, told = run(tenant, file)
    assert counts | {"rows": 6} == counts
    assert (counts["opened"], counts["refused"], counts["invalid"]) == (5, 1, 0)
    assert states(tenant) == [
        ("access", "received"), ("delete", "received"), ("erasure", "received"), ("know", "refused"),
        ("objection", "received"), ("opt_out", "verified"),
    ]  # fmt: skip
    again, repeated = run(tenant, file)
    assert (again["already"], again["opened"]) == (6, 0)
    assert [one.request_id for one in repeated] == [one.request_id for one in told]
    assert len(states(tenant)) == 6


def test_a_dry_run_says_the_same_and_opens_nothing(tenant: Tenant, file: list[Row]) -> None:
    before, _ = run(tenant, file, dry_run=True)
    assert states(tenant) == []
    after, _ = run(tenant, file)
    assert before | {"dry_run": False} == after
    again, _ = run(tenant, file, dry_run=True)
    assert again["already"] == 6


def test_a_dry_run_tells_a_reference_that_comes_twice_as_the_run_does(tenant: Tenant) -> None:
    rows = [row(1, "T-1"), row(2, "T-1"), row(3, "T-1", email="bea@example.com")]
    before, told_before = run(tenant, rows, dry_run=True)
    after, told = run(tenant, rows)
    assert before | {"dry_run": False} == after
    assert [one.outcome for one in told_before] == [one.outcome for one in told] == ["opened", "already", "invalid"]
    assert [one.faults for one in told_before] == [one.faults for one in told]


def test_a_file_that_was_interrupted_goes_on(tenant: Tenant, file: list[Row]) -> None:
    def broken() -> Iterator[Row]:
        yield from file[:3]
        raise StoreUnavailable("the disk is full")

    with pytest.raises(StoreUnavailable):
        bulk.take(tenant.registry.deployment, tenant.workspace, broken(), actor="person:officer")
    counts, _ = run(tenant, file)
    assert (counts["already"], counts["opened"], counts["refused"]) == (3, 2, 1)


def test_a_faulty_row_is_reported_without_its_values_and_holds_up_no_other(tenant: Tenant) -> None:
    rows = [
        row(1, "T-1", "acquire"),
        row(2, "T-2", email="no address"),
        row(3, "T-3", jurisdiction="narnia"),
        row(4, "T-4", "objection", purposes="fun"),
        row(5, "T-5", received_at="2999-01-01"),
        (6, None, "a row of CSV"),
        row(7, "T-7"),
        row(8, "T-7", "erasure"),
    ]
    counts, told = run(tenant, rows)
    assert (counts["opened"], counts["invalid"], counts["unreadable"]) == (1, 6, 1)
    columns = [[fault.column for fault in one.faults] for one in told]
    assert columns == [
        ["kind"], ["subject_value"], ["jurisdiction"], ["purposes"], ["received_at"], [""], [], ["reference"]
    ]  # fmt: skip
    said = repr([one.as_json() for one in told])
    assert not [word for word in ("acquire", "no address", "narnia", "fun", "2999", "T-7") if word in said]


HEADER = "reference,kind,subject_kind,subject_value"


@pytest.mark.parametrize(
    "text",
    [
        "T-1,access,email,ada@example.com\n",
        f"{HEADER},jurisdicton\nT-0,access\nT-1,know,email,ada@example.com,ccpa\n",
        f"{HEADER},mandate_untl\n",
    ],
    ids=["no header", "a misspelt column, and a first row that cannot be read", "a misspelt column, and no row"],
)
def test_a_file_whose_columns_are_not_known_opens_nothing_whatever_its_rows(tenant: Tenant, text: str) -> None:
    with pytest.raises(InvalidInput, match="column"):
        run(tenant, list(of_text(StringIO(text), check=check_columns)))
    assert states(tenant) == []


def test_a_file_that_is_too_long_opens_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    rows = [row(number, f"T-{number}") for number in range(1, 4)]
    with pytest.raises(InvalidInput, match="2 rows at most"):
        run(tenant, bulk.read(rows))
    assert states(tenant) == []
    assert run(tenant, bulk.read(rows[:2]))[0]["opened"] == 2


def test_a_member_that_is_misspelt_in_a_later_line_is_not_passed_over(tenant: Tenant) -> None:
    number, cells, _ = row(2, "T-2", agent_name="Synthetic Helper", mandate="power_of_attorney")
    counts, told = run(tenant, [row(1, "T-1"), (number, {**(cells or {}), "mandate_untl": "2020-01-01"}, "")])
    assert (counts["opened"], counts["invalid"], told[1].faults[0].column) == (1, 1, "")
    assert "2020" not in repr(told[1].as_json())


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_correction_that_no_plan_would_take_is_invalid(tenant: Tenant, dry_run: bool) -> None:
    wrong = ('{"age": "soon"}', '{"shoe_size": 38}')
    counts, told = run(
        tenant, [row(n, f"T-{n}", "correct", traits=text) for n, text in enumerate(wrong)], dry_run=dry_run
    )
    assert (counts["invalid"], states(tenant)) == (2, [])
    assert [one.faults for one in told] == [
        (("traits", "/details/traits/age: expected integer"),),
        (("traits", "/details/traits/*: expected a trait that a plan declares, or a linked system holds"),),
    ]


def test_a_deadline_runs_from_when_the_request_came(tenant: Tenant) -> None:
    day = twelve_days_ago(tenant)
    run(tenant, [row(1, "T-1", received_at=day), row(2, "T-2")])
    early, late = sorted(
        lifecycle.listed(tenant.registry.deployment, tenant.workspace, 10, None), key=lambda r: r.received_at
    )
    assert rfc3339(early.received_at).startswith(f"{day}T00:00:00")
    assert timedelta(days=5) < to_datetime(late.respond_by) - to_datetime(early.respond_by) < timedelta(days=20)


def test_a_file_with_a_strange_column_opens_nothing(tenant: Tenant) -> None:
    number, cells, why = row(1, "T-1")
    with pytest.raises(InvalidInput):
        run(tenant, [(number, {**(cells or {}), "shoe size": "38"}, why)])
    assert states(tenant) == []


def test_neither_a_reference_nor_a_person_lies_in_the_database(tenant: Tenant) -> None:
    run(tenant, [row(1, "letter of Ada", email="ada.bulk@example.com")])
    found = b""
    for table in ("dsr_reference", "dsr_request", "dsr_event", "audit_entry"):
        for cells in tenant.registry.rows(f"SELECT * FROM {table} WHERE workspace_id = ?", tenant.workspace_id):
            found += b"|".join(bytes(c) if isinstance(c, bytes | memoryview) else str(c).encode() for c in cells)
    assert b"letter of Ada" not in found
    assert b"ada.bulk" not in found
