"""Codes that callers write of places and languages: held to their form, which is all that can be seen of them here."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

JURISDICTION = "[A-Z]{2}(-[A-Z0-9]{1,3})?"
"""A code of ISO 3166-1 or -2."""

_LANGUAGE = "([A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})"
_SCRIPT, _REGION, _VARIANTS = (
    "(-[A-Za-z]{4})?",
    "(-([A-Za-z]{2}|[0-9]{3}))?",
    "(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*",
)
_EXTENSIONS, _PRIVATE = "(-[A-WYZa-wyz0-9](-[A-Za-z0-9]{2,8})+)*", "[Xx](-[A-Za-z0-9]{1,8})+"
LANGUAGE_TAG = f"{_LANGUAGE}{_SCRIPT}{_REGION}{_VARIANTS}{_EXTENSIONS}(-{_PRIVATE})?|{_PRIVATE}|[Ii]-[A-Za-z]{{2,8}}"
"""A language tag of BCP 47 (RFC 5646 section 2.1)."""


def _is_of(form: str, expected: str) -> AfterValidator:
    """That a text is of a form, said in words: the form is not what a caller wants to read."""
    compiled = re.compile(form)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise PydanticCustomError("not_of_the_form", "not of the form", {"expected": expected})
        return text

    return AfterValidator(check)


LanguageTag = Annotated[
    str,
    Field(description="BCP 47", max_length=35, json_schema_extra={"pattern": f"^({LANGUAGE_TAG})$"}),
    _is_of(LANGUAGE_TAG, "a language tag of BCP 47, as de or pt-BR"),
]

Jurisdiction = Annotated[
    str,
    Field(
        description="where the person is (ISO 3166-1 or -2), if you know",
        json_schema_extra={"pattern": f"^({JURISDICTION})$"},
    ),
    _is_of(JURISDICTION, "a code of ISO 3166-1 or -2, as DE or US-CA"),
]
