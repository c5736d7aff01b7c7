"""On which hold's ground a field was kept."""

from __future__ import annotations

import pytest

from registry.dsr.accounting import WHOLE, Disposition, FieldAccount
from registry.dsr.held import HOLD, Held


@pytest.mark.parametrize(
    ("ground", "keeps"),
    [
        (f"{HOLD}claim 1", True),
        (f"{HOLD}claim 10", False),
        (f"{HOLD}claim 10; {HOLD}claim 1; {WHOLE}", True),
        (f"leads to what is kept ({HOLD}claim 1)", True),
        ("claim 1", False),
    ],
)
def test_one_ground_is_not_another_that_begins_like_it(ground: str, keeps: bool) -> None:
    account = FieldAccount("shop", "orders", "total", Disposition.RETAINED, 1, ground)
    assert Held("claim 1", ()).keeps(account) is keeps
