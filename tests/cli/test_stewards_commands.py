"""`registry profiles explain|unmerge|merge|merges|graph`, as a steward on the machine uses them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from registry import bootstrap
from registry.flows.access.credentials import source_of
from registry.flows.ingest.admission import Delivery
from registry.flows.ingest.pipeline import ingest
from registry.settings import Settings
from tests.cli.test_commands import answer, run
from tests.factories import identify, ordered

ADA, TABLET = ("--user-id", "ada"), ("--and", "anonymous_id=tablet")
SERVICE = ("--purpose", "service")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "data"
    settings = Settings(data_dir=path)
    made = bootstrap.initialise(settings)
    registry = bootstrap.connect(settings)
    calls = [
        identify("ada", "tablet", email="ada@example.com"),
        identify("ada", email="family@example.com"),
        identify("bob", email="family@example.com"),
        ordered("ada", order_id="<&\x07>"),
    ]
    source = source_of(registry.deployment, made.write_key)
    delivery = Delivery(source, calls, registry.deployment.clock())
    ingest(registry.deployment, registry.workspaces.only(), [delivery])
    registry.close()
    return path


def test_the_graph_is_drawn_with_words_for_who_cannot_see_it(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "graph.svg"
    target.touch(mode=0o644)
    told = answer(folder, "profiles", "graph", *SERVICE, *ADA, "--out", str(target))
    assert target.stat().st_mode & 0o777 == 0o600, "it shows identifiers, also where another stood there"
    assert (told["identifiers"], told["links"], told["refused"]) == (3, 2, 1)
    svg = ET.parse(target).getroot()
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert svg.get("role") == "img"
    words = svg.findtext("svg:desc", namespaces=space) or ""
    assert "user id ada is linked with anonymous id tablet" in words or "anonymous id tablet is linked with" in words
    assert "is kept apart from" in words
    assert "family@example.com" not in target.read_text(), "what is another profile's is not shown"
    assert all(group.findtext("svg:title", namespaces=space) for group in svg.findall("svg:g", space))
    assert "prefers-color-scheme: dark" in target.read_text()


def test_a_merge_is_explained_taken_apart_and_joined_again_by_hand(folder: Path) -> None:
    told = answer(folder, "profiles", "explain", *SERVICE, *ADA, *TABLET)
    assert len(told["paths"][0]["links"]) == 1
    shown = run(folder, "profiles", "explain", *SERVICE, *ADA, *TABLET)
    assert "message-" in shown.stdout
    assert len(answer(folder, "profiles", "unmerge", *ADA, *TABLET)["profiles"]) == 2
    apart = run(folder, "profiles", "explain", *SERVICE, *ADA, *TABLET)
    assert apart.returncode != 0
    assert "merges --refused" in apart.stderr
    answer(folder, "profiles", "merge", *ADA, *TABLET)
    kinds = [row["kind"] for row in answer(folder, "profiles", "merges", *ADA)["merges"]]  # one a fragment that moved
    assert kinds == sorted(kinds, reverse=True) and set(kinds) == {"split", "merge"}
    assert "merge id" in run(folder, "profiles", "merges").stdout


def test_the_inbox_names_the_reason(folder: Path) -> None:
    found = answer(folder, "profiles", "merges", "--refused")
    assert found["counts"] == {"merge_protection": 2}
    assert "two known people" in run(folder, "profiles", "merges", "--refused").stdout


def test_an_unmerge_that_does_not_say_from_whom_is_refused(folder: Path) -> None:
    done = run(folder, "profiles", "unmerge", *ADA)
    assert done.returncode == 4
    assert "--merge-id" in done.stderr


def test_audiences_are_listed_and_asked(folder: Path) -> None:
    [one] = answer(folder, "profiles", "audience")["audiences"]
    found = answer(folder, "profiles", "audience", one["audience"])
    assert (found["members"], found["looked_at"]) == ([], 3)
    assert run(folder, "profiles", "audience", "nobody").returncode != 0


def test_data_quality_is_told_by_source_as_table_and_as_json(folder: Path) -> None:
    told = answer(folder, "profiles", "quality")
    [shop] = told["sources"]
    assert shop["obstacles"]["duplicated"]["found"] == 2, "two accounts, one family address"
    assert shop["obstacles"]["disconnected"] == {
        "found": 0, "of": 1, "share": 0.0, "change": None, "trend": shop["obstacles"]["disconnected"]["trend"],
    }  # fmt: skip
    shown = run(folder, "profiles", "quality", "--days", "7")
    assert "duplicated" in shown.stdout
    assert "change in 7 days" in shown.stdout
    assert "example.com" not in shown.stdout


def test_suggestions_are_drawn_and_decided_on_and_decisions_listed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    made = bootstrap.initialise(settings)
    registry = bootstrap.connect(settings)
    own = {"first_name": "Ada", "last_name": "Lovelace", "birthday": "1990-01-02"}
    calls = [identify("ada", **own), identify("ada-2", **own | {"first_name": "Lovelace", "last_name": "Ada"})]
    source = source_of(registry.deployment, made.write_key)
    delivery = Delivery(source, calls, registry.deployment.clock())
    ingest(registry.deployment, registry.workspaces.only(), [delivery])
    registry.close()
    folder, charts = settings.data_dir, tmp_path / "charts"
    [only] = answer(folder, "profiles", "suggestions", *SERVICE, "--charts", str(charts))["suggestions"]
    [drawn] = charts.iterdir()
    words = ET.parse(drawn).getroot().findtext("{http://www.w3.org/2000/svg}desc") or ""
    assert "first name swapped" in words
    assert "Lovelace" not in drawn.read_text()
    assert "last_name swapped" in run(folder, "profiles", "suggestions", *SERVICE).stdout
    ends = [only[end]["fragment_id"] for end in ("one", "other")]
    assert answer(folder, "profiles", "decide", "merge", *ends)["verdict"] == "same"
    assert answer(folder, "profiles", "suggestions", *SERVICE)["suggestions"] == []
    assert answer(folder, "profiles", "decide", "apart", *ends)["verdict"] == "apart"
    [decided] = answer(folder, "profiles", "merges", "--decisions")["decisions"]
    assert (decided["verdict"], decided["actor"]) == ("apart", "operator")
    assert "apart" in run(folder, "profiles", "merges", "--decisions").stdout
    assert run(folder, "profiles", "decide", "merge", ends[0], ends[0]).returncode != 0


def test_splinks_settings_are_printed_for_both_engines(folder: Path) -> None:
    told = {
        engine: run(folder, "profiles", "suggestions", "--settings", engine).stdout for engine in ("duckdb", "spark")
    }
    assert "jaro_winkler_similarity" in told["duckdb"]
    assert told["duckdb"].replace("jaro_winkler_similarity", "jaro_winkler") == told["spark"]
    assert run(folder, "profiles", "suggestions", "--settings", "excel").returncode == 2


def test_computed_traits_are_counted_back_once_and_by_name_again(folder: Path) -> None:
    first = answer(folder, "profiles", "recount")
    assert first["finished"]
    assert "orders_count" in first["traits"]
    assert answer(folder, "profiles", "recount")["traits"] == []
    assert answer(folder, "profiles", "recount", "--trait", "orders_total")["traits"] == ["orders_total"]
    assert "was counted back" in run(folder, "profiles", "recount").stdout
    assert run(folder, "profiles", "recount", "--trait", "shoe_size").returncode != 0
