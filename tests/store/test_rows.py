"""Rows and tables say the same: named tuples go into the driver as they are."""

from __future__ import annotations

import pytest

from registry.model import accounts, stored, stored_holding, stored_intake, stored_upkeep
from registry.model.ids import BlindIndex, FragmentId
from registry.store import administration, rows, schema
from registry.store.database import Database
from registry.store.erasure import INDEX_TABLES, PERSONAL_TABLES, counted
from registry.store.holders import HOLDERS
from registry.store.migrating import models

ROWS = {
    "workspace": stored.Workspace,
    "source": stored.Source,
    "credential": stored.Credential,
    "plan": stored.PublishedPlan,
    "fragment": stored.Fragment,
    "identifier": stored.StoredIdentifier,
    "link": stored.StoredLink,
    "refused_link": stored.StoredRefusal,
    "steward_decision": stored.StewardDecision,
    "runaway_identifier": stored.RunawayIdentifier,
    "merge": stored.StoredMerge,
    "event": stored.StoredEvent,
    "trait_assertion": stored.StoredAssertion,
    "consent_record": stored.StoredConsent,
    "consent_state": stored.ConsentState,
    "suppression": stored.Suppression,
    "violation": stored.StoredViolation,
    "quarantine": stored.Quarantined,
    "quarantine_subject": stored.QuarantineSubject,
    "refused_message": stored.RefusedMessage,
    "dsr_request": stored.StoredRequest,
    "dsr_event": stored.RequestEvent,
    "audit_detail": stored.AuditDetail,
    "compartment_lock": stored_upkeep.CompartmentLock,
    "sweep": stored_upkeep.Sweep,
    "webhook": stored_upkeep.Webhook,
    "outbox": stored_upkeep.OutboxMessage,
    "account": accounts.Account,
    "session": accounts.Session,
    "tries": accounts.Tries,
    "destination": stored_upkeep.Destination,
    "event_feed": stored_upkeep.FeedItem,
    "consent_feed": stored_upkeep.ConsentFeedItem,
    "destination_failure": stored_upkeep.DestinationFailure,
    "destination_erasure": stored_upkeep.DestinationErasure,
    "visit": accounts.Visit,
    "package_link": accounts.PackageLink,
    "quality_day": stored_upkeep.QualityDay,
    "import_run": stored_upkeep.ImportRun,
    "counted_back": stored_upkeep.CountedBack,
    "index_move": stored_upkeep.IndexMove,
    "opendsr_key": stored_upkeep.OpenDsrKey,
    "opendsr_request": stored_upkeep.OpenDsrRequest,
    "dsr_challenge": stored_intake.Challenge,
    "dsr_reference": stored_intake.Reference,
    "dsr_letter": stored_intake.Letter,
    "legal_hold": stored_holding.LegalHold,
    "retained_case": stored_holding.RetainedCase,
    "retained_item": stored_holding.RetainedItem,
    "key_bundle": stored.WrappedBundle,
    "workspace_secret": stored.WrappedSecret,
    "erasure": stored.ErasureOrder,
    "erased_identifier": stored.Suppression,
}

WITHOUT_A_TUPLE = {
    "alert",
    "destination_recipient",
    "dsr_fragment",
    "hold_subject",
    "standing_change",
    "audit_entry",
    "audit_node",
    "audit_head",
}
TABLES = {**models("data").tables, **models("keystore").tables}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_fields_of_a_row_are_the_columns_of_its_table_in_order(name: str) -> None:
    assert list(ROWS[name]._fields) == [column.name for column in TABLES[name].columns]


def test_every_table_has_a_row_type_or_is_known_to_need_none() -> None:
    assert set(TABLES) == set(ROWS) | WITHOUT_A_TUPLE


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_key_begins_with_the_workspace(name: str) -> None:
    assert next(iter(TABLES[name].primary_key.columns)).name == "workspace_id"


def test_an_erasure_reaches_every_table_of_a_fragment() -> None:
    tied = {name for name, table in models("data").tables.items() if "fragment_id" in table.columns}
    assert tied == set(PERSONAL_TABLES)


def test_an_erasure_reaches_every_table_of_a_blind_index() -> None:
    tied = {name for name, table in models("data").tables.items() if {"low", "high"} <= set(table.columns.keys())}
    assert tied == set(INDEX_TABLES)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_times_and_counters_are_64_bit(name: str) -> None:
    for column in TABLES[name].columns:
        if column.name == "purpose_version":  # counts the wordings of a purpose
            continue
        if column.name.endswith(("_at", "_by", "version", "size", "position", "generation", "revision")):
            assert str(column.type) in {"BIGINT", "VARCHAR(255)"}, column.name


def test_somebody_with_thousands_of_identifiers_is_counted_and_the_statements_are_not_all_kept(
    database_url: str,
) -> None:
    opened, workspace = Database(database_url), b"w" * 16
    try:
        schema.upgrade(opened, "data")
        with opened.owner(writes=True) as transaction:
            administration.add_workspace(transaction, stored.Workspace(workspace, "first", 1))  # type: ignore[arg-type]
            indexes = [BlindIndex(n.to_bytes(32)) for n in range(20_000)]
            fragments = [FragmentId(n.to_bytes(16)) for n in range(20_000)]
            found = counted(transaction, workspace, fragments, indexes, fragments)
            for n in range(rows.STATEMENTS * 2):
                rows.query(transaction, f"SELECT {n}")
        assert set(found) >= {*INDEX_TABLES, *PERSONAL_TABLES, "hold_subject", "violation", "quarantine"}
        assert not any(found.values())
        assert rows._marks.cache_info().currsize <= rows.STATEMENTS
    finally:
        opened.close()


def test_whatever_is_sealed_is_sealed_under_a_bundle_that_retention_knows_the_holder_of() -> None:
    columns = set(HOLDERS.values())
    ciphertext = {
        name: table
        for name, table in models("data").tables.items()
        if any(column == "body" or column.endswith("sealed") for column in table.columns.keys())
    }
    under_other_keys = {"account", "visit"}  # the workspace's, and one that only the visitor holds
    assert len(ciphertext) >= 6
    loose = {name for name, table in ciphertext.items() if not columns & set(table.columns.keys())}
    assert loose == under_other_keys
