"""The declarations of Registry's own tables. A test fails when a column has none here.

`workspace_id` is the tenant, the same for everybody, and declared for every table at the end.
"""

from __future__ import annotations

from itertools import chain

from registry.dsr.census import OWN_SYSTEM, DeclaredField, Handling, declared

TAGGED = "each value's own: its consent tags"
ALL = "every purpose: this is how people are told apart"
DUTY = "legal"
RUNNING = "running the registry"

BY_PURPOSE = "as long as a purpose of the value keeps it (purposes.yaml)"
WITH_PERSON = "as long as anything is held of the person"
FOR_PROOF = "as long as the registry is run"
AS_CONFIGURED = "until it is removed"

_PEOPLE = (
    declared(
        "fragment", purposes=ALL, retention=WITH_PERSON,
        context="kind joined_at created_at",
        reference="fragment_id profile_id origin_profile_id anchor state_version",
    ),
    declared(
        "identifier", purposes=ALL, retention=WITH_PERSON,
        content={"sealed": ("user.unique_id", "user.contact.email", "user.contact.phone_number", "user.device")},
        context="kind source_id first_seen_at", reference="blind_index fragment_id message_key",
    ),
    declared(
        "link", purposes=ALL, retention=WITH_PERSON,
        context="source_id observed_at received_at", reference="low high message_key",
    ),
    declared(
        "refused_link", purposes=ALL, retention=WITH_PERSON, context="reason refused_at", reference="low high",
    ),
    declared(
        "steward_decision", purposes=ALL, retention=WITH_PERSON,
        context="verdict actor decided_at", reference="low high",
    ),
    declared(
        "runaway_identifier", purposes="security", retention=WITH_PERSON,
        context="noticed_at", reference="fragment_id blind_index",
    ),
    declared(
        "standing_change", purposes="security", retention=WITH_PERSON,
        context="position", reference="fragment_id transaction_id",
    ),
    declared(
        "merge", purposes=ALL, retention=WITH_PERSON,
        context="kind merged_at",
        reference="merge_id into_profile from_profile fragment_id from_origin message_key",
    ),
    declared(
        "event", purposes=TAGGED, retention=BY_PURPOSE,
        content={"body": ("user.behavior", "user.content", "user.contact", "user.device", "user.payment")},
        context="call plan_event plan_version source_id observed_at received_at compartments omitted ungrounded"
        " transformed",
        reference="fragment_id event_id message_key",
    ),
    declared(
        "trait_assertion", purposes=TAGGED, retention=BY_PURPOSE,
        content={"sealed": ("user.name", "user.contact", "user.demographic", "user.account")},
        context="trait source_id compartment observed_at received_at method trust", reference="fragment_id",
    ),
)  # fmt: skip

_CONSENT = (
    declared(
        "compartment_lock", purposes=DUTY, retention=WITH_PERSON,
        context="compartment reason locked_at shred_at", reference="fragment_id",
    ),
    declared(
        "consent_record", purposes=DUTY, retention=WITH_PERSON,
        content={"sealed": ("user.content",), "status": ("user.privacy_preferences",)},
        context="purpose acted_at recorded_at expires_at purpose_version notice_version language jurisdiction channel "
        "actor source_name",
        reference="fragment_id record_id",
    ),
    declared(
        "consent_feed", purposes=DUTY, retention=WITH_PERSON, reference="position place fragment_id record_id",
    ),
    declared(
        "consent_state", purposes=DUTY, retention=WITH_PERSON,
        content={"status": ("user.privacy_preferences",)},
        context="purpose acted_at recorded_at expires_at repeated_at", reference="fragment_id record_id",
    ),
)  # fmt: skip

_NOT_LET_IN = (
    declared(
        "quarantine", purposes="none yet: it waits for a plan fix", retention="retention.yaml: quarantine_days",
        content={"sealed": ("user",)}, context="source_id received_at expires_at",
        reference="quarantine_id message_key",
    ),
    declared(
        "quarantine_subject", purposes=ALL, retention="as long as the message", reference="blind_index quarantine_id",
    ),
    declared(
        "violation", purposes=RUNNING,
        retention="as long as the message; of one that is not kept, retention.yaml: quarantine_days",
        context="source_id call plan_event plan_version code path rule expected rejected received_at app_version",
        reference="violation_id message_key",
    ),
    declared(
        "refused_message", purposes=DUTY, retention=FOR_PROOF,
        evidence="message_key source_id outcome received_at",
    ),
    declared(
        "suppression", purposes=DUTY, retention=FOR_PROOF,
        memory="suppression_key reason request_id suppressed_at",
    ),
)  # fmt: skip

_REQUESTS = (
    declared(
        "dsr_request", purposes=DUTY, retention=FOR_PROOF,
        content={"sealed": ("user.unique_id", "user.contact")}, reference="profile_id",
        act="kind state jurisdiction received_at respond_by completed_at certificate reason mandate mandate_until "
        "mandate_checked_at deliver_to acknowledge_by acknowledged_at",
        evidence="request_id pseudonym opened_by approved_by progress opened_owner approved_owner due_at",
    ),
    declared(
        "dsr_event", purposes=DUTY, retention=FOR_PROOF,
        act="action state actor happened_at", evidence="request_id position details",
    ),
    declared(
        "dsr_reference", purposes=DUTY, retention=FOR_PROOF, evidence="reference_key content_key request_id",
    ),
    declared(
        "dsr_letter", purposes=DUTY, retention=f"{FOR_PROOF}; where it goes until it is sent, three days at most",
        evidence="letter_id request_id notice recipient details created_at next_at attempts outcome settled_at",
        message="sealed",
    ),
    declared(
        "dsr_fragment", purposes=DUTY, retention="until the person is erased", reference="request_id fragment_id",
    ),
    declared(
        "audit_detail", purposes=DUTY, retention=WITH_PERSON,
        reference="position fragment_id sealed",
    ),
    declared("audit_entry", purposes=DUTY, retention=FOR_PROOF, act="entry", evidence="position"),
)  # fmt: skip

_KEPT_FOR_A_DUTY = (
    declared(
        "legal_hold", purposes=DUTY, retention=FOR_PROOF,
        evidence="hold_id ground purpose categories until placed_by placed_at released_by released_at",
    ),
    declared(
        "hold_subject", purposes=DUTY, retention="until the hold is released, or the person is erased",
        reference="hold_id blind_index",
    ),
    declared(
        "retained_case", purposes=DUTY, retention=FOR_PROOF,
        act="ground purpose categories made_at items ended_at certificate progress",
        evidence="case_id request_id hold_id duty",
    ),
    declared(
        "retained_item", purposes="the one purpose of its hold or duty",
        retention="until the hold ends, or the duty of retention.yaml is over",
        held="case_id item_id kept_until sealed",
    ),
)  # fmt: skip

_KEYS = (
    declared(
        "key_bundle", purposes=ALL, retention="until it is shredded",
        reference="fragment_id generation revision wrapped",
    ),
    declared("erasure", purposes=DUTY, retention=FOR_PROOF, memory="fragment_id request_id ordered_at"),
    declared(
        "erased_identifier", purposes=DUTY, retention=FOR_PROOF,
        memory="suppression_key reason request_id suppressed_at",
    ),
)  # fmt: skip

_OUTGOING = (
    declared(
        "outbox", purposes=DUTY, retention="until it is delivered",
        context="topic content occurred_at attempts next_at failure dead_at",
        reference="webhook_id message_id fragment_id",
    ),
    declared(
        "opendsr_key", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="domain holder_id certificate sealed created_at",
    ),
    declared(
        "opendsr_request", purposes=DUTY, retention=FOR_PROOF,
        evidence="subject_request_id request_id body_key received_at",
        operation="domain holder_id sealed told seen attempts next_at failure",
    ),
    declared(
        "webhook", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="webhook_id name topics purpose sealed created_at paused_at failures retry_at delivered delivered_at "
        "sending_since left_until",
    ),
    declared(
        "destination", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="destination_id name kind purpose events traits sealed created_at paused_at position place failures "
        "failure retry_at delivered withheld delivered_at "
        "sending_since left_until",
    ),
    declared(
        "event_feed", purposes=TAGGED, retention="until every destination has passed it",
        reference="position place fragment_id event_id",
    ),
    declared(
        "destination_recipient", purposes=DUTY, retention=WITH_PERSON, context="first_at",
        reference="fragment_id destination_id",
    ),
    declared(
        "destination_failure", purposes=TAGGED, retention="until it is taken, or the person is erased",
        context="failure failed_at retry_at", reference="destination_id position place fragment_id event_id",
    ),
    declared(
        "destination_erasure", purposes=DUTY, retention=f"{FOR_PROOF}; whom it is about until it has been told",
        evidence="destination_id order_id request_id state ordered_at attempts retry_at failure settled_at received_at",
        message="sealed",
    ),
    declared("alert", purposes=RUNNING, retention=AS_CONFIGURED, operation="name raised_at"),
)  # fmt: skip

_RUNNING = (
    declared("sweep", purposes=DUTY, retention=FOR_PROOF, operation="sweep_id started_at finished_at after report"),
    declared(
        "quality_day", purposes=RUNNING, retention="400 days", operation="day source_id obstacle found looked_at",
    ),
    declared(
        "import_run", purposes=RUNNING, retention=FOR_PROOF,
        operation="name source_id fingerprint rows_done accepted rejected duplicate suppressed unreadable started_at "
        "finished_at",
    ),
    declared(
        "counted_back", purposes=RUNNING, retention=AS_CONFIGURED, operation="trait form after started_at finished_at",
    ),
    declared(
        "index_move", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="version after moved closed total started_at finished_at",
    ),
    declared("workspace", purposes=RUNNING, retention=AS_CONFIGURED, operation="name created_at"),
    declared(
        "source", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="source_id name write_key_hash plan_name plan_version unplanned_events unplanned_properties "
        "violations method created_at",
    ),
    declared(
        "credential", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="credential_id key_hash kind role name purposes created_at expires_at revoked_at owner",
    ),
    declared(
        "account", purposes=RUNNING, retention=AS_CONFIGURED,
        operation="account_id name role purposes password_hash totp_sealed totp_step created_at disabled_at",
    ),
    declared(
        "session", purposes=RUNNING, retention="until it ends",
        operation="session_hash account_id credential_id opened_at seen_at",
    ),
    declared(
        "visit", purposes=DUTY, retention="half an hour; only the visitor's browser can open it",
        operation="visit_hash kind visitor_sealed code_hash expires_at",
    ),
    declared(
        "package_link", purposes=DUTY, retention="until it ends, 30 days at most",
        operation="link_hash request_id pseudonym made_by made_at expires_at fetches_left",
    ),
    declared(
        "dsr_challenge", purposes=DUTY, retention="verification.yaml: code_minutes",
        operation="link_hash request_id code_hash address expires_at",
    ),
    declared("tries", purposes="security", retention="a day", operation="target tries last_at"),
    declared("plan", purposes=RUNNING, retention=AS_CONFIGURED, operation="name version document published_at"),
    declared("audit_node", purposes=DUTY, retention=FOR_PROOF, operation="level position digest"),
    declared("audit_head", purposes=DUTY, retention=FOR_PROOF, operation="size frontier"),
    declared(
        "workspace_secret", purposes=RUNNING, retention="until its KEK generation is destroyed",
        operation="name version generation wrapped created_at",
    ),
)  # fmt: skip


def _all() -> tuple[DeclaredField, ...]:
    fields = list(
        chain.from_iterable(
            chain(_PEOPLE, _CONSENT, _NOT_LET_IN, _REQUESTS, _KEPT_FOR_A_DUTY, _OUTGOING, _KEYS, _RUNNING)
        )
    )
    tables = {field.table: field for field in fields}
    fields += [
        DeclaredField(OWN_SYSTEM, table, "workspace_id", Handling.OPERATION, (), field.purposes, field.retention)
        for table, field in tables.items()
    ]
    return tuple(fields)


DECLARED: tuple[DeclaredField, ...] = _all()
"""Every column of every table of the data database and of the keystore."""

PERSONAL: frozenset[tuple[str, str, str]] = frozenset(
    (field.system, field.table, field.field) for field in DECLARED if field.is_personal
)
"""The fields of Registry's own that are about a person: what every account names."""
