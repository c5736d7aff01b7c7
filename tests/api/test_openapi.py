"""The OpenAPI document is valid, complete and precise: what it shows is what is served."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from registry.pages.app import PAGES
from tests.api.house import Desk, House


@pytest.fixture
def document(shared_house: House) -> dict[str, Any]:
    return shared_house.app.openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def test_the_document_keeps_the_openapi_specification(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_is_documented_and_nothing_else(desk: Desk, document: dict[str, Any]) -> None:
    served = set()
    for route in desk.house.app.routes:
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            if inner not in PAGES:  # those are for people: docs/reference/pages.md
                served |= {(inner.path, method.lower()) for method in inner.methods - {"HEAD"}}
    assert {(path, method) for path, method, _ in operations(document)} == served - {("/openapi.json", "get")}


def test_operation_ids_are_unique_and_readable(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_tag_is_described_and_used(document: dict[str, Any]) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert {tag["name"] for tag in document["tags"]} == used
    assert all(len(tag["description"]) > 40 for tag in document["tags"])


def test_every_example_is_of_its_schema(document: dict[str, Any]) -> None:
    count = 0

    def hold(value: Any) -> None:
        nonlocal count
        if isinstance(value, list):
            for one in value:
                hold(one)
        elif isinstance(value, dict):
            if "example" in value and "schema" in value:
                schema = {**value["schema"], "components": document["components"]}
                jsonschema.Draft202012Validator(schema).validate(value["example"])
                count += 1
            for one in value.values():
                hold(one)

    hold(document)
    for name, schema in document["components"]["schemas"].items():
        if "example" in schema:
            jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(
                schema["example"]
            )
            count += 1
    assert count > 60


def test_every_operation_shows_what_it_takes_and_answers(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], path
        takes = operation.get("requestBody", {}).get("content", {})
        assert takes or method != "post" or path.endswith(("/{by}", "/run", "/release", "/challenge", "/v1/m")), path
        for media, body in takes.items():
            schema = body["schema"]
            named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            assert "example" in body or "example" in named, path
            assert media != "application/json" or schema != {"type": "object"}, path
        for status, response in operation["responses"].items():
            if status.startswith("2") and status != "204":
                [told] = response["content"].values()
                files = {"application/zip", "application/octet-stream"}
                assert "example" in told or files & response["content"].keys(), (path, status)
                assert told["schema"], path


def test_every_operation_says_who_may_and_how_it_fails(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        if not path.startswith(("/v1/", "/opendsr/v2/requests", "/opendsr/v1/opengdpr_requests")):
            assert operation["security"] == []
            continue
        assert {"500", "default"} <= operation["responses"].keys(), path
        if operation["security"]:
            assert {"400", "401", "503"} <= operation["responses"].keys(), path
        if operation["security"] == [{"bearer": []}]:
            assert "403" in operation["responses"], path


def test_the_document_is_served(desk: Desk) -> None:
    import httpx

    answer = httpx.get(f"{desk.house.url}/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Registry"
