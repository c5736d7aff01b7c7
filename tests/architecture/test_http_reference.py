"""The page on the HTTP interface is what the server's OpenAPI document says."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.http_reference import PAGE, document, render


def test_the_page_is_that_of_the_openapi_document(tmp_path: Path) -> None:
    written = render(document(tmp_path / "data"))
    assert written.count("\n### ") > 40
    assert PAGE.read_text(encoding="utf-8") == written, "run: python -m tests.architecture.http_reference"
