"""Blind indexes, suppression keys, commitments and credentials."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.keys.blind_index import BlindIndexer, SuppressionIndexer
from registry.keys.commitment import commit, new_salt
from registry.keys.credentials import hash_key, mint_key

ROOT, OTHER_ROOT = b"r" * 32, b"o" * 32


def test_the_same_identifier_is_found_again_by_another_process() -> None:
    assert BlindIndexer(ROOT).index("email", "a@b.test") == BlindIndexer(ROOT).index("email", "a@b.test")


def test_an_index_tells_kinds_and_workspaces_apart() -> None:
    indexer = BlindIndexer(ROOT)
    seen = {
        indexer.index("email", "a@b.test"),
        indexer.index("user_id", "a@b.test"),
        BlindIndexer(OTHER_ROOT).index("email", "a@b.test"),
        indexer.message_key("a@b.test"),
        SuppressionIndexer(ROOT).key("email", "a@b.test"),
    }
    assert len(seen) == 5 and {len(value) for value in seen} == {16}


@given(st.text(max_size=20), st.text(max_size=20))
def test_different_values_have_different_indexes(one: str, two: str) -> None:
    indexer = BlindIndexer(ROOT)
    assert (indexer.index("email", one) == indexer.index("email", two)) == (one == two)


@given(st.lists(st.tuples(st.sampled_from(["email", "user_id"]), st.text(max_size=9)), max_size=9))
def test_many_have_the_indexes_that_each_has(identifiers: list[tuple[str, str]]) -> None:
    indexer = BlindIndexer(ROOT)
    kinds, texts = [kind for kind, _ in identifiers], [text for _, text in identifiers]
    expected = b"".join(indexer.index(*one) for one in identifiers)
    assert indexer.index_each(kinds, texts) == expected
    handed_on = pickle.loads(pickle.dumps(indexer.kind_keys(["email", "user_id"])))
    assert handed_on.index_each(kinds, texts) == expected


def test_indexers_hide_their_keys() -> None:
    assert repr(BlindIndexer(ROOT)) == "BlindIndexer(hidden)"
    assert repr(BlindIndexer(ROOT).kind_keys(["email"])) == "KindKeys(hidden)"
    assert repr(SuppressionIndexer(ROOT)) == "SuppressionIndexer(hidden)"


def test_a_commitment_binds_to_its_detail_and_salt() -> None:
    salt = new_salt()
    assert commit(salt, b"detail") == commit(salt, b"detail")
    assert len({commit(salt, b"detail"), commit(salt, b"other"), commit(new_salt(), b"detail")}) == 3


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_has_one_length(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        commit(b"s" * length, b"detail")


def test_a_minted_key_names_its_use_and_is_found_by_its_hash() -> None:
    secret, stored = mint_key("rg_write")
    assert re.fullmatch(r"rg_write_[A-Za-z0-9_-]{43}", secret)
    assert stored == hash_key(secret) and len(stored) == 32


def test_minted_keys_differ() -> None:
    assert len({mint_key("rg_app")[0] for _ in range(100)}) == 100
