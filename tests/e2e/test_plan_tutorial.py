"""The tutorial from traffic to a plan, run as it stands, with the edits that it asks a person for."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.architecture.project import ROOT
from tests.e2e.test_tutorial import PORT
from tests.e2e.typed import path_with_registry
from tests.live import Live, live

PAGE = ROOT / "docs" / "tutorial" / "a-plan-from-traffic.md"
DESCRIBED = {
    "nights": "How many.",
    "room": "Which kind.",
    "price": "Of one night, in EUR.",
    "contact": "Where to answer.",
}


class Reader:
    """Somebody who types what the page says, in one folder, against one server."""

    def __init__(self, folder: Path, server: Live, path: str) -> None:
        self.folder = folder
        self._port = server.url.rsplit(":", 1)[1]
        self._environment = os.environ | {
            "PATH": path, "REGISTRY_DATA_DIR": str(server.data_dir), "WRITE_KEY": server.keys.write_key,
            "COLUMNS": "200",
        }  # fmt: skip

    def types(self, block: str) -> tuple[int, str]:
        """The exit code of a block, and what it said."""
        done = subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + block.replace(PORT, self._port)], cwd=self.folder,
            env=self._environment, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def edits(self, name: str, to: str, version: str, **limits: int) -> None:
        """What the page asks a person to do to a plan."""
        plan = yaml.safe_load((self.folder / name).read_text())
        [event] = plan["events"]
        event |= {"description": "A guest asked for a room.", "purposes": ["service"]}
        for field, schema in event["properties"].items():
            schema["description"] = DESCRIBED[field]
            schema.setdefault("x-personal", "x-categories" in schema)
        event["properties"]["nights"] |= limits
        (self.folder / to).write_text(yaml.safe_dump(plan | {"version": version, "owner": "bookings"}, sort_keys=False))


@pytest.mark.timeout(240)
def test_the_way_from_traffic_to_a_plan_goes_as_it_says(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    sent, inferred, published, replayed, changed = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    with live(tmp_path / "data") as server, path_with_registry(tmp_path) as path:
        reader = Reader(tmp_path, server, path)
        code, said = reader.types(sent)
        assert (code, '"rejected":20' in said, "guest-1@" in said) == (0, True, False), said
        code, said = reader.types(inferred)
        assert code == 0, said
        assert "description_missing" in said
        reader.edits("hotel.yaml", "hotel.yaml", "1.0.0")
        assert "Nothing found." in reader.types("registry plans lint hotel.yaml")[1]
        code, said = reader.types(published)
        assert (code, "20 let in" in said, "hotel@1.0.0 is published" in said) == (0, True, True), said
        code, said = reader.types(replayed)
        assert code == 0, said
        assert '"duplicate":20' in reader.types(sent)[1]
        reader.edits("hotel.yaml", "hotel-next.yaml", "1.1.0", maximum=3)
        diff, check = changed.strip().splitlines()
        code, said = reader.types(diff)
        assert (code, "breaking" in said, "2.0.0" in said) == (1, True, True), said
        code, said = reader.types(check)
        assert (code, "8 newly rejected" in said) == (1, True), said
