"""YAML (and so JSON) to values with the place of every node."""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 200_000
"""Nodes after aliases are followed: a few lines of nested aliases would otherwise be billions."""

_TAGS = frozenset({"map", "seq", "str", "null", "bool", "int", "float"})

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
        LoadError: not YAML, over a bound, a key that stands twice or is no text, or a tag of its own.
    """
    if len(text.encode()) > MAX_BYTES:
        raise LoadError(f"the file is larger than {MAX_BYTES} bytes", (1, 1))
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

    def build(self, node: Node, pointer: str, depth: int) -> Any:
        """The value of a node."""
        self._nodes += 1
        at = _position(node)
        if depth > MAX_DEPTH:
            raise LoadError(f"nested deeper than {MAX_DEPTH}", at, pointer)
        if self._nodes > MAX_NODES:
            raise LoadError(f"more than {MAX_NODES} values, aliases counted where they are used", at, pointer)
        if node.tag.rpartition(":")[2] not in _TAGS or not node.tag.startswith("tag:yaml.org,2002:"):
            raise LoadError("a tag of its own is not allowed", at, pointer)
        self._positions.setdefault(pointer, at)
        if isinstance(node, MappingNode):
            return self._mapping(node, pointer, depth)
        if isinstance(node, SequenceNode):
            return [self.build(child, f"{pointer}/{i}", depth + 1) for i, child in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        raise LoadError("a kind of node that is not allowed", at, pointer)

    def _mapping(self, node: MappingNode, pointer: str, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, child in node.value:
            key = self._scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                raise LoadError("a key is not text (quote it)", _position(key_node), pointer)
            if key in value:
                raise LoadError("a key stands twice", _position(key_node), f"{pointer}/{escape(key)}")
            below = f"{pointer}/{escape(key)}"
            self._positions[below] = _position(key_node)
            value[key] = self.build(child, below, depth + 1)
        return value

    def _scalar(self, node: ScalarNode) -> Any:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag == "str":
            return node.value
        if tag == "null":
            return None
        if tag == "bool":
            return node.value.lower() == "true"
        if tag == "int":
            return int(node.value)
        return float(node.value)


def escape(token: str) -> str:
    """A key as a token of a JSON pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def _position(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1
