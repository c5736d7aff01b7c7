"""The permitted ones of many subjects: NDJSON in, the lines of those who may be used for a purpose out, as they come.

Up to `HELD` bytes of answers wait until the whole body was read, so that a line that is wrong is an error with its
number; of more the first are sent while the rest is still read, and a wrong line then breaks the answer off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from itertools import compress
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from registry.access.policy import Action
from registry.api import profile_lines
from registry.api.application import Application, of
from registry.api.bodies import receive_lines
from registry.api.questions import person_of, place_of, yes_or_no
from registry.api.reasons import Reference, reasoned, told
from registry.api.subject_lines import People, read
from registry.flows.consent import permitted
from registry.flows.consent.decided import Decided
from registry.flows.workspace import OpenWorkspace
from registry.keys.blind_index import KindKeys
from registry.model.errors import InvalidInput
from registry.model.ids import ProfileId, parse_id
from registry.model.message import Identifier

FILTER_BYTES = 1024 * 1024 * 1024
HELD = 8 * 1024 * 1024


class ConsentFilter:
    """`POST /v1/consent/filter`: subject or profile references in, those of the permitted out, in their order."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        application = of(request)
        principal, workspace = application.caller(request, Action.CONSENT_CHECK)
        purpose = request.query_params.get("purpose")
        if purpose is None:
            raise InvalidInput("no purpose: add ?purpose=", pointer="/query/purpose")
        application.deployment.policies.purposes.purpose(purpose)  # nobody is permitted by a misspelt name: say so
        place = place_of(request.query_params.get("jurisdiction"), "/query/jurisdiction")
        with_reasons = yes_or_no(request.query_params.get("reasons"), "/query/reasons")
        through = _Through(application, workspace, purpose, principal.actor, place, with_reasons=with_reasons)
        held, begun = b"", False
        rules = application.deployment.policies.identity
        blocks = receive_lines(receive, request.headers, FILTER_BYTES)
        async with aclosing(application.hashers.ahead(blocks, rules, through.keys)) as hashed:
            async for block, indexes in hashed:
                held += await run_in_threadpool(through.take, block, indexes)
                if len(held) > HELD or (begun and held):
                    if not begun:
                        await send(_start())
                    begun = True
                    await send({"type": "http.response.body", "body": held, "more_body": True})
                    held = b""
        if not begun:
            await send(_start((b"content-length", b"%d" % len(held))))
        await send({"type": "http.response.body", "body": held})


def _start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    kind = (b"content-type", b"application/x-ndjson")
    return {"type": "http.response.start", "status": 200, "headers": [kind, *headers]}


def _chosen(lines: Iterable[bytes], flags: bytes) -> bytes:
    return b"".join([line + b"\n" for line in compress(lines, flags)])


class _Through:
    """One filter: takes blocks of lines, and gives back the permitted ones of each."""

    def __init__(
        self,
        application: Application,
        workspace: OpenWorkspace,
        purpose: str,
        actor: str,
        place: str | None = None,
        *,
        with_reasons: bool = False,
    ) -> None:
        self._application, self._workspace, self._with_reasons = application, workspace, with_reasons
        self._purpose, self._actor, self._place = purpose, actor, place
        self._lines = 0

    def keys(self) -> KindKeys | None:
        """Under what subjects may be hashed elsewhere; None where the indexes alone are not enough."""
        application, workspace = self._application, self._workspace
        if (
            self._place is not None
            or self._with_reasons
            or application.decisions.share
            or not application.boards.ready(workspace)
        ):
            return None
        return workspace.indexer.kind_keys(application.deployment.policies.identity.kinds)

    def take(self, block: bytes, indexes: bytes | None) -> bytes:
        """The permitted ones of a block's lines, whose subjects were hashed where there are indexes."""
        if self._with_reasons:
            return self._told(block)
        by_index = self._indexed(indexes) if indexes is not None else None
        if by_index is not None:
            lines = (block if block.endswith(b"\n") else block + b"\n").splitlines(keepends=True)
            self._lines += len(lines)
            return b"".join(compress(lines, by_index))
        ids = profile_lines.ids_of(block)
        if ids is not None:
            self._lines += len(ids) // 16
            flags = self._profiles(ids)
            self._note((ProfileId(ids[at : at + 16]) for at in range(0, len(ids), 16)), flags)
            return profile_lines.chosen(block, flags)
        people, lines = read(self._application.deployment.policies.identity, block), block.splitlines()
        if people is None:
            lines_read, references = self._references(lines)
            flags = self._mixed(references)
            self._note(references, flags)
            return _chosen(lines_read, flags)
        self._lines += len(lines)
        flags = self._people(people)
        self._note(people.each(), flags)
        return _chosen(lines, flags)

    def _told(self, block: bytes) -> bytes:
        """The answer to every line of a block, with its reason."""
        lines, references = self._references(block.splitlines())
        decisions = reasoned(self._application, self._workspace, references, self._purpose, self._place)
        self._note(references, bytes(decision.allowed for decision in decisions))
        return b"".join(map(told, lines, decisions))

    def _references(self, lines: Sequence[bytes]) -> tuple[list[bytes], list[Reference]]:
        """The lines that are not empty, and whom each points at."""
        numbered = [(self._lines + number, line) for number, line in enumerate(lines, 1) if line.strip()]
        references = [self._reference(number, line) for number, line in numbered]
        self._lines += len(lines)
        return [line for _, line in numbered], references

    def _reference(self, number: int, line: bytes) -> Reference:
        try:
            value = orjson.loads(line)
            if isinstance(value, dict) and isinstance(value.get("profile_id"), str) and "kind" not in value:
                return ProfileId(parse_id(value["profile_id"], "profile_id"))
            return person_of(self._application, value)
        except orjson.JSONDecodeError:
            raise InvalidInput(f"line {number} is not JSON") from None
        except InvalidInput as error:
            raise InvalidInput(f"line {number}: {error.detail}", pointer=error.pointer) from None

    def _mixed(self, references: Sequence[Reference]) -> bytes:
        people = [one for one in references if isinstance(one, Identifier)]
        profiles = [one for one in references if not isinstance(one, Identifier)]
        of_people, of_profiles = iter(self._people(People.of(people))), iter(self._profiles(b"".join(profiles)))
        return bytes(next(of_people if isinstance(one, Identifier) else of_profiles) for one in references)

    def _profiles(self, ids: bytes) -> bytes:
        deployment, workspace = self._application.deployment, self._workspace
        if self._place is None:  # of other places the board says nothing
            flags = self._application.boards.allowed(workspace, self._purpose, "profiles", ids, deployment.clock())
            if flags is not None:
                return flags
        profiles = [ProfileId(ids[at : at + 16]) for at in range(0, len(ids), 16)]
        return bytes(permitted.filter_profiles(deployment, workspace, profiles, self._purpose, self._place))

    def _people(self, people: People) -> bytes:
        boards, deployment, workspace = self._application.boards, self._application.deployment, self._workspace
        if self._place is None and boards.ready(workspace):
            flags = self._indexed(workspace.indexer.index_each(*people))
            if flags is not None:
                return flags
        return bytes(permitted.filter_people(deployment, workspace, list(people.each()), self._purpose, self._place))

    def _indexed(self, indexes: bytes) -> bytes | None:
        deployment, workspace = self._application.deployment, self._workspace
        return self._application.boards.allowed(workspace, self._purpose, "indexes", indexes, deployment.clock())

    def _note(self, references: Iterable[Reference], flags: bytes) -> None:
        answers = zip(references, flags, strict=True)
        filtered = (Decided(reference, self._purpose, bool(may), "filtered") for reference, may in answers)
        self._application.decisions.note_all(self._actor, self._workspace, filtered)


ROUTES = [Route("/v1/consent/filter", ConsentFilter(), methods=["POST"])]
