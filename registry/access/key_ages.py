"""The key policy: how old keys may become, and who rotates them (cryptoperiods: NIST SP 800-57 part 1, section 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from registry.documents import Document
from registry.model.clock import DAY, Micros


class KeyKind(StrEnum):
    """The kinds of keys that are rotated; a workspace's own keys by their names in the keystore."""

    KEK = "kek"
    SIGNING = "signing"
    BLIND_INDEX = "blind-index"


@dataclass(frozen=True, slots=True)
class AgeRule:
    """How old a key may become, and whether the server sees to it by itself."""

    after: Micros
    by_server: bool


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """The key policy.

    Attributes:
        rotate: for each kind, how old its newest key may become.
        horizon: how long a KEK generation may outlive the making of the next one.
    """

    rotate: Mapping[KeyKind, AgeRule]
    horizon: AgeRule

    @classmethod
    def from_document(cls, document: Document) -> KeyPolicy:
        """The policy of a document that conforms to `schemas/policies/keys.schema.json`."""
        value = cast(Mapping[str, Any], document.value)
        return cls({kind: _rule(value["rotate"][kind]) for kind in KeyKind}, _rule(value["horizon"]))


def _rule(value: Mapping[str, Any]) -> AgeRule:
    return AgeRule(value["after_days"] * DAY, value["by"] == "server")
