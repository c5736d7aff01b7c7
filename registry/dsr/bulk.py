"""Many requests at once, a row each: which columns there are, and what is wrong with a row, without a value of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import orjson

from registry.dsr.agents import Agent, Claim, Party
from registry.dsr.notices import LANGUAGES
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.dsr.verification import MandateKind
from registry.model.clock import Micros, parse_rfc3339
from registry.model.errors import InvalidInput

NEEDED = ("reference", "kind", "subject_kind", "subject_value")
OPTIONAL = (
    "jurisdiction", "purposes", "traits", "received_at", "language", "agent_name", "agent_organisation", "agent_email",
    "mandate", "mandate_until", "mandate_evidence", "mandate_sha256", "deliver_to",
)  # fmt: skip
COLUMNS = NEEDED + OPTIONAL
LONGEST = 2_000
"""Characters of one cell."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Fault(NamedTuple):
    """What is wrong with a row: in which column, and what should stand there."""

    column: str
    expected: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One row, read; whom it is about is not looked at yet."""

    reference: str
    kind: Kind
    subject_kind: str
    subject_value: str
    jurisdiction: str | None
    details: Mapping[str, object]
    received_at: Micros | date | None
    language: str | None
    claim: Claim | None

    def __repr__(self) -> str:
        return "Asked(hidden)"


def check_columns(names: Iterable[str]) -> None:
    """Go on only with a file that has the columns that are needed, and none that is not known.

    Raises:
        InvalidInput: a column is missing, or is not known; which is said by its place.
    """
    found = list(names)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise InvalidInput(f"there is no column {', '.join(missing)}", hint=f"the columns are: {', '.join(COLUMNS)}")
    strange = [place for place, name in enumerate(found, 1) if name not in COLUMNS]
    if strange:
        places = ", ".join(map(str, strange))
        raise InvalidInput(f"column {places} is not known", hint=f"the columns are: {', '.join(COLUMNS)}")


def asked(cells: Mapping[str, object]) -> tuple[Asked | None, list[Fault]]:
    """What a row asks for; or every fault of it."""
    row = {name: str(value).strip() for name, value in cells.items() if value is not None}
    faults = [Fault(name, f"at most {LONGEST} characters") for name, text in row.items() if len(text) > LONGEST]
    faults += [Fault(name, "a value") for name in NEEDED if not row.get(name)]
    if cells.keys() - set(COLUMNS):  # misspelt, a law or the end of a mandate would be passed over
        faults.append(Fault("", f"no members but {', '.join(COLUMNS)}"))
    kind = _one_of(Kind, "kind", row, faults)
    received_at = received(row, faults)
    details = _details(kind, row, faults)
    claim = claim_of(row, faults)
    language = language_of(row, faults)
    if faults or kind is None:
        return None, faults
    made = Asked(
        row["reference"], kind, row["subject_kind"], row["subject_value"], row.get("jurisdiction") or None, details,
        received_at, language, claim,
    )  # fmt: skip
    return made, []


def _details(kind: Kind | None, row: Mapping[str, str], faults: list[Fault]) -> dict[str, object]:
    if kind is None:
        return {}
    if EFFECTS[kind] is Effect.RECORD and row.get("purposes"):
        return {"purposes": [name.strip() for name in row["purposes"].split(";") if name.strip()]}
    if EFFECTS[kind] is Effect.CORRECT:
        try:
            traits: Any = orjson.loads(row.get("traits", ""))
        except orjson.JSONDecodeError:
            traits = None
        if not isinstance(traits, dict) or not traits:
            faults.append(Fault("traits", "a JSON object: each trait with its right value"))
            return {}
        return {"traits": traits}
    return {}


def claim_of(row: Mapping[str, str], faults: list[Fault]) -> Claim | None:
    """What an agent says, by the columns that are of agents; None where there is none, or it has `faults`."""
    of_agent = [name for name in OPTIONAL[5:] if row.get(name)]
    if not of_agent:
        return None
    if not row.get("agent_name"):
        faults.append(Fault("agent_name", "who asks for the person"))
        return None
    if row.get("agent_email") and not _MAILBOX.fullmatch(row["agent_email"]):
        faults.append(Fault("agent_email", "an e-mail address"))
    if row.get("mandate_sha256") and not _SHA256.fullmatch(row["mandate_sha256"]):
        faults.append(Fault("mandate_sha256", "64 hexadecimal digits"))
    mandate = _one_of(MandateKind, "mandate", row, faults) if row.get("mandate") else None
    party = _one_of(Party, "deliver_to", row, faults) if row.get("deliver_to") else Party.PERSON
    agent = Agent(
        row["agent_name"], row.get("agent_organisation") or None, row.get("agent_email") or None,
        row.get("mandate_evidence") or None, row.get("mandate_sha256") or None,
    )  # fmt: skip
    until = _moment("mandate_until", row, faults)
    said = row.get("mandate_until", "")
    through = date.fromisoformat(said) if until is not None and _DAY.fullmatch(said) else None
    return Claim(agent, mandate, until, party or Party.PERSON, through)


def _one_of(words: Any, column: str, row: Mapping[str, str], faults: list[Fault]) -> Any:
    text = row.get(column, "")
    if text in list(words):
        return words(text)
    if text:
        faults.append(Fault(column, f"one of {', '.join(words)}"))
    return None


def language_of(row: Mapping[str, str], faults: list[Fault]) -> str | None:
    """In which letters are written; None where the row does not say, or has a fault."""
    language = row.get("language") or None
    if language is not None and language not in LANGUAGES:
        faults.append(Fault("language", f"one of {', '.join(LANGUAGES)}"))
        return None
    return language


def received(row: Mapping[str, str], faults: list[Fault]) -> Micros | date | None:
    """When the request came: a day is one by the clocks of its law."""
    found, text = _moment("received_at", row, faults), row.get("received_at", "")
    return date.fromisoformat(text) if found is not None and _DAY.fullmatch(text) else found


def _moment(column: str, row: Mapping[str, str], faults: list[Fault]) -> Micros | None:
    text = row.get(column, "")
    if not text:
        return None
    found = parse_rfc3339(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    if found is None:
        faults.append(Fault(column, "a day, YYYY-MM-DD, or an RFC 3339 time"))
    return found
