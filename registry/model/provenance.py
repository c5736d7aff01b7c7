"""Provenance: who said a value, when, how, and how far they are trusted (DESIGN, invariant 7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.model.clock import Micros
from registry.model.ids import SourceId


class Method(StrEnum):
    """How a source came to know a value; policy ranks them."""

    DOUBLE_OPT_IN = "double_opt_in"
    VERIFIED = "verified"
    SELF_DECLARED = "self_declared"
    OBSERVED = "observed"
    IMPORTED = "imported"
    TYPED_BY_STAFF = "typed_by_staff"
    INFERRED = "inferred"
    CORRECTED = "corrected"
    """Rectified by the data subject (GDPR Art. 16): wins over everything."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one value comes from. `trust` is the rank given at ingest, higher is better; `transformed_by` names the
    plan's transformations that its message went through, each as `plan@version#pointer`.
    """

    source_id: SourceId
    source_name: str
    message_id: str
    observed_at: Micros
    received_at: Micros
    method: Method
    trust: int
    transformed_by: tuple[str, ...] = ()
