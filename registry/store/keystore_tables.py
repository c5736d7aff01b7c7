"""Tables of the keystore: wrapped keys only, in a database of its own (DESIGN section 5)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel

from registry.store.tables import NAMING


class KeystoreTable(SQLModel, registry=orm_registry(metadata=MetaData(naming_convention=NAMING))):
    """Base of the keystore's tables."""


def _id() -> Any:
    return Field(default=None, sa_column=Column(LargeBinary(16), primary_key=True, nullable=False))


def _number(*, key: bool = False) -> Any:
    column: Column[Any] = Column(BigInteger, primary_key=key, autoincrement=False, nullable=False)
    return Field(default=None, sa_column=column)


def _wrapped() -> Any:
    return Field(default=None, sa_column=Column(LargeBinary, nullable=False))


class KeyBundleTable(KeystoreTable, table=True):
    """A fragment's data keys, wrapped together under one KEK generation.

    `revision` counts the rewrites, so that a bundle is never replaced by an older one.
    """

    __tablename__ = "key_bundle"
    __table_args__ = (Index("ix_key_bundle_generation", "workspace_id", "generation"),)
    workspace_id: bytes = _id()
    fragment_id: bytes = _id()
    generation: int = _number()
    revision: int = _number()
    wrapped: bytes = _wrapped()


class WorkspaceSecretTable(KeystoreTable, table=True):
    """A workspace's own keys, wrapped: blind-index root, suppression root, signing keys."""

    __tablename__ = "workspace_secret"
    workspace_id: bytes = _id()
    name: str = Field(default=None, sa_column=Column(String(255), primary_key=True, nullable=False))
    version: int = _number(key=True)
    generation: int = _number()
    wrapped: bytes = _wrapped()
    created_at: int = _number()


class ErasureTable(KeystoreTable, table=True):
    """The erasure ledger: fragments whose keys are to be, or have been, destroyed.

    Written before the first destructive step and replayed after a restore of the data.
    """

    __tablename__ = "erasure"
    workspace_id: bytes = _id()
    fragment_id: bytes = _id()
    request_id: bytes = Field(default=None, sa_column=Column(LargeBinary(16), nullable=False))
    ordered_at: int = _number()


class ErasedIdentifierTable(KeystoreTable, table=True):
    """The other half of the ledger: the suppression keys of erased people, for data restored from before."""

    __tablename__ = "erased_identifier"
    workspace_id: bytes = _id()
    suppression_key: bytes = _id()
    reason: str = Field(default=None, sa_column=Column(String(255), nullable=False))
    request_id: bytes = Field(default=None, sa_column=Column(LargeBinary(16), nullable=False))
    suppressed_at: int = _number()
