"""Of the version that an app names, only what has the form of one is kept."""

from __future__ import annotations

import pytest

from registry.plans.app_version import version_of_app


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("4.2.0", "4.2.0"), ("v4.2", "4.2"), ("7", "7"), ("2026.11.2", "2026.11.2"), ("4.2.0-RC.1", "4.2.0-rc.1"),
        ("10.0.19041.388", "10.0.19041"), ("4.2.0+build.17", "4.2.0"), ("4.2.0 (1234)", "4.2.0"),
        ("4.2.0-robin@example.com", "4.2.0"), ("192.168.17.203", "192.168.17"), ("1984-02-29", "1984"),
        ("robin@example.com", "other"), ("+49 151 23456789", "other"), ("4915123456789", "other"),
        ("078-05-1120", "078"), ("", "other"), (4, "other"), (["4.2.0"], "other"), ("4.2.0\n", "other"),
        (None, None),
    ],
)  # fmt: skip
def test_only_numbers_and_the_stage_are_kept(sent: object, kept: str | None) -> None:
    assert version_of_app({"context": {"app": {"version": sent}}}) == kept


@pytest.mark.parametrize("call", [None, [], {}, {"context": 1}, {"context": {"app": "x"}}, {"context": {"app": {}}}])
def test_without_a_version_there_is_none(call: object) -> None:
    assert version_of_app(call) is None
