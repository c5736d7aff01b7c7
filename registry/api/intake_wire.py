"""The JSON of how requests come in and are proved: what goes in, as models; what comes out, as schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, ConfigDict, Field

from registry.api.schemas import COUNT, ID, TEXT, TIME, Schema, many, maybe, one_of, record
from registry.api.wire import EXAMPLE_SUBJECT, Plain, Reason, Request, Subject, Word
from registry.dsr.agents import Agent, Claim, Party
from registry.dsr.notices import LANGUAGES, Notice, Outcome, To
from registry.dsr.requests import Kind
from registry.dsr.verification import MandateKind, Means, Missing, Seen
from registry.flows.dsr.bulk import Outcome as Became
from registry.model.clock import Micros

Language = Annotated[str, Field(pattern=f"^({'|'.join(LANGUAGES)})$", description="in which letters are written")]


SeenList = Annotated[tuple[Seen, ...], Field(max_length=10, description="what the officer has seen; no copy is kept")]


def _also(name: str) -> AliasChoices:
    """A member of an agent that is taken by its column's name in a file of requests, too."""
    return AliasChoices(name, f"mandate_{name}")


class NewAgent(Request):
    """Who asks for the person (11 CCR 7063), and by which mandate; an agent who shows none is refused at once."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"name": "An Agent", "mandate": "signed_permission", "deliver_to": "person"}},
    )
    name: Annotated[Plain, Field(min_length=1, max_length=200, description="sealed, as all that is said of them")]
    organisation: Annotated[Plain | None, Field(max_length=200)] = None
    email: Annotated[
        Plain | None, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", description="where they are written to")
    ] = None
    mandate: Annotated[MandateKind | None, Field(description="by what they act")] = None
    evidence: Annotated[
        Plain | None, Field(max_length=500, description="where it is filed", validation_alias=_also("evidence"))
    ] = None
    sha256: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{64}$", description="of the file that shows it", validation_alias=_also("sha256")),
    ] = None
    mandate_until: Annotated[
        str | None,
        Field(
            max_length=40,
            description="RFC 3339: when the mandate ends",
            validation_alias=AliasChoices("mandate_until", "until"),
        ),
    ] = None
    deliver_to: Annotated[Party, Field(description="whom the mandate has the answer go to")] = Party.PERSON

    def claim(self, until: Micros | None) -> Claim:
        """What the agent says, with the end of the mandate as read."""
        agent = Agent(self.name, self.organisation, self.email, self.evidence, self.sha256)
        return Claim(agent, self.mandate, until, self.deliver_to)


class NewDetails(Request):
    """What an objection or a withdrawal is about, and what a rectification corrects; others need none."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"purposes": ["marketing"]}},
    )
    purposes: Annotated[
        list[str] | None, Field(max_length=100, description="of purposes.yaml, that are objected to or withdrawn")
    ] = None
    traits: Annotated[
        dict[str, Any] | None, Field(description="each with its right value, of the form that the plans declare")
    ] = None


class NewRequest(Request):
    """A data subject request."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"kind": "erasure", "subject": EXAMPLE_SUBJECT, "jurisdiction": "gdpr"}},
    )
    kind: Kind
    subject: Subject
    jurisdiction: Annotated[str | None, Field(description="a name of jurisdictions.yaml", max_length=64)] = None
    details: Annotated[NewDetails | None, Field(description="what the kind of request needs to know")] = None
    agent: Annotated[NewAgent | None, Field(description="who asks, where it is not the person")] = None
    received_at: Annotated[
        str | None, Field(description="RFC 3339: when it came, where that was before now", max_length=40)
    ] = None
    reference: Annotated[
        str | None,
        Field(description="your own number of it: the same number is opened once", min_length=1, max_length=200),
    ] = None
    language: Annotated[Language | None, Field(max_length=8)] = None


class Verification(Request):
    """What proves who asks: an officer's check, unless a code, a link or a login is given."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"means": "officer", "seen": ["identity_document", "known_contact"]}},
    )
    means: Literal["officer", "code", "link", "login"] = "officer"
    seen: SeenList = ()
    code: Annotated[str | None, Field(max_length=16, pattern=r"^[0-9 ]+$", description="what was sent")] = None
    token: Annotated[
        str | None, Field(min_length=1, max_length=8_000, description="of the link, or of the company's own login")
    ] = None


class MandateCheck(Request):
    """An officer's check of the mandate by which an agent asks."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"outcome": "accepted", "seen": ["mandate"]}},
    )
    outcome: Literal["accepted", "rejected"]
    seen: SeenList = ()
    reason: Annotated[Reason | None, Field(description="why it is rejected: of the paper, not of the person")] = None


class Refusal(Request):
    """Why a request is refused, which the person is told (GDPR Art. 12(4))."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"reason": "the same was answered last week (GDPR Art. 12(5))"}},
    )
    reason: Reason | None = None


class Cancellation(Request):
    """Why a request is cancelled; needed of one that was begun."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"reason": "its key was lost with the old keystore; taken in anew"}},
    )
    reason: Reason | None = None


class Pause(Request):
    """Why a request waits, which whoever asked is told; that we have to make sure who asks, if nothing is said."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"reason": "the copy of the passport cannot be read"}},
    )
    reason: Reason | None = None


class Acknowledgement(Request):
    """How whoever asked was told that the request came."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"example": {"channel": "letter"}}
    )
    channel: Annotated[Word, Field(max_length=64)] = "letter"


_FAULT: Schema = {"column": TEXT, "expected": TEXT}
_COUNTS: Schema = {outcome.value: COUNT for outcome in Became}

INTAKE_ANSWERS: dict[str, Schema] = {
    "RequestVerification": record(
        request_id=ID, level=TEXT, needs=COUNT, by=many(one_of(Means)), missing=many(one_of(Missing)),
        proofs=many(record(means=one_of(Means), address=maybe(TEXT))),
        agent=maybe(record(name=TEXT, organisation=maybe(TEXT), email=maybe(TEXT), evidence=maybe(TEXT),
                           sha256=maybe(TEXT))),
    ),
    "RequestLetters": record(
        letters=many(
            record(
                notice=one_of(Notice), to=one_of(To), outcome=one_of(Outcome), written_at=TIME,
                settled_at=maybe(TIME), attempts=COUNT,
            )
        )
    ),
    "ImportedRequests": record(
        rows=COUNT, dry_run={"type": "boolean"}, **_COUNTS,
        results=many(
            record(row=COUNT, outcome=one_of(Became), request_id=maybe(ID), faults=many(record(**_FAULT)))
        ),
    ),
}  # fmt: skip

_AT, _ID = "2026-01-01T00:00:00Z", "0195e7a0-0000-7000-8000-00000000000a"
INTAKE_EXAMPLES: dict[str, Any] = {
    "RequestVerification": {
        "request_id": _ID, "level": "verified", "needs": 1,
        "by": ["code", "controller", "link", "login", "officer"], "missing": ["proof"],
        "proofs": [{"means": "code", "address": "given"}], "agent": None,
    },
    "RequestLetters": {
        "letters": [
            {"notice": "acknowledged", "to": "person", "outcome": "sent", "written_at": _AT, "settled_at": _AT,
             "attempts": 1},
        ]
    },
    "ImportedRequests": {
        "rows": 2, "dry_run": False, "opened": 1, "refused": 0, "already": 0, "invalid": 1, "unreadable": 0,
        "results": [
            {"row": 1, "outcome": "opened", "request_id": _ID, "faults": []},
            {"row": 2, "outcome": "invalid", "request_id": None,
             "faults": [{"column": "kind", "expected": "one of access, portability, …"}]},
        ],
    },
    "import_requests": "reference,kind,subject_kind,subject_value\nT-1,access,email,shopper@example.com\n",
}  # fmt: skip
INTAKE_ANSWER_OF = {
    "verify_request": "Request", "ask_for_proof": "Request", "check_mandate": "Request", "refuse_request": "Request",
    "pause_request": "Request", "cancel_request": "Request", "acknowledge_request": "Request",
    "request_verification": "RequestVerification", "request_letters": "RequestLetters",
    "import_requests": "ImportedRequests",
}  # fmt: skip
INTAKE_ERRORS: dict[str, tuple[int, ...]] = {
    "verify_request": (404, 409, 413, 429), "ask_for_proof": (404, 409, 429), "check_mandate": (404, 409, 413),
    "refuse_request": (404, 409, 413), "pause_request": (404, 409, 413), "cancel_request": (404, 409, 413),
    "acknowledge_request": (404, 409, 413), "request_verification": (404,),
    "request_letters": (404,), "import_requests": (413,),
}  # fmt: skip
