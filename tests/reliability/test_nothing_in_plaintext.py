"""Invariant 3: nothing personal at rest in plaintext: not in databases, WAL, keystore, logs or temporary files.

Markers are planted in every personal field over every interface of a real server, on both engines; then every
byte on disk is searched, while the server runs, after it was killed, after it started again, and at its end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from registry import bootstrap
from registry.settings import Settings
from tests.conftest import _database
from tests.postgres import running
from tests.reliability import planting_consent, planting_people, planting_traffic
from tests.reliability.place import SCANNER, Place
from tests.reliability.scan import stamps
from tests.reliability.server import ServerProcess


@pytest.fixture
def own_postgres() -> Iterator[tuple[str, str]]:
    """Two databases on a server that nobody else writes to: what others leave there need not be searched."""
    new_database = contextmanager(_database)
    with (
        tempfile.TemporaryDirectory(prefix="registry-pg-") as folder,
        running(Path(folder)) as server,
        new_database(server) as data,
        new_database(server) as keystore,
    ):
        yield data, keystore


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    temporary, data = tmp_path / "temporary", tmp_path / "data"
    temporary.mkdir()
    postgres_folder: Path | None = None
    urls: tuple[str | None, str | None] = (None, None)
    if request.param == "postgresql":
        urls = request.getfixturevalue("own_postgres")
        postgres_folder = Path(str(make_url(str(urls[0])).query["host"]))
    settings = Settings(data_dir=data, database_url=urls[0], keystore_url=urls[1])
    keys = bootstrap.initialise(settings)
    for url in filter(None, urls):
        _store_as_it_is(url)
    outside = tmp_path_factory.mktemp("outside")
    environment = {
        "TMPDIR": str(temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        "REGISTRY_LOG_LEVEL": "debug",
        "REGISTRY_LOG_DECISIONS": "1",
        "REGISTRY_MAIL_URL": f"spool://{outside / 'mail'}",
        "REGISTRY_SPACES_API": "true",
        "REGISTRY_PUBLIC_URL": "https://registry.example",
    }
    given = {"REGISTRY_DATABASE_URL": urls[0], "REGISTRY_KEYSTORE_URL": urls[1]}
    environment |= {name: url for name, url in given.items() if url}
    server = ServerProcess(data, tmp_path / "server.log", environment)
    server.start()
    known = stamps(postgres_folder) if postgres_folder is not None else {}  # written before any mark
    yield Place(server, keys, tmp_path, outside, environment, postgres_folder, urls[0], known)
    server.stop()


def _store_as_it_is(url: str) -> None:
    """Keep PostgreSQL from compressing long values, so that the search can read them."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('bytea', 'text', 'character varying')"
        ).fetchall()
        for table, column in columns:
            connection.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET STORAGE EXTERNAL')  # type: ignore[arg-type]


def test_no_byte_on_disk_tells_anything_of_anybody(place: Place) -> None:
    planting_people.subscribe(place)
    for plant in (
        planting_traffic.by_tracking,
        planting_traffic.by_import,
        planting_consent.by_consent,
        planting_consent.by_signals,
        planting_consent.by_own_pages,
        planting_people.by_reading,
        planting_people.by_stewards,
        planting_people.by_duties,
    ):
        plant(place)
        place.look(plant.__name__)
    place.server.kill()
    place.look("after a kill")
    place.server.start()
    planting_people.by_requests(place)
    place.look("after the requests")
    place.server.stop()
    place.look("at the end")
    for refusal in place.refusals:
        assert refusal.status_code >= 400, (refusal.request.method, refusal.request.url.path, refusal.text)
        assert list(SCANNER.bytes(refusal.content, str(refusal.request.url.path))) == []
