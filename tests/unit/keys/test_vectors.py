"""The published vectors open with `cryptography` alone, by docs/reference/formats.md.

Nothing of Registry is imported here: whoever keeps the keys and that page can read the data.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VECTORS = Path(__file__).parents[2] / "vectors"
Vector = dict[str, Any]


class Failure(Exception):
    """Why a vector does not open, as its class."""


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def cases(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def key_id(key: bytes) -> bytes:
    return mac(key, b"registry/key-id/v1")[:4]


def record_aad(*values: bytes) -> bytes:
    return b"".join(u16(len(value)) for value in values) + b"".join(values)


def decrypt(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], aad)
    except InvalidTag:
        raise Failure("altered") from None


def open_envelope(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < 33:
        raise Failure("truncated")
    if sealed[0] != 0x01:
        raise Failure("unknown-version")
    if sealed[1:5] != key_id(key):
        raise Failure("wrong-key")
    return decrypt(key, sealed[5:], sealed[:5] + aad)


def open_parts(blob: bytes, keys: dict[str, bytes], aad: bytes, compartments: list[str] | None) -> dict[str, Any]:
    if not blob:
        raise Failure("truncated")
    if blob[0] != 0x11:
        raise Failure("unknown-version")
    count, length = int.from_bytes(blob[1:3], "big"), int.from_bytes(blob[3:7], "big")
    prelude, body = blob[: 7 + length], blob[7 + length :]
    if len(blob) < 7 + length:
        raise Failure("truncated")
    entries, rest = [], prelude[7:]
    while rest:
        name_length = int.from_bytes(rest[:2], "big")
        name, stated = rest[2 : 2 + name_length], rest[2 + name_length : 6 + name_length]
        entries.append((name, int.from_bytes(stated, "big")))
        rest = rest[6 + name_length :]
    if len(body) < sum(size for _, size in entries):
        raise Failure("truncated")
    if len(entries) != count or len(body) > sum(size for _, size in entries):
        raise Failure("malformed")
    opened: dict[str, str] = {}
    withheld, shredded = [], []
    for name, size in entries:
        sealed, body = body[:size], body[size:]
        if compartments is not None and name.decode() not in compartments:
            withheld.append(name.decode())
        elif name.decode() not in keys:
            shredded.append(name.decode())
        else:
            opened[name.decode()] = open_envelope(keys[name.decode()], sealed, aad + prelude + name).hex()
    return {"opened": opened, "withheld": withheld, "shredded": shredded}


def open_bundle(kek: bytes, wrapped: bytes, aad: bytes) -> dict[str, str]:
    if len(wrapped) < 37:
        raise Failure("truncated")
    if wrapped[0] != 0x31:
        raise Failure("unknown-version")
    if wrapped[5:9] != key_id(kek):
        raise Failure("wrong-key")
    data = decrypt(hkdf(kek, b"registry/wrap/v1/" + aad), wrapped[9:], wrapped[:9] + aad)
    assert data[0] == 0x21
    keys, rest = {}, data[3:]
    while rest:
        end = 2 + int.from_bytes(rest[:2], "big")
        keys[rest[2:end].decode()] = rest[end : end + 32].hex()
        rest = rest[end + 32 :]
    assert len(keys) == int.from_bytes(data[1:3], "big")
    return keys


def from_base64url(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise Failure("malformed")
    return data


def verify_token(token: str, jwks: Vector, typ: str) -> Any:
    if token.count(".") != 2:
        raise Failure("malformed")
    header, payload, signature = (from_base64url(segment) for segment in token.split("."))
    claims = json.loads(header)
    keys = {key["kid"]: from_base64url(key["x"]) for key in jwks["keys"]}
    if claims["alg"] != "EdDSA":
        raise Failure("wrong-algorithm")
    if claims["typ"] != typ:
        raise Failure("wrong-type")
    if "crit" in claims:
        raise Failure("unknown-extension")
    if claims["kid"] not in keys:
        raise Failure("unknown-key")
    verify(keys[claims["kid"]], signature, token.rpartition(".")[0].encode())
    return json.loads(payload)


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise Failure("altered") from None


def verify_note(note: str, verifier: str) -> str:
    name, identity, encoded = verifier.split("+", 2)
    text, blank, lines = note.rpartition("\n\n")
    if not blank or "\r" in note or not note.endswith("\n"):
        raise Failure("malformed")
    verified = False
    for line in lines.splitlines():
        dash, signer, data = line.split(" ")
        signature = base64.b64decode(data)
        if dash == "—" and signer == name and signature[:4].hex() == identity:
            verify(base64.b64decode(encoded)[1:], signature[4:], (text + "\n").encode())
            verified = True
    if not verified:
        raise Failure("unknown-key")
    return text + "\n"


@cases(load("envelope"))
def test_an_envelope_opens_by_the_published_format(vector: Vector) -> None:
    aad = record_aad(*(bytes.fromhex(vector[part]) for part in ("kind", "workspace", "fragment", "record", "field")))
    key, sealed = bytes.fromhex(vector["key"]), bytes.fromhex(vector["sealed"])
    if "failure" in vector:
        with pytest.raises(Failure, match=f"^{vector['failure']}$"):
            open_envelope(key, sealed, aad)
    else:
        assert open_envelope(key, sealed, aad).hex() == vector["plaintext"]


@cases(load("parts"))
def test_parts_open_by_the_published_format(vector: Vector) -> None:
    keys = {name: bytes.fromhex(key) for name, key in vector["keys"].items()}
    arguments = (bytes.fromhex(vector["sealed"]), keys, bytes.fromhex(vector["aad"]), vector["compartments"])
    if "failure" in vector:
        with pytest.raises(Failure, match=f"^{vector['failure']}$"):
            open_parts(*arguments)
    else:
        assert open_parts(*arguments) == {k: vector[k] for k in ("opened", "withheld", "shredded")}


@cases(load("bundle"))
def test_a_bundle_unwraps_by_the_published_format(vector: Vector) -> None:
    workspace, fragment = bytes.fromhex(vector["workspace"]), bytes.fromhex(vector["fragment"])
    aad = record_aad(b"key-bundle", workspace, fragment, b"", b"")
    kek, wrapped = bytes.fromhex(vector["kek"]), bytes.fromhex(vector["wrapped"])
    if "failure" in vector:
        with pytest.raises(Failure, match=f"^{vector['failure']}$"):
            open_bundle(kek, wrapped, aad)
    else:
        assert open_bundle(kek, wrapped, aad) == vector["keys"]
        assert int.from_bytes(wrapped[1:5], "big") == vector["generation"]


def test_the_hashes_follow_the_published_format() -> None:
    vector = load("hashes")
    root, suppression_root = bytes.fromhex(vector["root"]), bytes.fromhex(vector["suppression_root"])
    for identifier in vector["identifiers"]:
        kind, value = identifier["kind"].encode(), identifier["value"].encode()
        assert mac(hkdf(root, b"registry/blind-index/" + kind), value)[:16].hex() == identifier["index"]
        suppressed = mac(hkdf(suppression_root, b"registry/suppression/" + kind), value)[:16]
        assert suppressed.hex() == identifier["suppression"]
    message_key = mac(hkdf(root, b"registry/message-key"), vector["message_id"].encode())[:16]
    assert message_key.hex() == vector["message_key"]
    assert mac(bytes.fromhex(vector["salt"]), bytes.fromhex(vector["detail"])).hex() == vector["commitment"]
    assert hashlib.sha256(vector["credential"].encode()).hexdigest() == vector["credential_hash"]


@cases(load("jwt")["vectors"])
def test_a_token_verifies_by_the_published_format(vector: Vector) -> None:
    jwks, typ = load("jwt")["jwks"], load("jwt")["typ"]
    if "failure" in vector:
        with pytest.raises(Failure, match=f"^{vector['failure']}$"):
            verify_token(vector["token"], jwks, typ)
    else:
        assert verify_token(vector["token"], jwks, typ) == vector["payload"]


@cases(load("note")["vectors"])
def test_a_note_verifies_by_the_published_format(vector: Vector) -> None:
    verifier = load("note")["verifier"]
    if "failure" in vector:
        with pytest.raises(Failure, match=f"^{vector['failure']}$"):
            verify_note(vector["note"], verifier)
    else:
        assert verify_note(vector["note"], verifier) == vector["text"]
