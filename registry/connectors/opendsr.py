"""OpenDSR 2.0, the controller's side: a processor outside as a linked system of requests.

A request is sent to the processor once, under an id that follows from ours and from whom it names, and waits until the
processor states, signed, that it is completed. Where more of what the person is known by comes to light meanwhile, it
is another request. What a processor holds, it does not tell: its records are one table here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from registry.connectors.bodies import bounded
from registry.connectors.outgoing import TIMEOUT_S
from registry.dsr.accounting import EVERY_FIELD, Disposition, FieldAccount
from registry.dsr.opendsr import (
    API_VERSION,
    DOMAIN,
    HASHED,
    IDENTITIES,
    RAW,
    SIGNATURE,
    Asked,
    Status,
    asked_of,
    header,
)  # fmt: skip
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.model.clock import Micros, rfc3339
from registry.model.errors import Forbidden, InvalidInput, LinkedSystemUnavailable
from registry.model.message import Identifier

Signed = Callable[[str, bytes, bytes], bool]
"""(host name, bytes, signature) -> whether the processor's certificate says so now."""

MAX_ANSWER = 512 * 1024
"""Bytes of an answer, which holds our own request once more."""

TABLE = "records of the processor"
STATED = "the processor's signed statement; it tells no counts"
NO_SUCH_TYPE = "the processor takes no request of this type"
NOBODY_TO_NAME = "the processor finds nobody by the identifiers that are known"
OF_OURS = 6
"""Bytes of the processor's id that follow from our request alone: a callback tells by them which it is about."""
OWN_PACKAGE = "the processor gives its own package; it is not part of this one"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a processor's discovery says: types of requests, and (identity type, format) pairs."""

    types: frozenset[str]
    forms: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, told: dict[str, Any]) -> Offer:
        """The offer of a discovery answer.

        Raises:
            KeyError, TypeError: it is none.
        """
        forms = {(one["identity_type"], one["identity_format"]) for one in told["supported_identities"]}
        return cls(frozenset(told["supported_subject_request_types"]), frozenset(forms))

    def identities(self, people: Sequence[Identifier]) -> list[dict[str, str]]:
        """A person's identifiers as the processor can find them by: raw where it takes that, else hashed."""
        found = []
        for person in sorted(set(people), key=lambda one: (one.kind, one.value)):
            for name in (name for name, kind in IDENTITIES.items() if kind == person.kind):
                if (name, RAW) in self.forms:
                    found.append((name, person.value, RAW))
                elif (name, HASHED) in self.forms:
                    found.append((name, hashlib.sha256(person.value.encode()).hexdigest(), HASHED))
        return [{"identity_type": t, "identity_value": v, "identity_format": f} for t, v, f in found]


class OpenDsrProcessor:
    """One processor.

    Args:
        name: as plans, certificates and addresses of callbacks name it.
        url: its base address, with the major version: `/discovery` and `/requests` are below it.
        bearer: the key that it gave us, if it wants one; never logged, and in no error.
        signed: whether its certificate has signed something.
        callback: where it reports changes; None where nobody reaches us, and it is only asked.
        path: where it takes requests below its address; `opengdpr_requests` by the protocol's older versions.
    """

    def __init__(
        self, name: str, url: str, *, bearer: str | None, signed: Signed, callback: str | None, path: str = "requests"
    ) -> None:
        self._name = name
        self._path = f"/{path}"
        self._url = url.rstrip("/")
        self._headers = {"accept": "application/json", "user-agent": "registry"}
        if bearer is not None:
            self._headers["authorization"] = f"Bearer {bearer}"
        self._signed = signed
        self._callback = callback

    looks_again = False
    """The protocol has no second look: what comes to light later is asked for once more."""

    @property
    def name(self) -> str:
        """The processor's name."""
        return self._name

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What the processor would be asked for; asks it only what it offers.

        Raises:
            LinkedSystemUnavailable: it does not answer.
        """
        ground = OWN_PACKAGE if EFFECTS[kind] is Effect.GIVE else self._obstacle(kind, people)
        return SystemPlan(self._name, [self._account(ground)])

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:  # noqa: ARG002
        """Nothing: a processor does not tell what it holds."""
        return ()

    def run(
        self,
        request_id: str,
        kind: Kind,
        people: Sequence[Identifier],
        corrections: Mapping[str, object],  # noqa: ARG002 - the protocol has no such request
    ) -> Sequence[FieldAccount]:
        """Ask the processor, or how far it is; done again, it finds the request that it was sent.

        Raises:
            LinkedSystemUnavailable: it does not answer, answers without its signature, or is not done yet;
                `extra` says where the request stands there.
        """
        if EFFECTS[kind] is Effect.GIVE or asked_of(kind) is None:
            return self.plan(kind, people).accounts
        theirs = self.id_of(request_id, people)
        status = self._status(theirs)
        if status is None:
            ground = self._obstacle(kind, people)
            if ground is not None:
                return [self._account(ground)]
            self._send(request_id, theirs, kind, people)
            status = self._status(theirs)
        if status is not Status.COMPLETED:
            standing = status.value if status is not None else "unknown"
            raise LinkedSystemUnavailable(
                f"{self._name} has not completed it: {standing}", extra={"request_status": standing}
            )
        return [self._account(None)]

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:  # noqa: ARG002
        """Nothing: the protocol has no second look, and the certificate names the processor's word as its ground."""
        return {}

    def undecided(self) -> Sequence[tuple[str, str]]:
        """None: what a processor holds is one table here, and declared."""
        return ()

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ARG002
        """Nothing: a processor gives a package of its own, as the plan says."""
        return iter(())

    def close(self) -> None:
        """Nothing is kept open between two calls."""

    def id_of(self, request_id: str, people: Sequence[Identifier]) -> str:
        """The processor's id of one of our requests, as far as it is about these people: in the form of a UUID v4,
        another for each processor.
        """
        named = sorted({(one.kind, one.value) for one in people if one.kind in IDENTITIES.values()})
        whom = hashlib.sha256(self._of(request_id) + orjson.dumps(named)).digest()
        return str(uuid.UUID(bytes=self._of(request_id)[:OF_OURS] + whom[: 16 - OF_OURS], version=4))

    def is_about(self, theirs: str, request_id: str) -> bool:
        """Whether an id of the processor's is of one of our requests."""
        return uuid.UUID(theirs).bytes[:OF_OURS] == self._of(request_id)[:OF_OURS]

    def _of(self, request_id: str) -> bytes:
        return hashlib.sha256(f"{self._name}\0{request_id}".encode()).digest()

    def called_back(self, body: bytes, headers: Mapping[str, str]) -> str:
        """The processor's id of the request that a callback is about.

        Args:
            headers: with lower-case names.

        Raises:
            Forbidden: it is not signed by the processor, or was meant for another address.
        """
        self._require_signed(body, headers)
        try:
            told = orjson.loads(body)
            if told["status_callback_url"] != self._callback:
                raise Forbidden("the callback is for another address")
            return str(uuid.UUID(told["subject_request_id"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InvalidInput("this is no callback of OpenDSR") from None

    def _obstacle(self, kind: Kind, people: Sequence[Identifier]) -> str | None:
        """Why the processor cannot be asked for this; None if it can."""
        asked = asked_of(kind)
        if asked is None:
            return NO_SUCH_TYPE
        offer = self._discover()
        if asked[1] not in offer.types:
            return NO_SUCH_TYPE
        return None if offer.identities(people) else NOBODY_TO_NAME

    def _account(self, kept: str | None) -> FieldAccount:
        disposition = Disposition.ERASED if kept is None else Disposition.RETAINED
        return FieldAccount(self._name, TABLE, EVERY_FIELD, disposition, 0, kept or STATED)

    def _discover(self) -> Offer:
        status, body, _ = self._exchange("GET", "/discovery")
        try:
            if status == 200:
                return Offer.read(orjson.loads(body))
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        raise LinkedSystemUnavailable(f"{self._name} does not say what it offers", extra={"status": status})

    def _send(self, request_id: str, theirs: str, kind: Kind, people: Sequence[Identifier]) -> None:
        regulation, asked = asked_of(kind) or (None, Asked.ERASURE)
        sent = {
            "regulation": regulation,
            "subject_request_id": theirs,
            "subject_request_type": asked,
            "submitted_time": rfc3339(_made_at(request_id)),
            "subject_identities": self._discover().identities(people),
            "api_version": API_VERSION,
            "status_callback_urls": [self._callback] if self._callback else [],
        }
        raw = orjson.dumps(sent)
        status, body, headers = self._exchange("POST", self._path, raw)
        if status != 201:
            raise LinkedSystemUnavailable(f"{self._name} did not take the request", extra={"status": status})
        told = self._read(body, headers)
        if told.get("encoded_request") != base64.b64encode(raw).decode():
            raise LinkedSystemUnavailable(f"{self._name} acknowledges another request than ours")

    def _status(self, theirs: str) -> Status | None:
        status, body, headers = self._exchange("GET", f"{self._path}/{theirs}")
        if status == 404:
            return None
        if status != 200:
            raise LinkedSystemUnavailable(f"{self._name} does not say how far it is", extra={"status": status})
        told = self._read(body, headers)
        if told.get("subject_request_id") != theirs or told.get("request_status") not in list(Status):
            raise LinkedSystemUnavailable(f"{self._name} speaks of another request than ours")
        return Status(told["request_status"])

    def _read(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        try:
            self._require_signed(body, headers)
            told = orjson.loads(body)
        except (Forbidden, ValueError):
            raise LinkedSystemUnavailable(f"{self._name} answers without its signature") from None
        return told if isinstance(told, dict) else {}

    def _require_signed(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Hold raw bytes against their signature, before they are read (specification, security guidelines)."""
        try:
            signature = base64.b64decode(header(headers, SIGNATURE), validate=True)
        except (binascii.Error, ValueError):
            signature = b""
        if not signature or not self._signed(header(headers, DOMAIN), body, signature):
            raise Forbidden("it is not signed by the processor's certificate")

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes, Mapping[str, str]]:
        """Ask; the answer's status, body and headers. Redirects are not followed."""
        import httpx

        from registry.client.punctual import punctual

        headers = self._headers | ({"content-type": "application/json"} if body is not None else {})
        try:
            with (
                punctual(httpx.Client(timeout=TIMEOUT_S, follow_redirects=False), TIMEOUT_S) as client,
                client.stream(method, self._url + path, content=body, headers=headers) as response,
            ):
                read = bounded(response, MAX_ANSWER)
                if read is None:
                    raise LinkedSystemUnavailable(f"{self._name} answers with too much, or packs it more than once")
                return response.status_code, read, dict(response.headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # whose texts may hold anything
            raise LinkedSystemUnavailable(f"{self._name} does not answer: {type(error).__name__}") from None

    def __repr__(self) -> str:
        return f"OpenDsrProcessor({self._name!r}, {urlsplit(self._url).hostname!r})"


def _made_at(request_id: str) -> Micros:
    """When a request was taken in: its id is a UUIDv7, whose first 48 bits are milliseconds (RFC 9562)."""
    return Micros((uuid.UUID(request_id).int >> 80) * 1000)
