"""Answers from memory as JSON: what many people share is written once, and what is of one person put into it."""

from __future__ import annotations

from collections import Counter as Counts
from typing import NamedTuple

import orjson
from prometheus_client import Counter

from registry.api.consent import decision_json
from registry.api.metrics import DECISIONS
from registry.api.profile_lines import texts_of
from registry.flows.consent.given import Answers, Given, Outcome
from registry.model.clock import Micros, rfc3339
from registry.model.decision import Decision
from registry.model.ids import text_id

_OF_ONE = b'"record_id":null,"valid_until":null'
"""Quotes inside a text of JSON are escaped: this stands nowhere else."""


class Form(NamedTuple):
    """An outcome, written: the JSON before the record that it rests on, what follows that where the answer has no end,
    and after the end; where it rests on none, all of it stands before. And what counts it.
    """

    head: bytes
    endless: bytes
    tail: bytes
    allowed: bool
    reason: str
    counter: Counter

    def body(self, given: Given) -> bytes:
        """The JSON of one answer of this outcome."""
        _, record_id, until, _ = given
        if record_id is None:
            return self.head
        rest = self.endless if until is None else self.ending(until)
        return self.head + text_id(record_id).encode() + rest

    def ending(self, until: Micros) -> bytes:
        """What follows the record where the answer has an end."""
        return b'","valid_until":"%s"%s' % (rfc3339(until).encode(), self.tail)


def written(outcome: Outcome) -> Form:
    """The form of an outcome, made once."""
    form = outcome.kept
    if isinstance(form, Form):
        return form
    decision = outcome.decision
    whole = orjson.dumps(decision_json(decision))
    counted = decision.allowed, decision.reason.value, counter_of(decision)
    if outcome.rests:
        head, _, tail = whole.partition(_OF_ONE)
        made = Form(head + b'"record_id":"', b'","valid_until":null' + tail, tail, *counted)
    else:
        made = Form(whole, b"", b"", *counted)
    outcome.kept = made
    return made


def written_all(answers: Answers) -> bytes:
    """The JSON of many answers, with commas between; each is counted."""
    import numpy as np

    forms, codes = [written(outcome) for outcome in answers.outcomes], answers.codes.tolist()
    for code, times in Counts(codes).items():
        forms[code].counter.inc(times)
    rests = np.array([outcome.rests for outcome in answers.outcomes])[answers.codes]
    texts = texts_of(answers.records.tobytes())
    texts[~rests] = b""
    parts = [b""] * (3 * len(codes))
    parts[::3] = map([form.head for form in forms].__getitem__, codes)
    parts[1::3] = texts.tolist()
    parts[2::3] = map([form.endless + b"," for form in forms].__getitem__, codes)
    for place in np.flatnonzero(rests & (answers.untils != 0)).tolist():
        parts[3 * place + 2] = forms[codes[place]].ending(int(answers.untils[place])) + b","
    return b"".join(parts)[:-1]


def counter_of(decision: Decision) -> Counter:
    """What counts a decision."""
    return DECISIONS.labels(allowed=str(decision.allowed).lower(), reason=decision.reason.value)
