"""What stands in a text by other signs: escaped as JSON and PostgreSQL write it, percent-encoded, as references of XML.

Used by the second look alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

WITHIN = 4
"""How often texts are looked at within one another: JSON in a text of JSON in an array."""
MOST = 64
"""Forms of one text that are looked at; those that people and programs write have a handful."""
_ESCAPED = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(.))|""(?:(?!\s*(?:[,\]}):=]|$))|(?<=[^\s:\[,{(>]""))""", re.DOTALL)
"""A sign with a backslash before it, or by its number; or a quotation mark that is doubled, which is no empty text."""
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_HALVES = re.compile("[\ud800-\udfff]")
_QUOTE, _ENCLOSING = "\x01", "\x00"
_OUTER = "\x02"
"""A quotation mark that stood before something was decoded: it encloses no text of JSON that came out."""


def forms(text: str) -> Iterator[str]:
    """Every way in which a text may be read: as it stands, and as what is written in it by other signs is meant."""
    yield text
    seen, level = {text}, [text]
    for _ in range(WITHIN):
        found = list[str]()
        for one in (meant for outer in level for meant in _meant(outer)):
            if one not in seen and len(seen) < MOST:
                seen.add(one)
                found.append(one)
                yield one.replace(_OUTER, '"')
        level = found


def _meant(text: str) -> Iterator[str]:
    """A text as each of the ways of writing signs has it, once; texts without such signs cost next to nothing."""
    if "\\" in text or '""' in text:
        yield _unescaped(text)
    outer = text.replace('"', _OUTER)
    for sign, decode in (("%", unquote), ("&", unescape)):
        if sign in text and (told := decode(outer)) != outer:
            yield told
    if "+" in text and ("%" in text or "&" in text):  # for a space: what a form sends, and addresses of pages hold
        yield text.replace("+", " ")


def _unescaped(text: str) -> str:
    r"""A text with what is escaped in it as it is meant: once, as JSON, and the forms of PostgreSQL, write it.

    Marks that enclosed something here enclose nothing of what is within: in JSON, `SHOP\\nadine` has no end of a line.
    """
    told = _ESCAPED.sub(_sign_in_quotes if '"' in text else _sign, text)
    if told == text:
        return text
    told = told.replace('"', _ENCLOSING).replace(_QUOTE, '"')
    return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _HALVES.search(told) else told


def _sign_in_quotes(match: re.Match[str]) -> str:
    r"""What is meant within quotation marks, where a letter may stand for the end of a line: not in `shop\nadine`."""
    return _CONTROL.get(match[2]) or _sign(match)


def _sign(match: re.Match[str]) -> str:
    told = chr(int(match[1], 16)) if match[1] else match[2] or '"'
    return _QUOTE if told == '"' else told
