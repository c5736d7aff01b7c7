"""The vendor's SDK, the newest version and 2.3.4 with its stricter habits: all arrives once, refusals are not retried.

2.3.4 takes only 200 for success, sends its write key in the body alone, and retries a refusal up to
ten times unless its body has `code` and `message`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Receive, Scope, Send

from registry.api import problems
from registry.model.errors import InvalidInput, Overloaded, RegistryError, StoreUnavailable, TooLarge
from tests.api.house import Desk
from tests.e2e.weather import Weather, weathered

SENDER = Path(__file__).with_name("sdk_sender.py")
OLD = "2.3.4"


@pytest.fixture(scope="session")
def old_sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with segment-analytics-python 2.3.4, from PyPI."""
    folder = tmp_path_factory.mktemp("sdk")
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(folder)]
    subprocess.run([*command, f"segment-analytics-python=={OLD}"], check=True, timeout=120)
    return folder


@pytest.fixture(params=["newest", OLD])
def sdk(request: pytest.FixtureRequest) -> Path | None:
    """Where to find the SDK; None for the one that is installed."""
    return request.getfixturevalue("old_sdk") if request.param == OLD else None


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Weather, str]]:
    """A registry, the weather before it, and the address of both."""
    with weathered(tmp_path_factory.mktemp("sdk-house")) as made:
        yield made


def sent(sdk: Path | None, *jobs: dict[str, Any]) -> list[list[str]]:
    """Run the jobs with the SDK; the errors that each reported."""
    environment = os.environ | ({"PYTHONPATH": str(sdk)} if sdk is not None else {})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SENDER)], input=json.dumps(jobs), env=environment, capture_output=True,
        text=True, timeout=120, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert (answer["version"] == OLD) is (sdk is not None)
    return list(answer["errors"])


def job(url: str, desk: Desk, user: str, count: int = 1, **options: Any) -> dict[str, Any]:
    properties = {"order_id": "o-1", "products": [{"product_id": "p-1"}]}
    call = {"type": "track", "arguments": {"user_id": user, "event": "Order Completed", "properties": properties}}
    return {"write_key": desk.tenant.keys.write, "host": url, "calls": [call] * count, **options}


@pytest.mark.parametrize("zipped", [False, True])
def test_each_kind_of_call_arrives_once(place: tuple[Desk, Weather, str], sdk: Path | None, zipped: bool) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    calls = job(url, desk, user, 60, gzip=zipped, upload_size=25)
    calls["calls"] += [
        {"type": "identify", "arguments": {"user_id": user, "traits": {"first_name": "Robin"}}},
        {"type": "page", "arguments": {"user_id": user, "category": "Shop", "name": "Home", "properties": {}}},
        {"type": "screen", "arguments": {"user_id": user, "name": "Home"}},
        {"type": "group", "arguments": {"user_id": user, "group_id": "g-1", "traits": {}}},
        {"type": "alias", "arguments": {"previous_id": f"before-{user}", "user_id": user}},
        {"type": "track", "arguments": {"anonymous_id": f"a-{user}", "event": "Nothing Planned"}},
    ]
    assert sent(sdk, calls) == [[]]
    assert set(weather.statuses()) == {200}
    names = [event["type"] for event in desk.tenant.timeline("user_id", user)]
    assert names.count("track") == 60
    assert {"identify", "page", "screen", "group", "alias"} <= set(names)
    assert len(names) == 65
    assert desk.tenant.traits("user_id", user)["first_name"] == "Robin"


@pytest.mark.parametrize(
    "storm",
    [
        [Overloaded("too much")],
        [StoreUnavailable("locked")],
        [Overloaded("too much"), StoreUnavailable("locked"), RegistryError("broken")],
    ],
    ids=["429", "503", "429 503 500"],
)
def test_overload_and_a_store_that_cannot_commit_are_waited_out(
    place: tuple[Desk, Weather, str], sdk: Path | None, storm: list[RegistryError]
) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    weather.storm = list(storm)
    assert sent(sdk, job(url, desk, user, 5)) == [[]]
    assert weather.statuses() == [problems.status_of(error) for error in storm] + [200]
    assert len(desk.tenant.timeline("user_id", user)) == 5


def test_what_was_stored_but_not_answered_is_not_stored_again(
    place: tuple[Desk, Weather, str], sdk: Path | None
) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"

    @contextmanager
    def forgetful() -> Iterator[None]:
        """Take the first batch in and answer that it failed."""
        real, first = weather.app, True

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal first
            if not (first and scope["type"] == "http" and scope["path"].endswith("/batch")):
                await real(scope, receive, send)
                return
            first = False

            async def nowhere(_message: Any) -> None:
                pass

            await real(scope, receive, nowhere)
            await problems.render(StoreUnavailable("lost on the way"))(scope, receive, send)

        weather.app = app
        yield
        weather.app = real

    with forgetful():
        assert sent(sdk, job(url, desk, user, 5)) == [[]]
    assert weather.statuses() == [503, 200]
    assert len(desk.tenant.timeline("user_id", user)) == 5


def test_a_refusal_is_reported_once_and_not_retried(place: tuple[Desk, Weather, str], sdk: Path | None) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    good = job(url, desk, user)
    weather.storm = [InvalidInput("wrong"), TooLarge("large")]
    errors = sent(
        sdk, good, good, good | {"write_key": "rg_write_nobody"}, good | {"host": f"{url}/nowhere"},
        good | {"write_key": desk.tenant.keys.app},
    )  # fmt: skip
    assert weather.statuses() == [400, 413, 401, 404, 401], "each was sent once, whatever the SDK's own retries"
    assert [len(reported) for reported in errors] == [1] * 5
    assert desk.tenant.profile("user_id", user) is None


def test_a_person_rejected_in_part_does_not_stop_the_rest(place: tuple[Desk, Weather, str], sdk: Path | None) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    calls = job(url, desk, user, 3)
    bad = {"type": "track", "arguments": {"user_id": user, "event": "Order Completed", "properties": {}}}
    calls["calls"] = [calls["calls"][0], bad, *calls["calls"][1:]]
    assert sent(sdk, calls) == [[]]
    assert weather.statuses() == [200]
    assert len(desk.tenant.timeline("user_id", user)) == 3
