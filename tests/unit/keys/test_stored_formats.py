"""What was sealed, wrapped or signed by earlier programs still opens, and fails for the same reasons."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from registry.keys.blind_index import BlindIndexer, SuppressionIndexer
from registry.keys.bundle import Bundle, bundle_aad
from registry.keys.commitment import commit
from registry.keys.credentials import hash_key
from registry.keys.envelope import DataKey, open_sealed, record_aad
from registry.keys.kek import Kek
from registry.keys.kms import generation_of
from registry.keys.notes import verify_note
from registry.keys.parts import open_parts
from registry.keys.signing import verify_jwt
from registry.model.compartment import Compartment
from registry.model.errors import RegistryError, SealBroken, SignatureInvalid
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId

VECTORS = Path(__file__).parents[2] / "vectors"
Vector = dict[str, Any]


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def cases(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def unhex(vector: Vector, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


def failure_of(caught: pytest.ExceptionInfo[RegistryError]) -> object:
    return caught.value.extra["failure"]


@cases(load("envelope"))
def test_a_stored_envelope_opens_or_fails_as_its_vector_says(vector: Vector) -> None:
    place = unhex(vector, "kind", "workspace", "fragment", "record", "field")
    key, sealed = unhex(vector, "key", "sealed")
    arguments = DataKey(key), sealed, record_aad(*place), OpenGrant(WorkspaceId(place[1]), None, "test"), "any"
    if "failure" in vector:
        with pytest.raises(SealBroken) as caught:
            open_sealed(*arguments)
        assert failure_of(caught) == vector["failure"]
    else:
        assert open_sealed(*arguments).hex() == vector["plaintext"]


@cases(load("parts"))
def test_stored_parts_open_or_fail_as_their_vector_says(vector: Vector) -> None:
    keys = {Compartment(name): DataKey(bytes.fromhex(key)) for name, key in vector["keys"].items()}
    blob, aad = unhex(vector, "sealed", "aad")
    covered = vector["compartments"]
    grant = OpenGrant(WorkspaceId(bytes(range(16))), None if covered is None else frozenset(covered), "test")
    if "failure" in vector:
        with pytest.raises(SealBroken) as caught:
            open_parts(blob, keys, aad, grant)
        assert failure_of(caught) == vector["failure"]
    else:
        parts = open_parts(blob, keys, aad, grant)
        assert {name: value.hex() for name, value in parts.opened.items()} == vector["opened"]
        assert [list(parts.withheld), list(parts.shredded)] == [vector["withheld"], vector["shredded"]]


@cases(load("bundle"))
def test_a_stored_bundle_unwraps_or_fails_as_its_vector_says(vector: Vector) -> None:
    kek, workspace, fragment, wrapped = unhex(vector, "kek", "workspace", "fragment", "wrapped")
    aad = bundle_aad(WorkspaceId(workspace), FragmentId(fragment))
    if "failure" in vector:
        with pytest.raises(SealBroken) as caught:
            Kek(kek, 7).unwrap(wrapped, aad)
        assert failure_of(caught) == vector["failure"]
    else:
        bundle = Bundle.decode(Kek(kek, 7).unwrap(wrapped, aad))
        assert {name: key.reveal().hex() for name, key in bundle.items()} == vector["keys"]
        assert generation_of(wrapped) == vector["generation"]


def test_stored_hashes_are_found_again() -> None:
    vector = load("hashes")
    root, suppression_root, salt, detail = unhex(vector, "root", "suppression_root", "salt", "detail")
    indexer, suppression = BlindIndexer(root), SuppressionIndexer(suppression_root)
    for identifier in vector["identifiers"]:
        kind, value = identifier["kind"], identifier["value"]
        assert indexer.index(kind, value).hex() == identifier["index"]
        assert suppression.key(kind, value).hex() == identifier["suppression"]
    assert indexer.message_key(vector["message_id"]).hex() == vector["message_key"]
    assert commit(salt, detail).hex() == vector["commitment"]
    assert hash_key(vector["credential"]).hex() == vector["credential_hash"]


@cases(load("jwt")["vectors"])
def test_a_stored_token_verifies_or_fails_as_its_vector_says(vector: Vector) -> None:
    jwks, typ = load("jwt")["jwks"], load("jwt")["typ"]
    if "failure" in vector:
        with pytest.raises(SignatureInvalid) as caught:
            verify_jwt(vector["token"], jwks, typ)
        assert failure_of(caught) == vector["failure"]
    else:
        assert verify_jwt(vector["token"], jwks, typ) == vector["payload"]


@cases(load("note")["vectors"])
def test_a_stored_note_verifies_or_fails_as_its_vector_says(vector: Vector) -> None:
    name, _, encoded = load("note")["verifier"].split("+", 2)
    public = base64.b64decode(encoded)[1:]
    if "failure" in vector:
        with pytest.raises(SignatureInvalid) as caught:
            verify_note(vector["note"], name, public)
        assert failure_of(caught) == vector["failure"]
    else:
        assert verify_note(vector["note"], name, public) == vector["text"]
