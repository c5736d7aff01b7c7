"""What people and officers are written to: words, ids, times; nothing of what is held, and nobody's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.dsr.requests import Kind


class Notice(StrEnum):
    """What a letter is for."""

    CHALLENGE = "challenge"
    """The code and the link by which somebody proves that a mailbox is theirs."""
    ACKNOWLEDGED = "acknowledged"
    """That the request came, and when it will be answered (11 CCR 7021(a))."""
    EXTENDED = "extended"
    """That the answer is put off, and why (GDPR Art. 12(3))."""
    PAUSED = "paused"
    """That nothing can be done before it is clear who asks, and what is in doubt (GDPR Art. 12(6))."""
    REFUSED = "refused"
    """That nothing will be done, why, and where to complain (GDPR Art. 12(4))."""
    COMPLETED = "completed"
    """What was done (GDPR Art. 12(3))."""
    PACKAGE = "package"
    """The link by which the answer is fetched."""
    DEADLINE = "deadline"
    """To officers: which requests are soon, or already, late."""


class To(StrEnum):
    """Whom a letter goes to."""

    PERSON = "person"
    AGENT = "agent"
    OFFICERS = "officers"


class Outcome(StrEnum):
    """What became of a letter."""

    WAITING = "waiting"
    SENT = "sent"
    NO_ADDRESS = "no_address"
    """There is no mailbox that may be written to: tell the person in another way."""
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Words:
    """The letters in one language; what stands in braces is filled in."""

    subjects: Mapping[Notice, str]
    texts: Mapping[Notice, str]
    link: str
    kinds: Mapping[Kind, str]
    reasons: Mapping[str, str]


_EN = Words(
    subjects={
        Notice.CHALLENGE: "Please confirm your request",
        Notice.ACKNOWLEDGED: "We have received your request",
        Notice.EXTENDED: "Our answer will take longer",
        Notice.PAUSED: "Your request waits for you",
        Notice.REFUSED: "Your request cannot be met",
        Notice.COMPLETED: "Your request has been answered",
        Notice.PACKAGE: "Your data can be fetched",
        Notice.DEADLINE: "Requests that need you: {count}",
    },
    texts={
        Notice.CHALLENGE: "Somebody asked us for this about the person behind this address: {kind}.\n\nIf it was you, "
        "confirm it with the code {code}\n{link}\nIt is valid for {minutes} minutes. If it was not you, do nothing, "
        "and do not pass the code on.\n",
        Notice.ACKNOWLEDGED: "We have received this request on {received}: {kind}.\n\nWe check who is asking, look "
        "for everything that it is about, and answer by {respond_by}.\n\nIts number is {request}.\n",
        Notice.EXTENDED: "You asked us on {received} for this: {kind}.\n\nWe need longer than the usual time, because "
        "of this: {reason}.\n\nWe answer by {respond_by}. You may complain to a supervisory authority.\n\nThe "
        "request's number is {request}.\n",
        Notice.PAUSED: "We were asked on {received} for this: {kind}.\n\nWe cannot go on yet, because of this: "
        "{reason}.\n\nPlease confirm the request in the way that you were asked to, or answer whoever writes to you "
        "about it.\n\nThe request's number is {request}.\n",
        Notice.REFUSED: "We were asked on {received} for this: {kind}.\n\nWe cannot do it, because of this: {reason}."
        "\n\nYou may complain to a supervisory authority, or go to court.\n\nThe request's number is {request}.\n",
        Notice.COMPLETED: "You asked us on {received} for this: {kind}.\n\nIt is done. {where}\n\nThe request's "
        "number is {request}.\n",
        Notice.PACKAGE: "You asked us on {received} for this: {kind}.\n\nFetch it here until {until}:\n\n{url}\n\nHow "
        "often the link can be used: {fetches}. It works for whoever has it, so do not pass it on, and keep the file "
        "where only you can read it.\n\nThe request's number is {request}.\n",
        Notice.DEADLINE: "{lines}\n",
    },
    link="or by following this link, which works once:\n{link}\n",
    kinds={
        Kind.ACCESS: "a copy of the data",
        Kind.PORTABILITY: "the data, to take elsewhere",
        Kind.RECTIFICATION: "to correct data",
        Kind.RESTRICTION: "to stop using the data, and keep it",
        Kind.OBJECTION: "to stop a use of the data",
        Kind.WITHDRAWAL: "to withdraw a consent",
        Kind.ERASURE: "to erase the data",
        Kind.KNOW: "to know which data is held",
        Kind.DELETE: "to delete the data",
        Kind.CORRECT: "to correct data",
        Kind.OPT_OUT: "not to sell or share the data",
        Kind.LIMIT: "to limit the use of sensitive data",
    },
    reasons={
        "no_mandate": "whoever asked did not show that they may act for the person",
        "mandate_ended": "the mandate of whoever asked has ended",
        "mandate_rejected": "the mandate of whoever asked could not be accepted",
        "not_asked_for": "the person says that it is not their request",
        "identity": "we have to make sure who is asking",
        "officer": "our officer has written to you why, or will",
        "package": "What you asked for waits for you: you are told how to fetch it.",
        "done": "",
    },
)

_DE = Words(
    subjects={
        Notice.CHALLENGE: "Bitte bestätigen Sie Ihren Antrag",
        Notice.ACKNOWLEDGED: "Wir haben Ihren Antrag erhalten",
        Notice.EXTENDED: "Unsere Antwort dauert länger",
        Notice.PAUSED: "Ihr Antrag wartet auf Sie",
        Notice.REFUSED: "Ihr Antrag kann nicht erfüllt werden",
        Notice.COMPLETED: "Ihr Antrag ist beantwortet",
        Notice.PACKAGE: "Ihre Daten liegen bereit",
        Notice.DEADLINE: _EN.subjects[Notice.DEADLINE],
    },
    texts={
        Notice.CHALLENGE: "Jemand hat bei uns zur Person hinter dieser Adresse dies beantragt: {kind}.\n\nWaren Sie "
        "es, bestätigen Sie es mit dem Code {code}\n{link}\nEr gilt {minutes} Minuten. Waren Sie es nicht, tun Sie "
        "nichts, und geben Sie den Code nicht weiter.\n",
        Notice.ACKNOWLEDGED: "Wir haben am {received} diesen Antrag erhalten: {kind}.\n\nWir prüfen, wer fragt, suchen "
        "alles, worum es geht, und antworten bis {respond_by}.\n\nDie Nummer ist {request}.\n",
        Notice.EXTENDED: "Sie haben am {received} dies beantragt: {kind}.\n\nWir brauchen länger als üblich, und zwar "
        "deshalb: {reason}.\n\nWir antworten bis {respond_by}. Sie können sich bei einer Aufsichtsbehörde beschweren."
        "\n\nDie Nummer des Antrags ist {request}.\n",
        Notice.PAUSED: "Am {received} wurde bei uns dies beantragt: {kind}.\n\nWir können noch nicht weitermachen, und "
        "zwar deshalb: {reason}.\n\nBitte bestätigen Sie den Antrag so, wie Sie darum gebeten wurden, oder antworten "
        "Sie auf unser Schreiben dazu.\n\nDie Nummer des Antrags ist {request}.\n",
        Notice.REFUSED: "Am {received} wurde bei uns dies beantragt: {kind}.\n\nWir können es nicht tun, und zwar "
        "deshalb: {reason}.\n\nSie können sich bei einer Aufsichtsbehörde beschweren oder vor Gericht gehen.\n\nDie "
        "Nummer des Antrags ist {request}.\n",
        Notice.COMPLETED: "Sie haben am {received} dies beantragt: {kind}.\n\nEs ist geschehen. {where}\n\nDie Nummer "
        "des Antrags ist {request}.\n",
        Notice.PACKAGE: "Sie haben am {received} dies beantragt: {kind}.\n\nHolen Sie es bis {until} hier ab:\n\n"
        "{url}\n\nSo oft gilt der Link: {fetches}. Er gilt für jeden, der ihn hat: geben Sie ihn nicht weiter, und "
        "bewahren Sie die Datei dort auf, wo nur Sie sie lesen können.\n\nDie Nummer des Antrags ist {request}.\n",
        Notice.DEADLINE: _EN.texts[Notice.DEADLINE],
    },
    link="oder über diesen Link, der einmal gilt:\n{link}\n",
    kinds={
        Kind.ACCESS: "eine Kopie der Daten",
        Kind.PORTABILITY: "die Daten zum Mitnehmen",
        Kind.RECTIFICATION: "Daten zu berichtigen",
        Kind.RESTRICTION: "die Daten nicht mehr zu nutzen, aber zu behalten",
        Kind.OBJECTION: "eine Nutzung der Daten zu beenden",
        Kind.WITHDRAWAL: "eine Einwilligung zu widerrufen",
        Kind.ERASURE: "die Daten zu löschen",
        Kind.KNOW: "zu erfahren, welche Daten gespeichert sind",
        Kind.DELETE: "die Daten zu löschen",
        Kind.CORRECT: "Daten zu berichtigen",
        Kind.OPT_OUT: "die Daten nicht zu verkaufen oder weiterzugeben",
        Kind.LIMIT: "die Nutzung sensibler Daten zu begrenzen",
    },
    reasons={
        "no_mandate": "es wurde nicht gezeigt, dass für die Person gehandelt werden darf",
        "mandate_ended": "die Vollmacht ist abgelaufen",
        "mandate_rejected": "die Vollmacht konnte nicht anerkannt werden",
        "not_asked_for": "die Person sagt, dass es nicht ihr Antrag ist",
        "identity": "wir müssen sicher sein, wer fragt",
        "officer": "den Grund schreiben wir Ihnen gesondert",
        "package": "Was Sie verlangt haben, liegt bereit: wie Sie es abholen, erfahren Sie von uns.",
        "done": "",
    },
)

LANGUAGES: Mapping[str, Words] = {"en": _EN, "de": _DE}


def letter(notice: Notice, language: str, told: Mapping[str, str]) -> tuple[str, str]:
    """The subject and the text of a letter.

    Args:
        language: of `LANGUAGES`; any other is English.
        told: what the text's braces hold. `kind` is a kind of request; a `reason` or `where` that the language has
            words for is told in them, and any other in the officer's own; a `link` with what it is.
    """
    words = LANGUAGES.get(language, _EN)
    filled = dict(told)
    if "kind" in filled:
        filled["kind"] = words.kinds[Kind(filled["kind"])]
    for name in ("reason", "where"):
        if name in filled:
            filled[name] = words.reasons.get(filled[name], filled[name])
    filled["link"] = words.link.format(link=told["link"]) if "link" in told else ""
    return words.subjects[notice].format_map(filled), words.texts[notice].format_map(filled)


def deadline_lines(found: Sequence[Mapping[str, object]], url: str | None) -> str:
    """What officers are told of requests that are soon or already late, a line each; ids, kinds and times only."""
    lines = []
    for one in found:
        days = int(str(one["days_left"]))
        when = f"in {days} days" if days > 0 else "today" if days == 0 else f"{-days} days ago"
        where = f" {url}/console/requests/{one['request_id']}" if url is not None else ""
        lines.append(f"{one['kind']} request {one['request_id']} ({one['due']} by {one['by']}, {when}){where}")
    return "\n".join(lines)
