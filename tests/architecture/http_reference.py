"""`python -m tests.architecture.http_reference` writes docs/reference/http.md from the server's OpenAPI document."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from registry import bootstrap
from registry.settings import Settings
from tests.architecture.project import ROOT

PAGE = ROOT / "docs" / "reference" / "http.md"
METHODS = ("get", "post", "delete")
EXAMPLE_WIDTH = 116

HEAD = """# The HTTP interface

Written from the OpenAPI document that every server gives out at `/openapi.json`, where each member of each body and
answer is described; a test holds this page against it. What errors mean: [errors.md](errors.md).

Calls need a bearer key (`Authorization: Bearer rg_app_…`), or, under *tracking*, a source's write key: as the user of
Basic authentication with an empty password, as `writeKey` in the body, or as the query parameter `writeKey`.
*Operations* need none. Bodies and answers are JSON unless stated. A *subject* is
`{"kind": "email", "value": "shopper@example.com"}`, of any kind in `policies/identity.yaml`. Times are RFC 3339, ids
are opaque. Lists take `limit` and the `cursor` that the page before gave. Errors are
`application/problem+json` (RFC 9457) with `code` and `detail`; 500 and 503 are possible everywhere.
"""


def document(folder: Path) -> dict[str, Any]:
    """The OpenAPI document of a server whose data lies in an empty folder."""
    settings = Settings(data_dir=folder)
    bootstrap.initialise(settings)
    registry = bootstrap.connect(settings)
    try:
        app = registry.server()
        described: dict[str, Any] = app.openapi()
        app.state.registry.intake.close()
    finally:
        registry.close()
    return described


def render(openapi: Mapping[str, Any]) -> str:
    """The page."""
    calls = [(m, p, c) for p, methods in openapi["paths"].items() for m, c in methods.items() if m in METHODS]
    sections = [HEAD]
    for tag in openapi["tags"]:
        sections.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
        own = [(method, path, call) for method, path, call in calls if tag["name"] in call["tags"]]
        shorter = {call["operationId"].removesuffix("_short"): path for _, path, call in own if _is_short(call)}
        for method, path, call in own:
            if not _is_short(call):
                lines = _call(openapi, method, path, call, shorter.get(call["operationId"]))
                sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def _is_short(call: Mapping[str, Any]) -> bool:
    return str(call["operationId"]).endswith("_short")


def _call(
    openapi: Mapping[str, Any], method: str, path: str, call: Mapping[str, Any], also: str | None
) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    words = [call["summary"].rstrip(".") + ".", call.get("description", "").strip().replace("\n", " ")]
    if also is not None:
        words.append(f"Also at `{also}`.")
    yield " ".join(word for word in words if word)
    for parameter in call.get("parameters", []):
        described = parameter.get("description") or parameter["schema"].get("description") or ""
        need = "" if parameter["required"] else ", optional"
        yield f"- `{parameter['name']}` ({parameter['in']}{need})" + (f": {described}" if described else "")
    for media, body in call.get("requestBody", {}).get("content", {}).items():
        schema = _followed(openapi, body.get("schema", {}))
        if schema.get("properties"):
            required = schema.get("required", [])
            names = [f"`{name}`" + ("" if name in required else "?") for name in schema["properties"]]
            yield f"- body: {', '.join(names)}"
            yield from _inside(openapi, schema)
        else:
            yield f"- body: {media}"
        yield from _example(media, body.get("example", schema.get("example")))
    for status, response in call["responses"].items():
        if status.startswith("2"):
            for media, content in response.get("content", {}).items():
                yield f"- {status}: {media}"
                yield from _example(media, content.get("example"))
            if not response.get("content"):
                yield f"- {status}, without a body"
    errors = [status for status in call["responses"] if status.isdigit() and status[0] in "45" and status[0] != "5"]
    if errors:
        yield f"- errors: {', '.join(errors)}"


def _inside(openapi: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """The members of each object in a body; a subject's stand at the head of the page."""
    for name, held in schema["properties"].items():
        forms = [_followed(openapi, form) for form in [held, *held.get("anyOf", ())]]
        for form in forms:
            if form.get("properties") and name != "subject":
                required = form.get("required", [])
                yield f"  - `{name}`: " + ", ".join(
                    f"`{member}`" + ("" if member in required else "?") for member in form["properties"]
                )


def _followed(openapi: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


def _example(media: str, example: object) -> Iterator[str]:
    if media != "application/json" or example is None:
        return
    lines = _wrapped(json.dumps(example, ensure_ascii=False))
    yield "\n".join(["", "  ```json", *(f"  {line}" for line in lines), "  ```", ""])


def _wrapped(text: str) -> list[str]:
    """JSON in lines, broken between tokens only, so that it stays JSON."""
    lines = [""]
    for token in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^"\s])+\s?', text):
        if len(lines[-1]) + len(token.rstrip()) > EXAMPLE_WIDTH:
            lines[-1] = lines[-1].rstrip()
            lines.append(" ")
        lines[-1] += token
    return lines


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        PAGE.write_text(render(document(Path(made))), encoding="utf-8")
