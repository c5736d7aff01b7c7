"""Decision: the answer to "may this app use these categories of this subject for this purpose now?"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.model.clock import Micros
from registry.model.ids import RecordId


class Reason(StrEnum):
    """Why a decision is what it is: stable codes, each with a sentence in `SENTENCES`."""

    GRANTED = "granted"
    BASIS_WITHOUT_CONSENT = "basis_without_consent"
    NO_RECORD = "no_record"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ASK_AGAIN = "ask_again"
    AGE_NOT_SHOWN = "age_not_shown"
    OBJECTED = "objected"
    RESTRICTED = "restricted"
    MERGED_SIDES_DIFFER = "merged_sides_differ"
    SIGNAL_OPT_OUT = "signal_opt_out"
    UNKNOWN_SUBJECT = "unknown_subject"
    UNKNOWN_PURPOSE = "unknown_purpose"
    CATEGORY_NOT_COVERED = "category_not_covered"
    NOT_PERMITTED_BY_POLICY = "not_permitted_by_policy"
    OTHER_PURPOSE = "other_purpose"
    SHREDDED = "shredded"
    RETENTION_ENDED = "retention_ended"
    DAMAGED = "damaged"
    STALE = "stale"
    UNAVAILABLE = "unavailable"


SENTENCES: dict[Reason, str] = {
    Reason.GRANTED: "The person granted consent for this purpose.",
    Reason.BASIS_WITHOUT_CONSENT: "The purpose rests on a lawful basis other than consent.",
    Reason.NO_RECORD: "The person has never been asked, or has not answered.",
    Reason.DENIED: "The person refused.",
    Reason.WITHDRAWN: "The person withdrew the consent given earlier.",
    Reason.EXPIRED: "The consent given has expired.",
    Reason.ASK_AGAIN: "The purpose was changed in substance after the person agreed to it: ask again.",
    Reason.AGE_NOT_SHOWN: "The person agreed, but it was not shown that they are as old as the purpose demands.",
    Reason.OBJECTED: "The person objected (GDPR Art. 21).",
    Reason.RESTRICTED: "Processing is restricted (GDPR Art. 18).",
    Reason.MERGED_SIDES_DIFFER: "Two records of this person were joined and did not both allow it.",
    Reason.SIGNAL_OPT_OUT: "The person's browser sends an opt-out signal.",
    Reason.UNKNOWN_SUBJECT: "Nobody is known under this identifier.",
    Reason.UNKNOWN_PURPOSE: "The purpose is not in the policy.",
    Reason.CATEGORY_NOT_COVERED: "The purpose does not cover this category of data.",
    Reason.NOT_PERMITTED_BY_POLICY: "The access policy does not let this caller use the purpose.",
    Reason.OTHER_PURPOSE: "It was collected for other purposes than this one.",
    Reason.SHREDDED: "Its key was destroyed.",
    Reason.RETENTION_ENDED: "It has been kept for this purpose as long as it may be.",
    Reason.DAMAGED: "It is damaged, or its key is: it does not open.",
    Reason.STALE: "The last known answer is too old to be relied on.",
    Reason.UNAVAILABLE: "No decision could be obtained.",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, with its reason. `valid_until` bounds how long the answer may be kept."""

    allowed: bool
    reason: Reason
    purpose: str
    lawful_basis: str | None = None
    record_id: RecordId | None = None
    valid_until: Micros | None = None
    policy_version: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words for a person."""
        return SENTENCES[self.reason]
