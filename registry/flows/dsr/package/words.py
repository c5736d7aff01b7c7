"""In which language a package speaks: that of the request, as far as there is one; what codes are called in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from registry.flows.dsr.package import german, german_terms, redaction

PAGE = "export.html"
ENGLISH, GERMAN = "en", "de"
_CONSTANT = re.compile(r'\{\{ _\("([^"]*)"\) \}\}|\{% trans %\}(.*?)\{% endtrans %\}')
"""Words that are the same on every page: said once, when the template is read."""


def spoken(language: str) -> str:
    """The language that is spoken to somebody who asked in another: that one, or English."""
    return language if language == GERMAN else ENGLISH


def left_out(language: str) -> Mapping[str, str]:
    """What stands in the place of what is left out, by why."""
    return german_terms.LEFT_OUT if language == GERMAN else redaction.LEFT_OUT


@cache
def template(language: str) -> Template:
    """The page's template in a language: reading it takes longer than all the rest of a small package."""
    text = (resources.files("registry.flows") / "templates" / PAGE).read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    is_german = language == GERMAN

    def say(text: str) -> str:
        return german.TEXTS.get(text, text) if is_german else text

    def count(one: str, several: str, number: int) -> str:
        words = german.COUNTED.get(one, (one, several)) if is_german else (one, several)
        return words[number != 1]

    def term(code: str) -> str:
        word = code.replace("_", " ")
        return german_terms.TERMS.get(word, word) if is_german else word

    def terms(words: str) -> str:
        return ": ".join(map(term, words.split(": ")))

    environment.install_gettext_callables(say, count, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {"term": term, "terms": terms}
    return environment.from_string(_CONSTANT.sub(lambda found: say(found[1] or found[2]), text))
