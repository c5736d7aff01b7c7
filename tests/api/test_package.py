"""A package is sent while it is written, in bounded memory, and its writer stops when nobody reads."""

from __future__ import annotations

import io
import threading
from queue import Full
from typing import IO, Any

import httpx
import pyrage
import pytest
import pyzipper

from registry.api import package
from registry.dsr.requests import Kind
from registry.flows.dsr.package import links
from registry.model.errors import LinkedSystemUnavailable
from tests.api.house import Desk
from tests.factories import identify, ordered


def test_a_writer_waits_for_its_reader_and_stops_when_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PIPE_WAIT_S", 0.02)
    pipe = package._Pipe()
    written: list[int] = []
    ended: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(1000):
                written.append(pipe.write(b"x" * 10))
        except BrokenPipeError as error:
            ended.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    chunks = pipe.chunks()
    assert next(chunks) == b"x" * 10
    writer.join(0.2)
    assert writer.is_alive()
    assert len(written) <= package.PIPE_CHUNKS + 2
    chunks.close()
    writer.join(5)
    assert not writer.is_alive()
    assert ended


class Written:
    """A writer in its own thread that hands chunks over and ends; what it learns of their reader."""

    def __init__(self, *chunks: bytes, whole: bool = True) -> None:
        self.allowed = 0
        self.pipe = package._Pipe(self._allow)
        self._is_whole: list[bool] = []
        self._thread = threading.Thread(target=lambda: self._write(chunks, whole))
        self._thread.start()

    def _allow(self) -> None:
        self.allowed += 1

    def _write(self, chunks: tuple[bytes, ...], whole: bool) -> None:
        for chunk in chunks:
            self.pipe.write(chunk)
        self.pipe.end(whole=whole)
        self._is_whole.append(self.pipe.is_taken())

    @property
    def is_whole(self) -> bool:
        self._thread.join(5)
        [told] = self._is_whole
        return told


def test_a_writer_that_fails_does_not_end_the_stream_as_if_it_were_whole() -> None:
    writer = Written(b"half", b"more", whole=False)
    chunks = writer.pipe.chunks()
    assert next(chunks) == b"half"
    with pytest.raises(ConnectionError):
        next(chunks)
    assert (writer.is_whole, writer.allowed) == (False, 0)


def test_the_last_chunk_is_allowed_when_all_others_were_sent_and_all_is_whole_when_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(package, "PIPE_WAIT_S", 0.02)
    whole, broken = Written(b"one", b"two"), Written(b"one", b"two")
    chunks = whole.pipe.chunks()
    assert (next(chunks), whole.allowed) == (b"one", 0)
    assert (next(chunks), whole.allowed) == (b"two", 1)
    assert next(chunks, None) is None
    assert whole.is_whole
    chunks = broken.pipe.chunks()
    assert [next(chunks), next(chunks)] == [b"one", b"two"]
    broken.pipe.leave()  # the connection broke before the last was sent
    assert not broken.is_whole
    assert broken.allowed == 1


def test_a_reader_who_takes_a_little_now_and_then_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PIPE_WAIT_S", 0.002)
    pipe = package._Pipe()
    chunks = pipe.chunks()
    waited = 0

    def put(chunk: bytes, timeout: float) -> None:
        nonlocal waited
        if waited % 100 or not pipe._queue.qsize():  # they take one after a hundred turns
            waited += 1
            raise Full
        waited += 1

    for _ in range(package.PIPE_CHUNKS):
        pipe.write(b"x")
    assert next(chunks) == b"x"
    monkeypatch.setattr(pipe._queue, "put", put)
    with pytest.raises(BrokenPipeError):
        for _ in range(100):
            pipe.write(b"x")
    assert waited < 5 * package.PIPE_PATIENCE


def test_a_reader_who_takes_their_time_holds_no_place_among_those_that_are_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = desk.tenant
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    made = links.make(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    room, going_on = threading.BoundedSemaphore(1), threading.Event()
    monkeypatch.setattr(package, "_AT_ONCE", room)
    taking, count = threading.Event(), links.Fetch.count

    def counted(fetch: links.Fetch) -> None:
        taking.set()
        assert going_on.wait(20)
        count(fetch)

    monkeypatch.setattr(links.Fetch, "count", counted)
    url, answers = desk.house.url + links.path_of(tenant.workspace, made.token), list[httpx.Response]()
    reader = threading.Thread(target=lambda: answers.append(httpx.post(url, trust_env=False)))
    reader.start()
    assert taking.wait(20)
    assert room.acquire(timeout=20), "it is written by then, and not yet taken"
    room.release()
    going_on.set()
    reader.join(20)
    assert answers[0].content[:2] == b"PK"


def test_no_writer_is_left_behind_by_packages_that_were_fetched(desk: Desk) -> None:
    subject: dict[str, Any] = {"kind": "user_id", "value": "ada"}
    desk.send(*(ordered("ada", order_id=f"o-{n}") for n in range(200)))
    request = desk.admin.post("/v1/dsr/requests", json={"kind": "access", "subject": subject}).json()["request_id"]
    for by in ("verify", "approve", "run"):
        desk.officer.post(f"/v1/dsr/requests/{request}/{by}")
    for _ in range(3):
        assert desk.officer.get(f"/v1/dsr/requests/{request}/package").content[:2] == b"PK"
    for thread in threading.enumerate():
        if thread.name == "export":
            thread.join(5)
            assert not thread.is_alive()


def test_a_package_is_fetched_locked_for_its_requester(desk: Desk) -> None:
    desk.send(ordered("eve"))
    asked = {"kind": "access", "subject": {"kind": "user_id", "value": "eve"}}
    path = f"/v1/dsr/requests/{desk.admin.post('/v1/dsr/requests', json=asked).json()['request_id']}"
    for by in ("verify", "approve", "run"):
        desk.officer.post(f"{path}/{by}")
    own = pyrage.x25519.Identity.generate()
    locked = desk.officer.post(f"{path}/package", json={"recipients": [str(own.to_public())]})
    assert locked.status_code == 200 and locked.headers["content-disposition"].endswith('.zip.age"')
    assert pyrage.decrypt(locked.content, [own])[:2] == b"PK"
    assert desk.officer.post(f"{path}/package", json={"password": "a synthetic passphrase"}).content[:2] == b"PK"
    refused = desk.officer.post(f"{path}/package", json={"recipients": ["age1nobody"]})
    assert (refused.status_code, refused.json()["pointer"]) == (400, "/recipients/0")
    assert desk.officer.post(f"{path}/package", json={}).status_code == 400
    assert desk.app.post(f"{path}/package", json={}).status_code == 403


def test_a_link_is_not_used_up_by_a_server_that_has_no_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = desk.tenant
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    made = links.make(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    url = desk.house.url + links.path_of(tenant.workspace, made.token)
    room = threading.BoundedSemaphore(1)
    monkeypatch.setattr(package, "_AT_ONCE", room)
    with room:
        assert httpx.post(url, trust_env=False).status_code == 429
    assert httpx.post(url, trust_env=False).content[:2] == b"PK"
    for _ in range(2):
        with room:  # it is given back when the writer has ended, and when the link leads nowhere
            pass
        assert httpx.post(url, trust_env=False).status_code == 401


def test_a_link_is_used_up_by_no_package_that_broke_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = desk.tenant
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    given = tenant.registry.deployment, tenant.workspace
    made = links.make(*given, request.request_id, actor="person:officer")
    url = desk.house.url + links.path_of(tenant.workspace, made.token)
    broken: threading.Semaphore = threading.Semaphore(0)
    break_off = links.Fetch.break_off

    def noted(fetch: links.Fetch) -> None:
        break_off(fetch)
        broken.release()

    def without_end(_deployment: object, _workspace: object, _row: object, stream: IO[bytes], **_: object) -> None:
        while True:
            stream.write(b"x" * 65_536)

    def gone_away(_deployment: object, _workspace: object, _row: object, stream: IO[bytes], **_: object) -> None:
        stream.write(b"x" * 200_000)
        raise LinkedSystemUnavailable("the shop does not answer")

    monkeypatch.setattr(links.Fetch, "break_off", noted)
    with monkeypatch.context() as patched:
        patched.setattr(package.export, "write_package", without_end)
        with httpx.stream("POST", url, trust_env=False) as answer:  # a connection that ends midway
            assert next(answer.iter_raw(1000)) == b"x" * 1000
        assert broken.acquire(timeout=20)
        patched.setattr(package.export, "write_package", gone_away)
        with pytest.raises(httpx.RemoteProtocolError):  # a system that ends midway
            httpx.post(url, trust_env=False)
        assert broken.acquire(timeout=20)
    assert links.is_open(*given, made.token)
    assert httpx.post(url, trust_env=False).content[:2] == b"PK"
    assert httpx.post(url, trust_env=False).status_code == 401


def test_whoever_follows_a_link_may_lock_what_they_fetch(desk: Desk) -> None:
    tenant = desk.tenant
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    given = tenant.registry.deployment, tenant.workspace
    made = links.make(*given, request.request_id, actor="person:officer", fetches=2)
    url, own = desk.house.url + links.path_of(tenant.workspace, made.token), pyrage.x25519.Identity.generate()
    for wrong in ({"password": "short"}, {"recipients": "age1nobody"},
                  {"password": "a synthetic passphrase", "recipients": str(own.to_public())}):  # fmt: skip
        assert httpx.post(url, data=wrong, trust_env=False).status_code == 400
    locked = httpx.post(url, data={"recipients": f"{own.to_public()}\n"}, trust_env=False)
    assert pyrage.decrypt(locked.content, [own])[:2] == b"PK"
    locked = httpx.post(url, data={"password": "a synthetic passphrase"}, trust_env=False)
    with pyzipper.AESZipFile(io.BytesIO(locked.content)) as archive:
        archive.setpassword(b"a synthetic passphrase")
        assert b"ada@example.com" in archive.read("identifiers.json")
    assert not links.is_open(*given, made.token)
