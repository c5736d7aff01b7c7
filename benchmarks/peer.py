"""The peer that an access is measured against: Fides, the real one, in an environment of its own beside ours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy.engine import make_url

PEER = "ethyca-fides==2.78.2"
HOME = Path(__file__).parent / "out" / "peer"
"""Where it is installed once: some 250 packages, 800 MB, four minutes."""
READY_WITHIN_S = 120
POLL_S = 0.01
ROOT = {"client_id": "bench", "client_secret": "bench-secret"}
CATEGORIES = (
    "user.unique_id", "user.contact.email", "user.name", "user.contact.address.city", "user.financial", "user.content",
)  # fmt: skip

_CUSTOMER_KEY = {"dataset": "shop", "field": "customers.id", "direction": "from"}
DATASET = {
    "fides_key": "shop", "name": "Shop", "description": "the tables that are asked", "collections": [
        {"name": "customers", "fields": [
            {"name": "id", "data_categories": ["user.unique_id"],
             "fides_meta": {"primary_key": True, "data_type": "integer"}},
            {"name": "email", "data_categories": ["user.contact.email"],
             "fides_meta": {"identity": "email", "data_type": "string"}},
            {"name": "name", "data_categories": ["user.name"]},
            {"name": "city", "data_categories": ["user.contact.address.city"]}]},
        {"name": "orders", "fields": [
            {"name": "id", "data_categories": ["user.unique_id"],
             "fides_meta": {"primary_key": True, "data_type": "integer"}},
            {"name": "customer_id", "data_categories": ["user.unique_id"],
             "fides_meta": {"references": [_CUSTOMER_KEY]}},
            {"name": "total", "data_categories": ["user.financial"]},
            {"name": "note", "data_categories": ["user.content"]}]}]}  # fmt: skip
"""The same description that ours has."""


@contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL of Debian's, since Fides needs an extension that the wheel lacks; the URL of an empty database."""
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if programs is None:
        raise RuntimeError("Fides needs a PostgreSQL with pgcrypto: apt-get install postgresql")
    who = "postgres" if os.geteuid() == 0 else None  # it does not run as root
    with tempfile.TemporaryDirectory(prefix="registry-pg-") as folder, ExitStack() as stack:
        at, [port] = Path(folder), _free_ports(1)
        if who is not None:
            shutil.chown(at, who)
        make: list[str | Path] = [programs / "initdb", "-D", at / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run(make, check=True, user=who, cwd=at, stdout=subprocess.DEVNULL)
        start: list[str | Path] = [programs / "postgres", "-D", at / "data", "-p", str(port), "-k", at]
        stack.enter_context(_running([*start, "-c", "max_connections=300"], at, user=who))
        url = f"postgresql+psycopg://postgres:bench@127.0.0.1:{port}/shop"
        _until(lambda: _answers(_plain(url, "postgres")))
        for name in ("shop", "fides"):
            with psycopg.connect(_plain(url, "postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
        yield url


@contextmanager
def fides(shop: str) -> Iterator[Callable[[str], float]]:
    """Fides with a web server and a worker; a function that asks access for an address, and how many ms it took.

    The time is that between Fides' own stamps, from being stored to being finished, without HTTP and waiting for the
    next poll. What it gives out is looked at: one customer with three orders.

    Args:
        shop: the SQLAlchemy URL of the database that is asked, on the server where Fides gets one of its own.
    """
    program, redis = _installed()
    with tempfile.TemporaryDirectory(prefix="registry-peer-") as folder, ExitStack() as stack:
        at, ports = Path(folder), _free_ports(2)
        stack.enter_context(_running([redis, "--port", str(ports[0]), "--requirepass", "bench", "--save", ""], at))
        environment = os.environ | _settings(shop, redis=ports[0])
        web = f"http://127.0.0.1:{ports[1]}"
        stack.enter_context(_running([program, "webserver", "--port", str(ports[1])], at, environment))
        _until(lambda: httpx.get(f"{web}/health", trust_env=False).status_code == 200)
        stack.enter_context(_running([program, "worker"], at, environment))
        http = stack.enter_context(httpx.Client(base_url=f"{web}/api/v1", timeout=60, trust_env=False))
        _configure(http, shop)
        _until(lambda: bool(httpx.get(f"{web}/health/workers", trust_env=False).json()["workers"]))
        own = stack.enter_context(psycopg.connect(_plain(shop, "fides"), autocommit=True))
        yield lambda email: _access(http, own, at, email)


def _installed() -> tuple[str, str]:
    """The programs: Fides', installed where it is not yet, and that of Redis."""
    redis = shutil.which("redis-server")
    if redis is None:
        raise RuntimeError("Fides needs redis-server: apt-get install redis-server")
    program = HOME / "bin" / "fides"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
        subprocess.run([HOME / "bin" / "python", "-m", "pip", "install", "--quiet", PEER], check=True)
    return str(program), redis


def _settings(shop: str, *, redis: int) -> dict[str, str]:
    """What makes it quickest, as measured: a worker of two processes, few logs, no pings of its pools."""
    url = make_url(shop)
    told = {
        "DATABASE__SERVER": url.host or "", "DATABASE__PORT": str(url.port), "DATABASE__USER": url.username or "",
        "DATABASE__PASSWORD": url.password or "", "DATABASE__DB": "fides",
        "DATABASE__API_ENGINE_POOL_PRE_PING": "false", "DATABASE__TASK_ENGINE_POOL_PRE_PING": "false",
        "DATABASE__API_ASYNC_ENGINE_POOL_PRE_PING": "false",
        "REDIS__HOST": "127.0.0.1", "REDIS__PORT": str(redis), "REDIS__PASSWORD": "bench",
        "SECURITY__APP_ENCRYPTION_KEY": "0123456789abcdef0123456789abcdef",
        "SECURITY__OAUTH_ROOT_CLIENT_ID": ROOT["client_id"],
        "SECURITY__OAUTH_ROOT_CLIENT_SECRET": ROOT["client_secret"],
        "USER__ANALYTICS_OPT_OUT": "true", "LOGGING__LEVEL": "CRITICAL",
        "CELERY__TASK_ALWAYS_EAGER": "false", "CELERY__WORKER_CONCURRENCY": "2", "CELERY__WORKER_POOL": "prefork",
    }  # fmt: skip
    return {f"FIDES__{name}": value for name, value in told.items()}


def _configure(http: httpx.Client, shop: str) -> None:
    token = _call(http, "POST", "/oauth/token", data={"grant_type": "client_credentials", **ROOT})["access_token"]
    http.headers["Authorization"] = f"Bearer {token}"
    url = make_url(shop)
    secrets = {"host": url.host, "port": url.port, "username": url.username, "password": url.password,
               "dbname": url.database}  # fmt: skip
    targets = [{"data_category": one, "key": one.replace(".", "_")} for one in CATEGORIES]
    storage = {"name": "here", "key": "here", "type": "local", "format": "json", "details": {"naming": "request_id"}}
    connection = {"name": "shop", "key": "shop_pg", "connection_type": "postgres", "access": "read"}
    rule = {"name": "give", "key": "give", "action_type": "access", "storage_destination_key": "here"}
    calls: tuple[tuple[str, str, object], ...] = (
        ("PATCH", "/storage/config", [storage]),
        ("PATCH", "/connection", [connection]),
        ("PATCH", "/connection/shop_pg/secret?verify=true", secrets),
        ("POST", "/dataset", DATASET),
        ("PATCH", "/connection/shop_pg/datasetconfig", [{"fides_key": "shop", "ctl_dataset_fides_key": "shop"}]),
        ("PATCH", "/dsr/policy", [{"name": "access", "key": "access"}]),
        ("PATCH", "/dsr/policy/access/rule", [rule]),
        ("PATCH", "/dsr/policy/access/rule/give/target", targets),
    )
    for method, path, body in calls:
        _call(http, method, path, json=body)


def _access(http: httpx.Client, own: psycopg.Connection, at: Path, email: str) -> float:
    asked = [{"policy_key": "access", "identity": {"email": email}}]
    request = _call(http, "POST", "/privacy-request", json=asked)["succeeded"][0]["id"]
    query = "SELECT status::text, created_at, finished_processing_at FROM privacyrequest WHERE id = %s"
    deadline = time.monotonic() + 60
    while True:
        stamps: tuple[str, datetime, datetime] | None = own.execute(query, (request,)).fetchone()
        if stamps is not None and stamps[0] == "complete":
            break
        if time.monotonic() > deadline:
            raise RuntimeError("Fides did not complete a request")
        time.sleep(POLL_S)
    [package] = (at / "fides_uploads").glob(f"{request}*.json")
    given: Mapping[str, Any] = json.loads(package.read_text())
    if [len(given["shop:customers"]), len(given["shop:orders"])] != [1, 3]:
        raise RuntimeError("Fides gave out something else than a customer with three orders")
    return (stamps[2] - stamps[1]).total_seconds() * 1e3


def _call(http: httpx.Client, method: str, path: str, **more: Any) -> Any:
    answer = http.request(method, path, **more)
    told = answer.json()
    if answer.status_code >= 300 or (isinstance(told, dict) and told.get("failed")):
        raise RuntimeError(f"Fides refused {method} {path}: {answer.status_code} {answer.text[:500]}")
    return told


def _answers(url: str) -> bool:
    with psycopg.connect(url):
        return True


@contextmanager
def _running(
    command: list[str | Path], at: Path, environment: Mapping[str, str] | None = None, *, user: str | None = None
) -> Iterator[None]:
    with (at / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=at, env=environment, user=user, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT if user is not None else signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except (httpx.HTTPError, psycopg.Error, KeyError, ValueError):
            pass
        time.sleep(0.2)
    raise RuntimeError("Fides did not get ready")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _plain(shop: str, database: str) -> str:
    url = make_url(shop).set(drivername="postgresql", database=database)
    return url.render_as_string(hide_password=False)
