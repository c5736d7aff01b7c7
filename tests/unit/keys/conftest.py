"""The key services under test: a file, a real OpenBao server, and moto's emulator of AWS KMS."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from registry.keys.kms import KeyProvider
from registry.keys.providers import open_provider

START_WITHIN_S = 20
TOKEN = "synthetic-root-token"


@dataclass
class Bao:
    """A running OpenBao server in dev mode (in memory), with Transit mounted."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    token_file: Path

    @property
    def url(self) -> str:
        address = self.http.base_url
        return f"transit+http://127.0.0.1:{address.port}/transit?token_file={self.token_file}"


def start_bao(directory: Path) -> Bao:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token_file = directory / "token"
    token_file.write_text(f"{TOKEN}\n")
    program = Path(sys.executable).with_name("bao")
    arguments = ["-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
    with (directory / "bao.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "server", *arguments, "-dev-no-store-token"],
            stdout=log,
            stderr=log,
            env={"HOME": str(directory), "PATH": os.environ["PATH"]},
        )
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}/v1/", headers={"X-Vault-Token": TOKEN})
    deadline = time.monotonic() + START_WITHIN_S
    while not answers(http):
        assert process.poll() is None and time.monotonic() < deadline, (directory / "bao.log").read_text()
        time.sleep(0.05)
    http.post("sys/mounts/transit", json={"type": "transit"}).raise_for_status()
    return Bao(process, http, token_file)


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("sys/health").status_code == 200
    except httpx.TransportError:
        return False


def stop_bao(bao: Bao) -> None:
    bao.http.close()
    bao.process.terminate()
    bao.process.wait(timeout=10)


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """One server for all tests; each uses workspaces of its own."""
    server = start_bao(tmp_path_factory.mktemp("bao"))
    yield server
    stop_bao(server)


@pytest.fixture
def own_bao(tmp_path: Path) -> Iterator[Bao]:
    """A server that the test may seal or stop."""
    server = start_bao(tmp_path)
    yield server
    stop_bao(server)


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The address of an emulated AWS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "synthetic")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "synthetic")
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    server.stop()


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["file", "transit", "aws-kms"])
def connect(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Callable[[], KeyProvider]:
    """What opens the same key service anew, as another process would."""
    if request.param == "file":
        url = (tmp_path / "kek.json").as_uri()
    elif request.param == "transit":
        url = request.getfixturevalue("bao").url
    else:
        url = f"aws-kms://eu-central-1?endpoint={request.getfixturevalue('aws_endpoint')}"
    return lambda: open_provider(url, clock=clock)
