"""The few kinds of columns that the tables are made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Text
from sqlmodel import Field


def uid(*, key: bool = False, null: bool = False) -> Any:
    """16 bytes: an id of ours, or a keyed hash."""
    return Field(default=None, sa_column=Column(LargeBinary(16), primary_key=key, nullable=null))


def micros(*, null: bool = False) -> Any:
    """A 64-bit time in microseconds, or a version."""
    return Field(default=None, sa_column=Column(BigInteger, nullable=null))


def number(*, key: bool = False) -> Any:
    """A 64-bit counter."""
    column: Column[Any] = Column(BigInteger, primary_key=key, autoincrement=False, nullable=False)
    return Field(default=None, sa_column=column)


def small() -> Any:
    """A small count or rank."""
    return Field(default=0, sa_column=Column(Integer, nullable=False))


def word(*, key: bool = False, null: bool = False) -> Any:
    """A short word of ours or of a reviewed file."""
    return Field(default=None, sa_column=Column(String(255), primary_key=key, nullable=null))


def text(*, null: bool = False) -> Any:
    """Text of any length, of ours."""
    return Field(default=None, sa_column=Column(Text, nullable=null))


def blob(*, null: bool = False) -> Any:
    """Bytes of any length: ciphertext, or canonical JSON without personal data."""
    return Field(default=None, sa_column=Column(LargeBinary, nullable=null))
