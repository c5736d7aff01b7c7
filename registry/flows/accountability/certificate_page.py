"""The certificate as one page to read, print and keep; the signed document and its proof stand in it for machines.

Every word of the page follows from what is signed: whoever checks it renders it again, and compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib import resources
from typing import Any, NamedTuple

import orjson
from jinja2 import Environment, StrictUndefined

from registry import __version__
from registry.dsr.accounting import EVERY_TABLE, Disposition, stands_without_rows
from registry.flows.accountability import proven
from registry.flows.accountability.proven import Proven
from registry.keys.signing import invalid

TEMPLATE = "certificate.html"
PROOF = "proof"
"""The id of the element that the proven certificate stands in."""
GENERATOR = "Registry"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy to serve it with: its style stands inside it, and it may fetch and run nothing."""


LONG = 22
"""More tables than these, or more recipients and cases, do not fit on the first sheet: they follow on the next ones."""


class _Held(NamedTuple):
    """The fields of a table that had rows of the person, or may have had, as far as one thing was done with them."""

    system: str
    table: str
    rows: int
    fields: list[str]


def render(stated: Mapping[str, Any], established: Proven) -> str:
    """The page of a proven certificate whose proof has been checked."""
    template = (resources.files("registry.flows") / "templates" / TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    claims = established.claims
    fates = Counter(field["disposition"] for field in claims["fields"])
    held = _held(claims["fields"])
    beside = len(claims.get("destinations", ())) + len(claims.get("retained", ()))
    shown = {(field["system"], field["table"]) for field in _told(claims["fields"])}
    return environment.from_string(template).render(
        proof=dict(stated), claims=claims, position=established.position, log=established.checkpoint,
        fates=[(fate.value, fates[fate.value]) for fate in Disposition if fates[fate.value]],
        fields=len(claims["fields"]), held=held, others=_others(claims["fields"]),
        empty=sorted({(field["system"], field["table"]) for field in claims["fields"]} - shown),
        unreached=sorted({field["system"] for field in claims["fields"] if field["table"] == EVERY_TABLE}),
        generator=f"{GENERATOR} {__version__}",
        is_long=sum(len(tables) for _, _, tables in held) + beside > LONG, systems=_systems(claims["fields"]),
        said=Counter(one["state"] for one in claims.get("destinations", ())).most_common(),
        request=claims["request"], erases=claims["request"]["kind"] in ("erasure", "delete"),
    )  # fmt: skip


def check(page: str, jwks: Mapping[str, object]) -> Proven:
    """What the certificate in a page establishes, if the page says just that.

    Raises:
        SignatureInvalid: there is no certificate in it, it does not verify, or the page says something else
            than it; `extra["failure"]` is then `other-words`, or `other-version` where this cannot be told.
    """
    found = _Reader()
    found.feed(page)
    found.close()
    try:
        stated = orjson.loads("".join(found.proof))
    except orjson.JSONDecodeError:
        raise invalid("there is no certificate in the page", "malformed") from None
    if not isinstance(stated, dict):
        raise invalid("there is no certificate in the page", "malformed")
    established = proven.check(stated, jwks)
    if found.generator != f"{GENERATOR} {__version__}":
        raise invalid("another version wrote the page: have the certificate as JSON, or check with it", "other-version")
    if page.replace("\r\n", "\n").strip() != render(stated, established).strip():
        raise invalid("the page says something else than the certificate in it", "other-words")
    return established


def _told(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fields that had rows of the person, or of which more is said than that there were none."""
    return [
        one for one in fields if one["rows"] or stands_without_rows(one["disposition"], one["field"], one.get("ground"))
    ]


def _held(fields: list[dict[str, Any]]) -> list[tuple[str, str, list[_Held]]]:
    """What was done and on which ground, the erased first, with the tables of which that is told and their fields."""
    found: dict[tuple[str, str], dict[tuple[Any, ...], _Held]] = {}
    for one in _told(fields):
        tables = found.setdefault((one["disposition"], one.get("ground", "")), {})
        place = (one["system"], one["table"], one["rows"])
        tables.setdefault(place, _Held(*place, [])).fields.append(one["field"])
    return [(fate, ground, list(tables.values())) for (fate, ground), tables in sorted(found.items())]


def _others(fields: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """The tables with rows that were left as somebody else's, and how many."""
    return sorted({(one["system"], one["table"], one["rows_of_others"]) for one in fields if "rows_of_others" in one})


class _System(NamedTuple):
    """What one thing was done with in a system, on one ground: in how many tables, fields and rows."""

    system: str
    fate: str
    ground: str
    tables: int
    fields: int
    rows: int


def _systems(fields: list[dict[str, Any]]) -> list[_System]:
    """The same fields by system, what was done and the ground, the erased first."""
    found: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for one in _told(fields):
        place = (one["system"], one["disposition"], one.get("ground", ""))
        found.setdefault(place, {}).setdefault(one["table"], []).append(one["rows"])
    return [
        _System(*place, len(tables), sum(map(len, tables.values())), sum(map(max, tables.values())))
        for place, tables in sorted(found.items())
    ]


class _Reader(HTMLParser):
    """Picks the proof and the generator out of a page; everything else is compared as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.proof: list[str] = []
        self.generator: str | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._inside = tag == "script" and named.get("id") == PROOF
        if tag == "meta" and named.get("name") == "generator":
            self.generator = named.get("content")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.proof.append(data)
