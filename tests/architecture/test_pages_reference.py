"""The page on the pages lists each of them, and none that there is not."""

from __future__ import annotations

from registry.pages.app import PAGES
from tests.architecture.project import table_rows


def test_every_page_is_listed_and_nothing_else() -> None:
    listed = {
        (method.strip(), cell.split()[-1])
        for cell in table_rows("docs/reference/pages.md")
        if cell.startswith(("GET", "POST"))
        for method in cell.rpartition(" ")[0].split(",")
    }
    served = {(method, route.path) for route in PAGES for method in (route.methods or set()) - {"HEAD"}}
    assert listed == served
