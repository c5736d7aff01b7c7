"""What the linked systems did in a request, as its own row notes it, and what they were foreseen to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.census import OWN_SYSTEM
from registry.model.stored import StoredRequest

FORESEEN = "foreseen"
"""The member of a request's progress on the rows that each system had before anything was changed there. Where it
stands, all that the person is known by outside is sealed in the request, too.
"""


def accounts(request: StoredRequest) -> list[FieldAccount]:
    """What the linked systems did, as noted: every field of each."""
    return read_accounts(orjson.loads(request.progress).get("linked", {}))


def read_accounts(noted: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[FieldAccount]:
    """Accounts as they were noted by system."""
    return [
        FieldAccount(
            a["system"],
            a["table"],
            a["field"],
            Disposition(a["disposition"]),
            a["rows"],
            a.get("ground"),
            a.get("rows_of_others", 0),
        )
        for told in noted.values()
        for a in told
    ]


def by_place(request: StoredRequest) -> list[str]:
    """The kinds of identifier that systems looked for only where their descriptions say that those stand."""
    return list(orjson.loads(request.progress).get("by_place", ()))


def awaited(request: StoredRequest) -> set[str]:
    """The systems that a request foresaw to do something, or waits for, and that have not done it."""
    progress: dict[str, Any] = orjson.loads(request.progress)
    noted = waiting.Wait.noted(progress)
    systems: set[str] = {*progress.get(FORESEEN, {}), *([noted.system] if noted is not None else [])}
    return systems.difference(progress.get("linked", {}), [OWN_SYSTEM])
