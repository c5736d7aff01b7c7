"""Fixtures that every test may use: databases of both engines, and a clock that tests set."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, max_examples=40)
MANY = int(os.environ.get("REGISTRY_TEST_CASES", "100000"))
settings.register_profile("long", settings.get_profile("dev"), max_examples=MANY)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

START = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, in microseconds: when the tests' clock begins."""


class SetClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_by(self, *, seconds: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.now += int((seconds + days * 86_400) * 1_000_000)


@pytest.fixture
def clock() -> SetClock:
    """A clock of the test's own."""
    return SetClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL: one server per test process, or the one of the environment."""
    given = os.environ.get("REGISTRY_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    from tests.postgres import running

    with tempfile.TemporaryDirectory(prefix="registry-pg-") as folder, running(Path(folder)) as url:
        _never_mind_the_disk(url)
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of the test's own."""
    yield from _database(postgres_server)


@pytest.fixture
def second_postgres_url(postgres_server: str) -> Iterator[str]:
    """Another empty database: the keystore beside the data."""
    yield from _database(postgres_server)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The URL of a real MariaDB: one server per test process that needs it."""
    from tests.mariadb import running

    with tempfile.TemporaryDirectory(prefix="registry-my-") as folder, running(Path(folder)) as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of the test's own."""
    import pymysql

    url, name = make_url(mariadb_server), f"t{uuid4().hex}"
    with pymysql.connect(unix_socket=str(url.query["unix_socket"]), user="root") as connection:
        connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield url.set(database=name).render_as_string(hide_password=False)
    with pymysql.connect(unix_socket=str(url.query["unix_socket"]), user="root") as connection:
        connection.cursor().execute(f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def outside_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of somebody else's: the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outside.db'}"
    return str(request.getfixturevalue("postgres_url" if request.param == "postgresql" else "mariadb_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def keystore_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty keystore on the same engine as `database_url`."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'keys.db'}"
    return str(request.getfixturevalue("second_postgres_url"))


@pytest.fixture(scope="session")
def postgres_templates(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The names of two databases with the tables of a registry, data and keys, to make copies of."""
    from registry.bootstrap import upgrade
    from registry.settings import Settings

    new_database = contextmanager(_database)
    with new_database(postgres_server) as data, new_database(postgres_server) as keystore:
        upgrade(Settings(data_dir=tmp_path_factory.mktemp("templates"), database_url=data, keystore_url=keystore))
        yield make_url(data).database or "", make_url(keystore).database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of a registry's data and keys, ready for `RegistrySimulator`: the test runs once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.db'}", f"sqlite:///{tmp_path / 'keys.db'}"
        return
    server, templates = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_templates")
    copy = contextmanager(_database)
    with copy(server, templates[0]) as data, copy(server, templates[1]) as keystore:
        yield data, keystore


def _never_mind_the_disk(server: str) -> None:
    """No test cuts the machine's power: nothing has to wait for its disk."""
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def _database(server: str, template: str = "template1") -> Iterator[str]:
    name = f"t{uuid4().hex}"
    url = make_url(server)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield url.set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
