"""Typed clients from a plan: what the plan would reject does not compile.

The clients wrap the SDK that an application has already (Segment's and RudderStack's have the same
calls) and add nothing to what is sent but the plan's own name and version, under `context.plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from registry.plans.codegen import python, typescript
from registry.plans.codegen.shapes import calls_of


class Language(StrEnum):
    """What clients are written in."""

    PYTHON = "python"
    TYPESCRIPT = "typescript"


_WRITERS: dict[Language, Callable[..., str]] = {Language.PYTHON: python.write, Language.TYPESCRIPT: typescript.write}


def generate(plan: Mapping[str, Any], language: Language) -> str:
    """The source text of a typed client for a plan (the value of its file, sound)."""
    return _WRITERS[language](calls_of(plan), name=plan["plan"], version=plan["version"])
