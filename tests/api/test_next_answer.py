"""Whoever asks after something was said is told of it, however many ask and write at once, by whichever process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import httpx
import pytest

from registry.api import checking
from registry.model.clock import DAY, SECOND
from tests.api.house import NO_TLS, Desk
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant

USERS = [f"user-{number}" for number in range(6)]
TIMES = 25


@pytest.fixture
def elsewhere(either_desk: Desk) -> Iterator[Tenant]:
    """The same workspace by another process's registry."""
    settings, clock = either_desk.house.registry.settings, either_desk.house.clock
    other = RegistrySimulator(
        settings.data_dir, clock, database_url=settings.database_url, keystore_url=settings.keystore_url
    )
    yield either_desk.tenant.elsewhere(other)
    other.close()


def test_what_was_said_is_in_the_next_answer_of_all_who_ask_at_once(
    either_desk: Desk, elsewhere: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, from_database, given = either_desk, list[int](), checking._from_database

    def counted(*arguments: object) -> object:
        from_database.append(1)
        return given(*arguments)  # type: ignore[arg-type]

    desk.send(*(identify(user) for user in USERS))
    _on_a_board(desk)
    monkeypatch.setattr(checking, "_from_database", counted)
    began = desk.house.clock() - DAY

    def life(user: str) -> list[str]:
        """Say yes and no by turns, each a second later than the one before; what was answered otherwise."""
        wrong, check = [], {"subject": {"kind": "user_id", "value": user}, "purpose": "marketing"}
        with httpx.Client(base_url=desk.house.url, headers=desk.app.headers, verify=NO_TLS) as client:
            for number in range(TIMES):
                said = "withdrawn" if number % 2 else "granted"
                elsewhere.say("user_id", user, "marketing", said, acted_at=began + number * SECOND)
                for _ in range(3):
                    answer = client.post("/v1/consent/check", json=check).json()
                    if (answer["allowed"], answer["reason"]) != (said == "granted", said):
                        wrong.append(f"{user} {number} {answer['reason']}")
                batch = client.post("/v1/consent/check/batch", json={"checks": [check]}).json()
                if batch["decisions"][0]["reason"] != said:
                    wrong.append(f"{user} {number} batch")
        return wrong

    with ThreadPoolExecutor(len(USERS)) as threads:
        assert [wrong for of_one in threads.map(life, USERS) for wrong in of_one] == []
    asked = len(USERS) * TIMES * 3
    assert len(from_database) < asked / 2, "most answers came from memory"


def _on_a_board(desk: Desk) -> None:
    boards, deadline = desk.house.app.state.registry.boards, monotonic() + 60
    while not boards.ready(desk.tenant.workspace):
        assert monotonic() < deadline
        sleep(0.005)
