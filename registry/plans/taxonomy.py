"""The data categories of fideslang: what a plan, a policy or a hold may call data."""

from __future__ import annotations

from functools import cache


def is_data_category(key: str) -> bool:
    """Whether a key is one of fideslang's default taxonomy, or of a company's own below one of those."""
    steps = key.split(".")
    return any(".".join(steps[:depth]) in _taxonomy() for depth in range(len(steps), 1, -1)) or key in _taxonomy()


@cache
def _taxonomy() -> frozenset[str]:
    from fideslang.default_taxonomy import DEFAULT_TAXONOMY  # takes a fifth of a second: only who asks waits

    return frozenset(str(category.fides_key) for category in DEFAULT_TAXONOMY.data_category)
