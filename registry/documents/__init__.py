"""Reviewed files: the text of a policy or plan, to a checked value that knows its positions.

Pure functions of text. What is wrong is reported with file, line, column, JSON pointer and reason,
every fault at once. YAML is read as its 1.2 core schema reads it (`no` is text, dates are text), with
bounds on size, depth and aliases, so that a hostile file cannot stall its reader.
"""

from registry.documents.document import Document, check, parse

__all__ = ["Document", "check", "parse"]
