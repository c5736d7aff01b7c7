"""What a guess at a password costs."""

from __future__ import annotations

import re

from registry.keys.passwords import hash_password, password_is_right


def test_a_guess_costs_what_rfc_9106_recommends_at_least() -> None:
    found = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", hash_password("a synthetic password"))
    assert found is not None
    memory_kib, passes, _lanes = map(int, found.groups())
    assert memory_kib >= 64 * 1024 and passes >= 3, "RFC 9106 section 4, its second recommendation"


def test_the_same_password_is_hashed_otherwise_each_time_and_only_it_is_right() -> None:
    one, other = hash_password("a synthetic password"), hash_password("a synthetic password")
    assert one != other
    assert password_is_right(one, "a synthetic password")
    assert not password_is_right(one, "another")
    assert not password_is_right(None, "a synthetic password")
