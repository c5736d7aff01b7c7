"""A server whose every interface is fed marks, and every place on disk where one could be left."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from sqlalchemy.engine import make_url

from registry.bootstrap import Initialised
from tests.reliability.scan import Found, Scanner
from tests.reliability.server import ServerProcess

STEM = "zqjxkwvpyq"
PHONE, BIRTHDAY, ADDRESS, AMOUNT = "2025550147", "1913-07-23", "203.0.113.77", "91827364.5"
MAIL = f"{STEM}-mail@example.com"
ADA, EVE = f"{STEM}-ada", f"{STEM}-eve"
SUBJECT = {"kind": "email", "value": MAIL}

SCANNER = Scanner([STEM, PHONE, BIRTHDAY, ADDRESS, AMOUNT])


@dataclass
class Place:
    """A server, its keys, and every place on disk where something could be left.

    `outside` holds what is not the server's to keep: files that are imported, and the letters for the mail agent.
    """

    server: ServerProcess
    keys: Initialised
    folder: Path
    outside: Path
    environment: dict[str, str]
    postgres_folder: Path | None
    database_url: str | None
    known: dict[Path, tuple[int, int]] = field(default_factory=dict)
    refusals: list[httpx.Response] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    def look(self, when: str) -> None:
        """Search everything; PostgreSQL writes its buffers out first."""
        if self.database_url is not None:
            url = make_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        found: list[Found] = list(SCANNER.folder(self.folder))
        if self.postgres_folder is not None:
            found += SCANNER.folder(self.postgres_folder, self.known)
        if self.server.pid is not None:
            found += SCANNER.open_files(self.server.pid)
        assert not found, f"{when}: {found[:5]}"

    def client(self, key: str) -> httpx.Client:
        """A client with a bearer key, and marks in whatever headers clients send of their own."""
        headers = {
            "authorization": f"Bearer {key}",
            "user-agent": f"{STEM}-agent",
            "referer": f"https://{STEM}.example",
            "cookie": f"c={STEM}",
            "x-forwarded-for": ADDRESS,
        }
        return httpx.Client(base_url=self.server.url, headers=headers, timeout=30)
