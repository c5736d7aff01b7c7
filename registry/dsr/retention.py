"""How long things are kept (GDPR Art. 5(1)(e))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from registry.documents import Document
from registry.model.clock import DAY, Micros


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention policy. `quarantine_for` is how long a rejected message waits for a plan fix."""

    quarantine_for: Micros

    @classmethod
    def from_document(cls, document: Document) -> Retention:
        """The policy of a document that conforms to `schemas/policies/retention.schema.json`."""
        value = cast(Mapping[str, Any], document.value)
        return cls(value["quarantine_days"] * DAY)
