"""Tables of what goes out: webhooks and what they are still to be told, alerts, changes of consent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field

from registry.store.columns import blob, micros, number, small, text, uid, word
from registry.store.tables import DataTable


class WebhookTable(DataTable, table=True):
    """A subscription; its address and secret are sealed under a key bundle of its own."""

    __tablename__ = "webhook"
    workspace_id: bytes = uid(key=True)
    webhook_id: bytes = uid(key=True)
    name: str = word()
    topics: str = text()
    purpose: str | None = word(null=True)
    sealed: bytes = blob()
    created_at: int = micros()
    paused_at: int | None = micros(null=True)
    failures: int = small()
    retry_at: int = micros()
    delivered: int = number()
    delivered_at: int | None = micros(null=True)
    sending_since: int | None = micros(null=True)
    left_until: int | None = micros(null=True)


class OutboxTable(DataTable, table=True):
    """What a webhook is to be told, written in the transaction in which it happened; gone once delivered."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = uid(key=True)
    webhook_id: bytes = uid(key=True)
    message_id: bytes = uid(key=True)
    topic: str = word()
    fragment_id: bytes | None = uid(null=True)
    content: str = text()
    occurred_at: int = micros()
    attempts: int = small()
    next_at: int = micros()
    failure: str | None = word(null=True)
    dead_at: int | None = micros(null=True)


class AlertTable(DataTable, table=True):
    """What somebody has been alerted of already, by a name made of ids and words of ours."""

    __tablename__ = "alert"
    workspace_id: bytes = uid(key=True)
    name: str = Field(default=None, sa_column=Column(Text, primary_key=True, nullable=False))
    raised_at: int = Field(default=None, sa_column=Column(BigInteger, nullable=False))


class ConsentFeedTable(DataTable, table=True):
    """The order in which changes of consent were committed: the position of their act in the audit log, which is
    written one transaction after the other. Without a fragment and a record: somebody was erased.
    """

    __tablename__ = "consent_feed"
    __table_args__ = (Index("ix_consent_feed_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = uid(key=True)
    position: int = number(key=True)
    place: int = number(key=True)
    fragment_id: bytes | None = uid(null=True)
    record_id: bytes | None = uid(null=True)
