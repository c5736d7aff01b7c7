"""Signed notes (C2SP signed-note): text with signature lines, the form of audit checkpoints.

text, ending in a newline
(empty line)
— name base64(key hash | signature)
"""

from __future__ import annotations

import base64
import binascii
import re

from registry.keys.primitives import ed25519_verifies, sha256
from registry.keys.signing import SigningKey, invalid
from registry.model.errors import InvalidInput

_ED25519 = b"\x01"
_MARK = "\N{EM DASH} "
_HASH_BYTES = 4
_MAX_SIGNATURES = 100
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
"""ASCII control characters but the newline, and lone surrogates, which have no UTF-8."""


def sign_note(key: SigningKey, name: str, text: str) -> str:
    """The signed note of a text under a key name (for a log, its origin).

    Raises:
        InvalidInput: the name is empty or has white space or `+`; the text does not end in a newline,
            has control characters or is no Unicode text.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput("a note's key name has no white space and no plus sign")
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InvalidInput("a note's text ends in a newline and has no control characters")
    signature = base64.b64encode(_key_hash(name, key.public) + key.sign(text.encode())).decode()
    return f"{text}\n{_MARK}{name} {signature}\n"


def verify_note(note: str, name: str, public: bytes) -> str:
    """The text of a note, once a signature under this name and public key (32 bytes) verifies.

    Lines of other keys (witnesses) are passed over, as the specification asks.

    Raises:
        SignatureInvalid: `extra["failure"]` is `malformed`, `unknown-key` (this key has not signed it)
            or `altered`.
    """
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n") or _CONTROL.search(note):
        raise invalid("the note is malformed", "malformed")
    text += "\n"
    signatures = lines.removesuffix("\n").split("\n")
    if len(signatures) > _MAX_SIGNATURES:
        raise invalid("the note has too many signatures", "malformed")
    own = [signature for line in signatures if (signature := _signature_of(line, name, public)) is not None]
    if not own:
        raise invalid("the note is not signed by this key", "unknown-key")
    message = text.encode()
    if not all(ed25519_verifies(public, signature, message) for signature in own):
        raise invalid("the note's signature does not verify", "altered")
    return text


def verifier_key(name: str, public: bytes) -> str:
    """The C2SP verifier key `name+hash+base64(type | public key)`, which any note verifier takes."""
    encoded = base64.b64encode(_ED25519 + public).decode()
    return f"{name}+{_key_hash(name, public).hex()}+{encoded}"


def _key_hash(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public)[:_HASH_BYTES]


def _signature_of(line: str, name: str, public: bytes) -> bytes | None:
    """The signature of a line, if it is of this name and key; None for another's."""
    mark, rest = line[: len(_MARK)], line[len(_MARK) :]
    signer, separator, encoded = rest.partition(" ")
    try:
        data = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise invalid("the note is malformed", "malformed") from None
    canonical = base64.b64encode(data).decode() == encoded
    if mark != _MARK or not separator or not signer or len(data) <= _HASH_BYTES or not canonical:
        raise invalid("the note is malformed", "malformed")
    if signer != name or data[:_HASH_BYTES] != _key_hash(name, public):
        return None
    return data[_HASH_BYTES:]
