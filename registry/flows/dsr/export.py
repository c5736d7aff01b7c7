"""The package that answers an access or portability request (GDPR Art. 15 and 20).

Written straight into the stream of whoever fetches it: in constant memory, and with no copy on a
disk of ours. Everything in it is listed in `manifest.json` with its SHA-256, which stands last,
since it can only be known when all else has been written.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import IO, Any

import orjson
from jinja2 import Environment

from registry.flows.acts import trail
from registry.flows.consent.ledger import matrix
from registry.flows.deployment import Deployment
from registry.flows.dsr import lifecycle, linked
from registry.flows.opening import API_SOURCE, open_assertions, open_event, open_identifiers, source_names
from registry.flows.workspace import OpenWorkspace
from registry.keys import parcels
from registry.keys.parcels import OPEN, Lock
from registry.model.clock import rfc3339, to_datetime
from registry.model.compartment import Compartment, purposes_of
from registry.model.decision import Reason
from registry.model.errors import NotFound
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, text_id
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredConsent, StoredRequest
from registry.profiles.view import consent_json, provenance_json
from registry.store import consents, events, identities

FORMAT = 1
PAGE = "export.html"


@dataclass(slots=True)
class _Package:
    """The open archive, and what has been written into it."""

    archive: zipfile.ZipFile
    files: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write one file, hashing as it goes."""
        digest, size = sha256(), 0
        with self.archive.open(name, "w") as stream:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
        self.files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})


def write_package(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    stream: IO[bytes],
    *,
    actor: str,
    lock: Lock = OPEN,
) -> None:
    """Write the ZIP of a completed access or portability request to a stream, locked for the requester.

    Raises:
        Conflict: the request is not one that has a package.
        NotFound: nobody is known for whom it asked.
    """
    fragments = lifecycle.scope_of(deployment, workspace, request)
    if not fragments:
        raise NotFound("nothing is held of the person that the request is about")
    about = trail.About(deployment.keyring, workspace.workspace_id, fragments[0].fragment_id)
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="dsr:package:written",
            outcome="given", fields={"request": text_id(request.request_id)}, about=about,
        )  # fmt: skip
    parcels.sealed(stream, lock, lambda plain: _write(deployment, workspace, request, fragments, plain, lock))


def _write(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    fragments: Sequence[Fragment],
    stream: IO[bytes],
    lock: Lock,
) -> None:
    with parcels.archive(stream, lock) as archive:
        package = _Package(archive)
        contents = _contents(deployment, workspace, request, fragments)
        for name in ("identifiers", "traits", "consents", "purposes", "recipients"):
            package.add(f"{name}.json", [orjson.dumps(contents[name], option=orjson.OPT_INDENT_2)])
        package.add("traits.csv", _csv(contents["traits"], ("trait", "value", "source", "observed_at", "method")))
        seen: Counter[tuple[str, str]] = Counter()
        damaged: Counter[Reason] = contents["closed"]
        package.add("events.jsonl", _events(deployment, workspace, request, fragments, seen, damaged))
        outside: Counter[str] = Counter()
        people = [Identifier(one["kind"], one["value"]) for one in contents["identifiers"]]
        for system in deployment.linked:
            package.add(f"outside/{system.name}.jsonl", linked.exported(system, people, outside))
        contents["outside"] = sorted(outside.items())
        package.add("index.html", [_page(deployment, request, contents, seen)])
        manifest = {
            "format": FORMAT,
            "request": text_id(request.request_id),
            "kind": request.kind,
            "received": rfc3339(request.received_at),
            "written": rfc3339(deployment.clock()),
            "controller": deployment.controller.name,
            "events": sum(seen.values()),
            "damaged": damaged[Reason.DAMAGED],
            "files": package.files,
        }
        package.add("manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2)])


def _contents(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, fragments: Sequence[Fragment]
) -> dict[str, Any]:
    ids = [fragment.fragment_id for fragment in fragments]
    grant = _grant(workspace, request)
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = events.assertions(transaction, workspace.workspace_id, ids)
        known = identities.identifiers_of(transaction, workspace.workspace_id, ids)
        history = consents.history(transaction, workspace.workspace_id, ids)
        states = consents.states(transaction, workspace.workspace_id, ids)
        names = source_names(transaction, workspace.workspace_id)
    purposes = deployment.policies.purposes.purposes
    traits = open_assertions(deployment, grant, rows, names)
    identifiers, closed = open_identifiers(deployment, grant, known)
    opened = sorted(
        traits.assertions,
        key=lambda a: (a.trait, a.provenance.observed_at, a.provenance.source_id),
    )
    return {
        "identifiers": [
            {
                "kind": identifier.kind,
                "value": identifier.value,
                "source": names.get(row.source_id, API_SOURCE),
                "first_seen_at": rfc3339(row.first_seen_at),
            }
            for row, identifier in identifiers
        ],
        "traits": [
            {
                "trait": assertion.trait,
                "value": assertion.value,
                "purposes": sorted(purposes_of(assertion.compartment)),
                **provenance_json(assertion.provenance),
            }
            for assertion in opened
        ],
        "consents": {
            "now": {name: consent_json(d) for name, d in matrix(deployment, fragments, states).items()},
            "history": [_consent(row) for row in history],
        },
        "purposes": [
            {
                "purpose": purpose.name,
                "title": purpose.told_in("en")[0],
                "text": purpose.told_in("en")[1],
                "lawful_basis": purpose.basis_in(None).value,
                "retention_days": purpose.retention_days,
            }
            for purpose in purposes.values()
        ],
        "closed": traits.withheld + closed,
        "recipients": sorted({recipient for purpose in purposes.values() for recipient in purpose.recipients}),
    }


def _grant(workspace: OpenWorkspace, request: StoredRequest) -> OpenGrant:
    return OpenGrant(workspace.workspace_id, None, f"dsr:{text_id(request.request_id)}")


def _events(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    fragments: Sequence[Fragment],
    seen: Counter[tuple[str, str]],
    closed: Counter[Reason],
) -> Iterator[bytes]:
    """Every event as a line of JSON; counts them by name and month on the way, and what of them stays closed."""
    grant = _grant(workspace, request)
    ids: list[FragmentId] = [fragment.fragment_id for fragment in fragments]
    with deployment.data.read(workspace.workspace_id) as transaction:
        names = source_names(transaction, workspace.workspace_id)
        for row in events.stream(transaction, workspace.workspace_id, ids):
            bundles = deployment.keyring.for_opening(grant, [row.fragment_id])
            content, withheld = open_event(grant, row, bundles)
            closed.update(withheld)
            seen[(row.plan_event or row.call, to_datetime(row.observed_at).strftime("%Y-%m"))] += 1
            purposes = {p for name in row.compartments.split(",") if name for p in purposes_of(Compartment(name))}
            line = {
                "event_id": text_id(row.event_id),
                "type": row.call,
                "event": row.plan_event,
                "source": names.get(row.source_id, API_SOURCE),
                "observed_at": rfc3339(row.observed_at),
                "received_at": rfc3339(row.received_at),
                "purposes": sorted(purposes),
                "content": content,
            }
            yield orjson.dumps(line) + b"\n"


def _consent(row: StoredConsent) -> dict[str, object]:
    return {
        "purpose": row.purpose,
        "status": row.status,
        "acted_at": rfc3339(row.acted_at),
        "recorded_at": rfc3339(row.recorded_at),
        "channel": row.channel,
        "notice_version": row.notice_version,
        "source": row.source_name,
    }


def _csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Iterator[bytes]:
    """Rows as CSV; a value that a spreadsheet would run as a formula is prefixed with a quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _page(
    deployment: Deployment, request: StoredRequest, contents: dict[str, Any], seen: Counter[tuple[str, str]]
) -> bytes:
    template = (resources.files("registry.flows") / "templates" / PAGE).read_text(encoding="utf-8")
    by_event: Counter[str] = Counter()
    by_month: Counter[str] = Counter()
    for (event, month), count in seen.items():
        by_event[event] += count
        by_month[month] += count
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    return page.render(
        controller=deployment.controller,
        kind=request.kind,
        received=rfc3339(request.received_at),
        written=rfc3339(deployment.clock()),
        by_event=by_event.most_common(),
        by_month=sorted(by_month.items()),
        most=max(by_month.values(), default=1),
        most_event=max(by_event.values(), default=1),
        **contents,
    ).encode()
