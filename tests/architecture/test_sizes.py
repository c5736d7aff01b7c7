"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.project import CODE, modules

FILE_LINES = 400
FUNCTION_LINES = 60


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(CODE)))
def test_no_file_and_no_function_is_long(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= FILE_LINES
    if "versions" in file.parts:  # a migration is one list of statements, read once
        return
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES]
    assert long == []
