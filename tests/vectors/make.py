"""Write the vectors of docs/reference/formats.md: run once for each new format version, then keep the files.

    python -m tests.vectors.make

All keys are fixed and synthetic; nonces are random, so running it again gives other, equally valid files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt

from registry.keys.blind_index import BlindIndexer, SuppressionIndexer
from registry.keys.bundle import Bundle, bundle_aad
from registry.keys.commitment import commit
from registry.keys.credentials import hash_key
from registry.keys.envelope import DataKey, record_aad, seal
from registry.keys.kek import Kek
from registry.keys.notes import sign_note, verifier_key
from registry.keys.parts import seal_parts
from registry.keys.signing import SigningKey, sign_jwt
from registry.model.compartment import Compartment
from registry.model.ids import FragmentId, WorkspaceId

HERE = Path(__file__).parent
WORKSPACE, OTHER_WORKSPACE = bytes(range(16)), bytes(range(1, 17))
FRAGMENT, OTHER_FRAGMENT = bytes(range(16, 32)), bytes(range(17, 33))
RECORD = bytes(range(32, 48))
KEY, OTHER_KEY = b"\x11" * 32, b"\x22" * 32
SERVICE, MARKETING = Compartment("service"), Compartment("analytics+marketing")
Vector = dict[str, Any]


def flipped(data: bytes, at: int) -> bytes:
    """The bytes with the lowest bit of one byte turned over."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def envelopes() -> list[Vector]:
    """One envelope that opens, an empty one, and one for each way of not opening."""
    place = {"kind": b"event", "workspace": WORKSPACE, "fragment": FRAGMENT, "record": RECORD, "field": b"body"}
    plaintext = '{"colour":"vert","größe":42}'.encode()
    sealed = seal(DataKey(KEY), plaintext, record_aad(*place.values()))

    def vector(name: str, outcome: Vector, data: bytes = sealed, key: bytes = KEY, **moved: bytes) -> Vector:
        where = {part: value.hex() for part, value in (place | moved).items()}
        return {"name": name, "key": key.hex(), **where, "sealed": data.hex(), **outcome}

    altered = {"failure": "altered"}
    empty = seal(DataKey(KEY), b"", record_aad(*place.values()))
    return [
        vector("opens", {"plaintext": plaintext.hex()}),
        vector("an empty value opens", {"plaintext": ""}, empty),
        vector("nonce altered", altered, flipped(sealed, 5)),
        vector("ciphertext altered", altered, flipped(sealed, 20)),
        vector("tag altered", altered, flipped(sealed, -1)),
        vector("last byte missing", altered, sealed[:-1]),
        vector("byte appended", altered, sealed + b"\0"),
        vector("moved to another kind", altered, kind=b"trait"),
        vector("moved to another workspace", altered, workspace=OTHER_WORKSPACE),
        vector("moved to another fragment", altered, fragment=OTHER_FRAGMENT),
        vector("moved to another record", altered, record=FRAGMENT),
        vector("moved to another field", altered, field=b"name"),
        vector("field boundary moved", altered, record=RECORD + b"b", field=b"ody"),
        vector("sealed under another key", {"failure": "wrong-key"}, key=OTHER_KEY),
        vector("key id altered", {"failure": "wrong-key"}, flipped(sealed, 1)),
        vector("unknown version", {"failure": "unknown-version"}, b"\x02" + sealed[1:]),
        vector("shorter than any envelope", {"failure": "truncated"}, sealed[:32]),
        vector("nothing at all", {"failure": "truncated"}, b""),
    ]


def parts() -> list[Vector]:
    """Two parts under two compartments, opened with more and fewer grants and keys, and broken."""
    keys = {SERVICE: DataKey(KEY), MARKETING: DataKey(OTHER_KEY)}
    aad = record_aad(b"event", WORKSPACE, FRAGMENT, RECORD, b"body")
    values = {SERVICE: b"order 1", MARKETING: b"newsletter"}
    sealed = seal_parts(keys, list(values.items()), aad)
    everything: Vector = {
        "opened": {name: value.hex() for name, value in values.items()}, "withheld": [], "shredded": []
    }  # fmt: skip

    def vector(name: str, outcome: Vector, data: bytes = sealed, **other: Any) -> Vector:
        start: Vector = {
            "keys": {name: key.reveal().hex() for name, key in keys.items()},
            "compartments": None,
            "aad": aad.hex(),
        }
        return {"name": name, **start, **other, "sealed": data.hex(), **outcome}

    only_service = {"opened": {SERVICE: values[SERVICE].hex()}}
    contents = int.from_bytes(sealed[3:7], "big")
    return [
        vector("opens", everything),
        vector("no parts", {"opened": {}, "withheld": [], "shredded": []}, seal_parts(keys, [], aad)),
        vector("a compartment withheld", only_service | {"withheld": [MARKETING], "shredded": []},
               compartments=[SERVICE]),
        vector("a compartment shredded", only_service | {"withheld": [], "shredded": [MARKETING]},
               keys={SERVICE: KEY.hex()}),
        vector("withheld goes before shredded", only_service | {"withheld": [MARKETING], "shredded": []},
               keys={SERVICE: KEY.hex()}, compartments=[SERVICE]),
        vector("a compartment's name altered", {"failure": "altered"}, flipped(sealed, 9 + 6),
               keys={MARKETING: OTHER_KEY.hex()}),
        vector("another record", {"failure": "altered"},
               aad=record_aad(b"event", WORKSPACE, FRAGMENT, FRAGMENT, b"body").hex()),
        vector("keys exchanged", {"failure": "wrong-key"},
               keys={SERVICE: OTHER_KEY.hex(), MARKETING: KEY.hex()}),
        vector("unknown version", {"failure": "unknown-version"}, b"\x01" + sealed[1:]),
        vector("cut short in a part", {"failure": "truncated"}, sealed[:-1]),
        vector("cut short in the contents", {"failure": "truncated"}, sealed[: 7 + contents - 1]),
        vector("byte appended", {"failure": "malformed"}, sealed + b"\0"),
        vector("more parts stated than listed", {"failure": "malformed"}, flipped(sealed, 2)),
        vector("nothing at all", {"failure": "truncated"}, b""),
    ]  # fmt: skip


def bundles() -> list[Vector]:
    """One wrapped bundle, and one for each way of not unwrapping."""
    bundle = Bundle({SERVICE: DataKey(KEY), MARKETING: DataKey(OTHER_KEY)})
    workspace, fragment = WorkspaceId(WORKSPACE), FragmentId(FRAGMENT)
    wrapped = Kek(b"\x33" * 32, 7).wrap(bundle.encode(), bundle_aad(workspace, fragment))

    def vector(name: str, outcome: Vector, data: bytes = wrapped, **other: bytes) -> Vector:
        start = {"kek": b"\x33" * 32, "workspace": WORKSPACE, "fragment": FRAGMENT} | other
        return {"name": name, **{k: v.hex() for k, v in start.items()}, "wrapped": data.hex(), **outcome}

    keys = {name: key.reveal().hex() for name, key in bundle.items()}
    return [
        vector("opens", {"generation": 7, "keys": keys}),
        vector("another fragment's", {"failure": "altered"}, fragment=OTHER_FRAGMENT),
        vector("another workspace's", {"failure": "altered"}, workspace=OTHER_WORKSPACE),
        vector("generation altered", {"failure": "altered"}, flipped(wrapped, 4)),
        vector("tag altered", {"failure": "altered"}, flipped(wrapped, -1)),
        vector("under another KEK", {"failure": "wrong-key"}, kek=KEY),
        vector("unknown version", {"failure": "unknown-version"}, b"\x01" + wrapped[1:]),
        vector("cut short", {"failure": "truncated"}, wrapped[:36]),
    ]


def hashes() -> Vector:
    """Blind indexes, suppression keys, commitments and credential hashes."""
    indexer, suppression = BlindIndexer(KEY), SuppressionIndexer(OTHER_KEY)
    identifiers = [("email", "ada@example.test"), ("user_id", "ada@example.test"), ("phone", "+33123456789")]
    return {
        "root": KEY.hex(),
        "suppression_root": OTHER_KEY.hex(),
        "identifiers": [
            {"kind": k, "value": v, "index": indexer.index(k, v).hex(), "suppression": suppression.key(k, v).hex()}
            for k, v in identifiers
        ],
        "message_id": "message-1",
        "message_key": indexer.message_key("message-1").hex(),
        "salt": KEY.hex(),
        "detail": b"detail".hex(),
        "commitment": commit(KEY, b"detail").hex(),
        "credential": "rg_write_synthetic",
        "credential_hash": hash_key("rg_write_synthetic").hex(),
    }


def tokens() -> Vector:
    """A signed document, and one for each way of not verifying."""
    key, other = SigningKey(KEY), SigningKey(OTHER_KEY)
    typ, payload = "registry-certificate+jwt", {"iss": "registry", "erased": 3}
    token = sign_jwt(key, payload, typ)
    header, body, signature = token.split(".")
    unsigned = jwt.encode(payload, "", algorithm="none", headers={"kid": key.key_id, "typ": typ})
    confused = jwt.encode(payload, key.public, algorithm="HS256", headers={"kid": key.key_id, "typ": typ})
    critical = {"kid": key.key_id, "typ": typ, "crit": ["exp"]}
    extended = jwt.PyJWS().encode(b"{}", key.private, algorithm="EdDSA", headers=critical)
    swapped = sign_jwt(key, {"erased": 4}, typ).split(".")[1]
    cases: list[tuple[str, str, Vector]] = [
        ("verifies", token, {"payload": payload}),
        ("payload exchanged", f"{header}.{swapped}.{signature}", {"failure": "altered"}),
        ("algorithm none", unsigned, {"failure": "wrong-algorithm"}),
        ("HMAC with the public key", confused, {"failure": "wrong-algorithm"}),
        ("a receipt shown as a certificate", sign_jwt(key, payload, "registry-receipt+jwt"),
         {"failure": "wrong-type"}),
        ("key not in the set", sign_jwt(other, payload, typ), {"failure": "unknown-key"}),
        ("critical extension", extended, {"failure": "unknown-extension"}),
        ("padded segment", f"{header}.{body}.{signature}==", {"failure": "malformed"}),
        ("two segments", f"{header}.{body}", {"failure": "malformed"}),
        ("nothing at all", "", {"failure": "malformed"}),
    ]  # fmt: skip
    return {
        "typ": typ,
        "jwks": {"keys": [key.public_jwk()]},
        "vectors": [{"name": name, "token": text, **outcome} for name, text, outcome in cases],
    }


def notes() -> Vector:
    """A signed checkpoint, and one for each way of not verifying."""
    key, other, name = SigningKey(KEY), SigningKey(OTHER_KEY), "registry.test/audit"
    text = "registry.test/audit\n3\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n"
    note = sign_note(key, name, text)
    witness = sign_note(other, "witness.test", text).rpartition("\n\n")[2]
    cases: list[tuple[str, str, Vector]] = [
        ("verifies", note, {"text": text}),
        ("with a witness", note + witness, {"text": text}),
        ("text altered", note.replace("\n3\n", "\n4\n"), {"failure": "altered"}),
        ("another key", sign_note(other, name, text), {"failure": "unknown-key"}),
        ("another name", sign_note(key, "registry.test/other", text), {"failure": "unknown-key"}),
        ("no signature", text, {"failure": "malformed"}),
        ("last newline missing", note[:-1], {"failure": "malformed"}),
        ("carriage return", note.replace("\n3\n", "\r\n3\n"), {"failure": "malformed"}),
    ]
    return {
        "verifier": verifier_key(name, key.public),
        "vectors": [{"name": case, "note": data, **outcome} for case, data, outcome in cases],
    }


def main() -> None:
    """Write every file beside this one."""
    for name, content in {
        "envelope": envelopes(), "parts": parts(), "bundle": bundles(),
        "hashes": hashes(), "jwt": tokens(), "note": notes(),
    }.items():  # fmt: skip
        path = HERE / f"{name}.json"
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
