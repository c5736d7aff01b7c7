"""People who send events, choose, ask what is held of them and have it erased, at servers that are killed meanwhile.

What each of them sent carries marks of its own, so that a package shows whose it is. People share browsers,
devices and addresses: what is sent without a name by a shared browser is nobody's here, and may be in any package.
"""

from __future__ import annotations

import io
import random
import re
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import Thread
from typing import Any

import httpx

from registry.bootstrap import Initialised
from tests.factories import identify, track

BUSY = frozenset({429, 503})
PATIENCE_S = 120.0
SHARED = 4
MARK = re.compile(r"mark-[a-z0-9-]+-z")


class Servers:
    """Several servers of one registry: whoever is asked and is gone, another is asked again.

    Args:
        officer: the key of a second person, who approves.
    """

    def __init__(self, urls: Sequence[str], keys: Initialised, officer: str, seed: int) -> None:
        self.keys, self.officer = keys, officer
        self._urls, self._chance = urls, random.Random(seed)
        self._client = httpx.Client(timeout=60)
        self.asked_again = 0

    def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> httpx.Response:
        """The first answer that is one."""
        headers = {"authorization": f"Bearer {key or self.keys.admin_key}"}
        return self._answered(lambda url: self._client.request(method, url + path, json=body, headers=headers))

    def send(self, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A batch, sent again under the same message ids until it is acknowledged, as SDKs do."""
        auth, body = (self.keys.write_key, ""), {"batch": list(batch)}
        told: dict[str, Any] = self._answered(
            lambda url: self._client.post(f"{url}/v1/batch", json=body, auth=auth)
        ).json()
        return told

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _answered(self, ask: Callable[[str], httpx.Response]) -> httpx.Response:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                answer = ask(self._chance.choice(self._urls))
            except httpx.TransportError:
                self.asked_again += 1
            else:
                if answer.status_code not in BUSY:
                    return answer
            time.sleep(0.05)
        raise AssertionError("no server answers")


@dataclass
class Person:
    """What a person sent, by its marks: acknowledged, or only tried; and of which browsers they are known to be."""

    user: str
    email: str
    tried: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    nameless: dict[str, set[str]] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)
    known: bool = False
    told_email: bool = False
    leaving: bool = False
    erased: bool = False

    def acknowledged(self) -> set[str]:
        """Everything of theirs that a package has to hold."""
        return self.named.union(*(self.nameless.get(browser, ()) for browser in self.theirs))


class Neighbours(Thread):
    """Some people, all of whose requests are made here, one after the other, while `Chatter` sends events of theirs."""

    def __init__(self, servers: Servers, chatter: Servers, seed: int, until: float) -> None:
        super().__init__(daemon=True)
        self._servers, self._chance, self._until = servers, random.Random(seed), until
        self._name, self._numbers = f"n{seed}", count()
        self.people = [self._born() for _ in range(8)]
        self.faults: list[str] = []
        self.done = dict.fromkeys(("packages", "erasures", "checks"), 0)
        self._chatter = Chatter(chatter, self.people, self.faults, seed, until)

    def run(self) -> None:
        try:
            self._live()
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}")

    def _live(self) -> None:
        self._chatter.start()
        acts = (self._sends, self._sends, self._chooses, self._asks, self._leaves)
        while time.monotonic() < self._until:
            self._chance.choices(acts, (5, 3, 4, 4, 1))[0](self._chance.choice(self.people))
            if sum(not person.leaving for person in self.people) < len(self.people) // 2:
                self.people.append(self._born())
        self._chatter.join()
        for person in self.people:
            self._asks(person)

    def _born(self) -> Person:
        name = f"{self._name}-{next(self._numbers)}"
        return Person(f"user-{name}", f"{name}@example.com")

    def _sends(self, person: Person) -> None:
        browsers = [*person.nameless, f"browser-{person.user}-{next(self._numbers)}"]
        browser, mark = self._chance.choice(browsers), f"mark-{self._name}-{next(self._numbers)}-z"
        knows, person.tried = self._chance.random() < 0.5, person.tried | {mark}
        user = person.user if knows or person.erased else None
        call = track("Order Refunded", user, browser, order_id=mark, messageId=mark)
        with_email = identify(person.user, messageId=f"{mark}-email", email=person.email)
        batch = [call, with_email] if knows else [call]
        told = self._servers.send(batch)
        refused, taken = _apart(batch, told)
        if person.erased:
            self._expect(not taken, f"{person.user} was erased, and is there again: {told}")
            return
        self._expect(not refused, f"{person.user} was not taken in: {told}")
        if knows:
            person.known = person.told_email = True
            person.named.add(mark)
            person.theirs.add(browser)
        person.nameless.setdefault(browser, set()).update(() if knows else {mark})
        if self._chance.random() < 0.1:
            self._expect(not self._servers.send(batch)["accepted"], f"{mark} was taken in twice")

    def _chooses(self, person: Person) -> None:
        if not person.known:
            return
        status = self._chance.choice(("granted", "denied", "withdrawn"))
        body = {"subject": self._subject(person), "purpose": "analytics", "status": status, "channel": "web"}
        said = self._servers.ask("POST", "/v1/consent/records", body)
        self._expect(said.status_code == (403 if person.erased else 201), f"a choice: {said.status_code} {said.text}")
        body = {"subject": self._subject(person), "purpose": "analytics"}
        told = self._servers.ask("POST", "/v1/consent/check", body, key=self._servers.keys.app_key).json()
        allowed = status == "granted" and not person.erased
        self._expect(told["allowed"] is allowed, f"{person.user} {status}, and a check says: {told}")
        self.done["checks"] += 1

    def _asks(self, person: Person) -> None:
        if not person.known:
            return
        least = set[str]() if person.erased else person.acknowledged()
        request = self._answered("access", person)
        package = self._servers.ask("GET", f"/v1/dsr/requests/{request}/package").content
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            whole = {name: archive.read(name).decode() for name in archive.namelist()}
        given = {mark for text in whole.values() for mark in MARK.findall(text)}
        missing, most = least.difference(MARK.findall(whole["events.jsonl"])), set() if person.erased else person.tried
        self._expect(not missing, f"the package of {person.user} lacks {missing}")
        others = {mark for mark in given - most if not mark.startswith("mark-shared")}
        self._expect(not others, f"the package of {person.user} (erased: {person.erased}) holds {others}")
        self.done["packages"] += 1

    def _leaves(self, person: Person) -> None:
        if not person.known or person.erased:
            return
        person.leaving = True
        request = self._answered("erasure", person)
        person.erased = True
        certificate = self._servers.ask("GET", f"/v1/dsr/requests/{request}/certificate")
        self._expect(certificate.status_code == 200, f"no certificate: {certificate.text}")
        body = {"subject": {"kind": "user_id", "value": person.user}, "purpose": "service"}
        found = self._servers.ask("POST", "/v1/profiles/lookup", body, key=self._servers.keys.app_key)
        self._expect(found.status_code == 404, f"{person.user} is there after the erasure: {found.status_code}")
        self.done["erasures"] += 1

    def _answered(self, kind: str, person: Person) -> str:
        """A request from intake to its end; a step whose answer was lost may have been taken."""
        body = {"kind": kind, "subject": self._subject(person), "jurisdiction": "gdpr"}
        path = f"/v1/dsr/requests/{self._servers.ask('POST', '/v1/dsr/requests', body).json()['request_id']}"
        self._servers.ask("POST", f"{path}/verify")
        until = time.monotonic() + PATIENCE_S
        while (state := self._servers.ask("GET", path).json()["state"]) != "completed":
            if time.monotonic() > until:
                raise AssertionError(f"the {kind} of {person.user} stays {state}")
            by = "run" if state in ("approved", "acting") else "approve"
            answer = self._servers.ask("POST", f"{path}/{by}", key=self._servers.officer)
            if answer.status_code != 200:  # the servers' own schedule runs it at this moment
                time.sleep(0.1)
        return path.rpartition("/")[2]

    def _subject(self, person: Person) -> dict[str, str]:
        kinds = [("user_id", person.user), *([("email", person.email)] if person.told_email else [])]
        kind, value = self._chance.choice(kinds)
        return {"kind": kind, "value": value}

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.faults.append(otherwise)


class Chatter(Thread):
    """Events of the same people at the same time, also from what they share with each other."""

    def __init__(self, servers: Servers, people: list[Person], faults: list[str], seed: int, until: float) -> None:
        super().__init__(daemon=True)
        self._servers, self._people, self._faults = servers, people, faults
        self._chance, self._until, self._name = random.Random(seed + 10_000), until, f"c{seed}"
        self._numbers = count()

    def run(self) -> None:
        try:
            while time.monotonic() < self._until:
                self._send(self._chance.choice(self._people))
        except Exception as error:
            self._faults.append(f"{type(error).__name__}: {error}")

    def _send(self, person: Person) -> None:
        erased, left = person.erased, person.leaving
        marks = [f"mark-{self._name}-{next(self._numbers)}-z" for _ in range(self._chance.randint(1, 4))]
        person.tried |= set(marks)
        batch = [self._call(person, mark) for mark in marks]
        told = self._servers.send(batch)
        refused, taken = _apart(batch, told)
        # What was known of nobody but of somebody who was erased is refused from then on, whoever sends it.
        own = {call["messageId"] for call in batch if not (call.keys() & {"anonymousId", "context"})}
        if erased:
            if taken:
                self._faults.append(f"{person.user} was erased, and is there again: {told}")
            return
        person.named |= taken
        person.known = person.known or bool(taken)
        if own & refused and not left and not person.leaving:
            self._faults.append(f"{person.user} was not taken in: {told}")
        browser, mark = self._shared("browser"), f"mark-shared-{self._name}-{next(self._numbers)}-z"
        self._servers.send([track("Order Refunded", None, browser, order_id=mark, messageId=mark)])

    def _call(self, person: Person, mark: str) -> dict[str, Any]:
        more: dict[str, Any] = {"messageId": mark}
        match self._chance.randrange(4):
            case 0:
                more["context"] = {"device": {"id": self._shared("device")}}
            case 1:
                more["context"] = {"traits": {"email": f"{self._shared('family')}@example.com"}}
        browser = self._shared("browser") if self._chance.random() < 0.25 else None
        return track("Order Refunded", person.user, browser, order_id=mark, **more)

    def _shared(self, what: str) -> str:
        return f"{what}-{self._chance.randrange(SHARED)}"


def _apart(batch: Sequence[dict[str, Any]], told: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The messages that were refused, and those taken in, now or before an answer that was lost."""
    refused = {one["messageId"] for one in told["results"] if one["status"] != "duplicate"}
    return refused, {call["messageId"] for call in batch} - refused
