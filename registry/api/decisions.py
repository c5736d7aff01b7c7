"""Answers from memory as JSON: what many people share is written once, and what is of one person put into it."""

from __future__ import annotations

from typing import NamedTuple

import orjson
from prometheus_client import Counter

from registry.api.consent import decision_json
from registry.api.metrics import DECISIONS
from registry.flows.consent.given import Given, Outcome
from registry.model.clock import rfc3339
from registry.model.decision import Decision
from registry.model.ids import text_id

_OF_ONE = '"record_id":null,"valid_until":null'
"""Quotes inside a text of JSON are escaped: this stands nowhere else."""


class Form(NamedTuple):
    """An outcome, written: the JSON before and after what is of one person, and what counts it."""

    head: str
    tail: str
    whole: str
    allowed: bool
    reason: str
    counter: Counter

    def body(self, given: Given) -> str:
        """The JSON of one answer of this outcome."""
        _, record_id, until, _ = given
        if record_id is None:
            return self.whole
        end = "null" if until is None else f'"{rfc3339(until)}"'
        return f'{self.head}"record_id":"{text_id(record_id)}","valid_until":{end}{self.tail}'


def written(outcome: Outcome) -> Form:
    """The form of an outcome, made once."""
    form = outcome.kept
    if isinstance(form, Form):
        return form
    decision = outcome.decision
    whole = orjson.dumps(decision_json(decision)).decode()
    head, _, tail = whole.partition(_OF_ONE)
    counter = counter_of(decision)
    made = outcome.kept = Form(head, tail, whole, decision.allowed, decision.reason.value, counter)
    return made


def counter_of(decision: Decision) -> Counter:
    """What counts a decision."""
    return DECISIONS.labels(allowed=str(decision.allowed).lower(), reason=decision.reason.value)
