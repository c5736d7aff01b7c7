"""YAML (and so JSON) to values with the place of every node."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 50_000
"""Nodes after aliases are followed: a few lines of nested aliases would otherwise be billions."""
MAX_POINTERS = 10_000_000
"""Characters in all pointers together: many values below one huge key would otherwise fill the memory."""
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1
"""What 64 bits hold, with a sign or without: readers differ on anything further out."""
MAX_DIGITS = 40
"""Of an integer, zeros in front included; a longer one is not worked out."""

_TAG = "tag:yaml.org,2002:"
_BOOLS = {"true": True, "false": False}
_JSON_START = ("{", "[")

Position = tuple[int, int]


class LoadError(Exception):
    """The text cannot be read; `position` is line and column, from 1."""

    def __init__(self, reason: str, position: Position, pointer: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        self.pointer = pointer


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the resolvers of YAML 1.2's core schema in place of 1.1's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the base's own form

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._composed = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """The next node; past the bound the rest is not even read."""
        self._composed += 1
        if self._composed > MAX_NODES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise LoadError(f"more than {MAX_NODES} values", (mark.line + 1, mark.column + 1))
        return super().compose_node(parent, index)


def _resolve(tag: str, pattern: str, first: str) -> None:
    _CoreLoader.add_implicit_resolver(tag, re.compile(pattern), list(first))


_resolve("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0")
_resolve("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789")
_resolve("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789.")
_CoreLoader.yaml_implicit_resolvers.setdefault("", _CoreLoader.yaml_implicit_resolvers.get("\0", []))


def load(text: str) -> tuple[Any, dict[str, Position]]:
    """The value of a text, and the position of each node by its JSON pointer (RFC 6901).

    Raises:
        LoadError: not YAML, over a bound, a key that stands twice or is no text, a tag of its own, or
            one that its value does not fit.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise LoadError(f"the file is larger than {MAX_BYTES} bytes", (1, 1))
    if text.lstrip().startswith(_JSON_START):
        # JSON may be indented with tabs, which PyYAML refuses; before anything else on a line they say nothing.
        text = re.sub(r"(?m)^[ \t]+", lambda indent: " " * len(indent[0]), text)
    try:
        root = yaml.compose(text, Loader=_CoreLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise LoadError(f"not YAML: {error.problem or 'cannot be read'}", position) from None
    except yaml.YAMLError:
        raise LoadError("not YAML: holds a character that is not allowed", (1, 1)) from None
    except RecursionError:
        raise LoadError(f"nested deeper than {MAX_DEPTH}", (1, 1)) from None
    if root is None:
        raise LoadError("the file is empty", (1, 1))
    positions: dict[str, Position] = {}
    return _Builder(positions).build(root, "", 0), positions


class _Builder:
    """Values out of composed nodes, noting where each stood."""

    def __init__(self, positions: dict[str, Position]) -> None:
        self._positions = positions
        self._nodes = 0
        self._characters = 0

    def build(self, node: Node, pointer: str, depth: int) -> Any:
        """The value of a node."""
        self._nodes += 1
        self._characters += len(pointer)
        at = _position(node)
        if depth > MAX_DEPTH:
            raise LoadError(f"nested deeper than {MAX_DEPTH}", at)
        if self._nodes > MAX_NODES:
            raise LoadError(f"more than {MAX_NODES} values, aliases counted where they are used", at)
        if self._characters > MAX_POINTERS:
            raise LoadError("too many values below keys that are too long", at)
        self._positions.setdefault(pointer, at)
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, pointer, depth)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(child, f"{pointer}/{i}", depth + 1) for i, child in enumerate(node.value)]
        return _scalar(node, pointer)

    def _mapping(self, node: MappingNode, pointer: str, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, child in node.value:
            key = _scalar(key_node, pointer) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                raise LoadError("a key is not text (quote it)", _position(key_node), pointer)
            below = f"{pointer}/{escape(key)}"
            if key in value:
                raise LoadError("a key stands twice", _position(key_node), below)
            self._positions[below] = _position(key_node)
            value[key] = self.build(child, below, depth + 1)
        return value


def _scalar(node: Node, pointer: str) -> Any:
    text = node.value if isinstance(node, ScalarNode) else None
    tag = node.tag.removeprefix(_TAG)
    if not isinstance(text, str):
        raise LoadError("a tag of its own is not allowed", _position(node), pointer)
    if tag == "str":
        return _text(text, node, pointer)
    if tag == "null" and text in ("", "~", "null", "Null", "NULL"):
        return None
    if tag == "bool" and text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    if tag in ("int", "float"):
        return _number(text, tag, node, pointer)
    raise LoadError("a tag of its own is not allowed", _position(node), pointer)


def _number(text: str, tag: str, node: Node, pointer: str) -> int | float:
    """A number that every reader takes for the same."""
    whole = tag == "int"
    try:
        number = float(text) if not whole else int(text) if len(text) <= MAX_DIGITS else math.inf
    except ValueError:
        raise LoadError("a tag that its value does not fit", _position(node), pointer) from None
    if whole and not MIN_INTEGER <= number <= MAX_INTEGER:
        raise LoadError("an integer that 64 bits do not hold", _position(node), pointer)
    if not math.isfinite(number):
        raise LoadError("a number that is not finite", _position(node), pointer)
    return number


def _text(text: str, node: Node, pointer: str) -> str:
    """Text as Unicode has it: JSON writes some characters as two escapes, which belong together."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise LoadError("half of a character (a lone surrogate)", _position(node), pointer) from None


def escape(token: str) -> str:
    """A key as a token of a JSON pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def _position(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1
