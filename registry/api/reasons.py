"""Bulk answers with their reasons: who may be used for a purpose, who may not, and why, a line each.

They come from the database, some 20 µs a person: for whoever wants to know why somebody is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from registry.api.application import Application
from registry.flows.consent import permitted
from registry.flows.consent.given import NO_CATEGORIES, Question
from registry.flows.workspace import OpenWorkspace
from registry.model.decision import Decision
from registry.model.ids import ProfileId
from registry.model.message import Identifier

Reference = Identifier | ProfileId


def reasoned(
    application: Application,
    workspace: OpenWorkspace,
    references: Sequence[Reference],
    purpose: str,
    place: str | None = None,
) -> list[Decision]:
    """The decision on each of many people, in their order.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    deployment = application.deployment
    people = [Question(one, purpose, NO_CATEGORIES, place) for one in references if isinstance(one, Identifier)]
    profiles = [one for one in references if not isinstance(one, Identifier)]
    of_people = iter(permitted.check_many(deployment, workspace, people) if people else ())
    of_profiles = iter(permitted.decide_profiles(deployment, workspace, profiles, purpose, place) if profiles else ())
    return [next(of_people if isinstance(one, Identifier) else of_profiles) for one in references]


def told(line: bytes, decision: Decision) -> bytes:
    """A reference as it was sent, with the answer and its reason, as a line."""
    answer = {"allowed": decision.allowed, "reason": decision.reason.value, "sentence": decision.sentence}
    return orjson.dumps(orjson.loads(line) | answer) + b"\n"
