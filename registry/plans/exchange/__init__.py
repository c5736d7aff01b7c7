"""Plans to and from what others use: Segment's and RudderStack's JSON, and tables (CSV).

What the other form cannot say is said as annotations (`x-purposes` and the like), which JSON Schema
readers ignore, so that a plan that went out and comes back is the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from registry.model.errors import InvalidInput
from registry.plans.exchange import rudderstack, segment, spreadsheet


class Form(StrEnum):
    """What plans can be exchanged as."""

    SEGMENT = "segment"
    RUDDERSTACK = "rudderstack"
    CSV = "csv"


_TO: dict[Form, Callable[[Mapping[str, Any]], str]] = {
    Form.SEGMENT: lambda plan: _json(segment.from_plan(plan)),
    Form.RUDDERSTACK: lambda plan: _json(rudderstack.from_plan(plan)),
    Form.CSV: spreadsheet.from_plan,
}


def export_plan(plan: Mapping[str, Any], form: Form) -> str:
    """A plan (the value of its file, sound) as text of another form."""
    return _TO[form](plan)


def import_plan(text: str, form: Form, *, name: str, purposes: list[str]) -> dict[str, Any]:
    """The plan, as the value of its file, that a text of another form states.

    Args:
        name: of the plan.
        purposes: what everything in it serves, where the text does not say so.

    Raises:
        InvalidInput: it is not of this form.
    """
    start = {"plan": name, "version": "1.0.0", "purposes": purposes}
    if form is Form.CSV:
        return start | spreadsheet.to_plan(text)
    try:
        value = orjson.loads(text)
        read = segment.to_plan if form is Form.SEGMENT else rudderstack.to_plan
        return start | read(value)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(f"this is no tracking plan as {form.value} writes them") from None


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
