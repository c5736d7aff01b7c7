"""The page of a package: what is held, why and since when, for a person to read, print and keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from registry.consent.records import WHOLE_PERSON
from registry.flows.deployment import Deployment
from registry.flows.dsr.package import charts, words
from registry.flows.dsr.package.contents import Contents
from registry.flows.ingest.computing import PREFIX
from registry.model.clock import rfc3339
from registry.model.stored import StoredRequest

EVERY_USE = {words.ENGLISH: "Every use of your data", words.GERMAN: "Jede Nutzung Ihrer Daten"}


def render(
    deployment: Deployment,
    request: StoredRequest,
    contents: Contents,
    seen: Counter[tuple[str, str]],
    categories: Mapping[str, Mapping[str, int]],
    more: dict[str, Any],
    language: str = words.ENGLISH,
) -> bytes:
    """The page.

    Args:
        seen: how many events there are, by name and month.
        categories: how many values there are of each data category, by month.
        more: what else it says: `outside`, `kept`, `records`, `redacted`, `damaged`, `latest`, `left_out`.
        language: as `words.spoken` told.
    """
    by_event: Counter[str] = Counter()
    by_month: Counter[str] = Counter()
    for (event, month), count in seen.items():
        by_event[event] += count
        by_month[month] += count
    spans = charts.over_time(categories, by_month)
    catalogue = deployment.policies.purposes
    return (
        words.template(language)
        .render(
            language=language,
            controller=deployment.controller,
            kind=request.kind,
            received=rfc3339(request.received_at),
            written=rfc3339(deployment.clock()),
            by_event=by_event.most_common(),
            events=sum(by_event.values()),
            spans=spans,
            colours=sorted({(part.colour, part.words) for span in spans for part in span.parts}),
            by_category=charts.by_category(categories),
            titles={name: catalogue.title_of(name, language) for name in catalogue.purposes}
            | {WHOLE_PERSON: EVERY_USE[language]},
            identifiers=contents.identifiers,
            traits=contents.traits,
            computed=PREFIX,
            consents=contents.consents,
            purposes=contents.purposes,
            recipients=contents.recipients,
            **more,
        )
        .encode()
    )
