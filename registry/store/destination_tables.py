"""Tables of destinations: what is passed on, how far, to whom, what was refused, and erasures passed on."""

from __future__ import annotations

from sqlalchemy import Index

from registry.store.columns import blob, micros, number, small, text, uid, word
from registry.store.tables import DataTable


class DestinationTable(DataTable, table=True):
    """A destination and its cursor over the feed; its address and secrets are sealed under a bundle of its own."""

    __tablename__ = "destination"
    workspace_id: bytes = uid(key=True)
    destination_id: bytes = uid(key=True)
    name: str = word()
    kind: str = word()
    purpose: str = word()
    events: str = text()
    traits: str = text()
    sealed: bytes = blob()
    created_at: int = micros()
    paused_at: int | None = micros(null=True)
    position: int = number()
    place: int = number()
    failures: int = small()
    failure: str | None = word(null=True)
    retry_at: int = micros()
    delivered: int = number()
    withheld: int = number()
    delivered_at: int | None = micros(null=True)
    sending_since: int | None = micros(null=True)
    left_until: int | None = micros(null=True)


class EventFeedTable(DataTable, table=True):
    """The order in which events were committed: the position of their batch in the audit log, which is written
    one batch after the other. Kept only until every destination has passed it, and only where there is one.
    """

    __tablename__ = "event_feed"
    __table_args__ = (Index("ix_event_feed_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = uid(key=True)
    position: int = number(key=True)
    place: int = number(key=True)
    fragment_id: bytes = uid()
    event_id: bytes = uid()


class DestinationRecipientTable(DataTable, table=True):
    """That a destination has received data of a person: whom an erasure is passed on to (GDPR Art. 19)."""

    __tablename__ = "destination_recipient"
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    destination_id: bytes = uid(key=True)
    first_at: int = micros()


class DestinationFailureTable(DataTable, table=True):
    """An event that a destination refused."""

    __tablename__ = "destination_failure"
    __table_args__ = (Index("ix_destination_failure_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = uid(key=True)
    destination_id: bytes = uid(key=True)
    position: int = number(key=True)
    place: int = number(key=True)
    fragment_id: bytes = uid()
    event_id: bytes = uid()
    failure: str = word()
    failed_at: int = micros()
    retry_at: int | None = micros(null=True)


class DestinationErasureTable(DataTable, table=True):
    """An erasure that is passed on to a destination or a webhook, by its id, and what came of it."""

    __tablename__ = "destination_erasure"
    __table_args__ = (
        Index("ix_destination_erasure_request", "workspace_id", "request_id", "destination_id", "order_id"),
        Index("ix_destination_erasure_order", "workspace_id", "order_id"),
        Index("ix_destination_erasure_due", "workspace_id", "state", "retry_at", "destination_id"),
    )
    workspace_id: bytes = uid(key=True)
    destination_id: bytes = uid(key=True)
    order_id: bytes = uid(key=True)
    request_id: bytes = uid()
    state: str = word()
    sealed: bytes | None = blob(null=True)
    ordered_at: int = micros()
    attempts: int = small()
    retry_at: int = micros()
    failure: str | None = word(null=True)
    settled_at: int | None = micros(null=True)
    received_at: int | None = micros(null=True)
