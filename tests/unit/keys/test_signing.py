"""Signed documents: JWTs and notes."""

from __future__ import annotations

import base64
import pickle

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.keys.notes import sign_note, verifier_key, verify_note
from registry.keys.signing import SigningKey, sign_jwt, thumbprint, verify_jwt
from registry.model.errors import InvalidInput, SignatureInvalid

KEY, OTHER = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
JWKS = {"keys": [OTHER.public_jwk(), KEY.public_jwk()]}
TYP = "registry-certificate+jwt"
TOKEN = sign_jwt(KEY, {"erased": 3}, TYP)
NAME = "registry.test/audit"
NOTE = sign_note(KEY, NAME, "registry.test/audit\n3\nroot\n")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=6), json_values, max_size=4))
def test_what_was_signed_verifies(payload: dict[str, object]) -> None:
    assert verify_jwt(sign_jwt(KEY, payload, TYP), JWKS, TYP) == payload


def test_any_other_library_verifies_a_token() -> None:
    public = jwt.PyJWK(KEY.public_jwk())
    assert jwt.decode(TOKEN, public, algorithms=["EdDSA"]) == {"erased": 3}


def test_any_changed_character_of_a_token_is_found() -> None:
    for at, character in enumerate(TOKEN):
        for other in {"A", "B", "-", ".", "=", " "} - {character}:
            with pytest.raises(SignatureInvalid):
                verify_jwt(TOKEN[:at] + other + TOKEN[at + 1 :], JWKS, TYP)


@given(st.integers(0, len(TOKEN) - 1))
def test_a_truncated_token_is_refused(length: int) -> None:
    with pytest.raises(SignatureInvalid):
        verify_jwt(TOKEN[:length], JWKS, TYP)


@given(st.text(max_size=60))
def test_stray_text_is_no_token(text: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify_jwt(text, JWKS, TYP)


@pytest.mark.parametrize("header", ["W10", "MQ", "bnVsbA"], ids=["list", "number", "null"])
def test_a_header_that_is_no_object_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify_jwt(f"{header}.e30.AA", JWKS, TYP)


def test_a_payload_that_is_no_object_is_refused() -> None:
    headers = {"kid": KEY.key_id, "typ": TYP}
    token = jwt.PyJWS().encode(b"[]", KEY.private, algorithm="EdDSA", headers=headers)
    with pytest.raises(SignatureInvalid):
        verify_jwt(token, JWKS, TYP)


@pytest.mark.parametrize(
    "jwks",
    [{}, {"keys": "none"}, {"keys": [3]}, {"keys": []}, {"keys": [{**KEY.public_jwk(), "x": "AA"}]},
     {"keys": [{**OTHER.public_jwk(), "kid": KEY.key_id}]}, {"keys": [{"kty": "oct", "kid": KEY.key_id}]}],
)  # fmt: skip
def test_only_the_right_key_of_the_set_verifies(jwks: dict[str, object]) -> None:
    with pytest.raises(SignatureInvalid):
        verify_jwt(TOKEN, jwks, TYP)


def test_the_key_id_is_the_rfc_7638_thumbprint() -> None:
    # RFC 8037, appendix A.3.
    public = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_public_jwk_holds_nothing_private() -> None:
    assert set(KEY.public_jwk()) == {"alg", "crv", "kid", "kty", "use", "x"}


def test_a_signing_key_survives_encoding_and_hides_itself() -> None:
    again = SigningKey.decode(KEY.encode())
    assert again.public == KEY.public and again.key_id == KEY.key_id
    assert repr(KEY) == f"SigningKey({KEY.key_id}, secret hidden)"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


def test_generated_keys_differ() -> None:
    assert SigningKey.generate().public != SigningKey.generate().public


def test_a_payload_without_canonical_form_is_not_signed() -> None:
    with pytest.raises(InvalidInput):
        sign_jwt(KEY, {"ratio": 0.5}, TYP)


def test_the_example_of_the_go_note_package_verifies_and_is_reproduced() -> None:
    # golang.org/x/mod/sumdb/note, package example: its key pair is published for this purpose.
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = SigningKey(base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:])
    assert sign_note(key, "PeterNeumann", text) == f"{text}\n— PeterNeumann {signature}\n"
    assert verify_note(f"{text}\n— PeterNeumann {signature}\n", "PeterNeumann", key.public) == text
    assert verifier_key("PeterNeumann", key.public) == verifier


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n"), max_size=40))
def test_any_text_ending_in_a_newline_can_be_a_note(text: str) -> None:
    assert verify_note(sign_note(KEY, NAME, text + "\n"), NAME, KEY.public) == text + "\n"


def test_any_changed_character_of_a_note_is_found() -> None:
    for at, character in enumerate(NOTE):
        for other in {"A", "3", "\n", " ", "é", "\ud800"} - {character}:
            with pytest.raises(SignatureInvalid):
                verify_note(NOTE[:at] + other + NOTE[at + 1 :], NAME, KEY.public)


def test_witnesses_may_sign_beside_the_log() -> None:
    witness = sign_note(OTHER, "witness.test", "registry.test/audit\n3\nroot\n").rpartition("\n\n")[2]
    for name, public in ((NAME, KEY.public), ("witness.test", OTHER.public)):
        assert verify_note(NOTE + witness, name, public).startswith("registry.test/audit\n3\n")


def test_one_broken_signature_of_the_key_spoils_the_note() -> None:
    other_text = sign_note(KEY, NAME, "registry.test/audit\n4\nroot\n").rpartition("\n\n")[2]
    with pytest.raises(SignatureInvalid):
        verify_note(NOTE + other_text, NAME, KEY.public)


def test_a_note_with_endless_signatures_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        verify_note(NOTE + NOTE.rpartition("\n\n")[2] * 100, NAME, KEY.public)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\u2003b", "a\nb", "a\0b"])
def test_a_note_name_that_breaks_the_form_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        sign_note(KEY, name, "text\n")


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "cr\r\n", "\ud800\n"])
def test_a_note_text_that_breaks_the_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        sign_note(KEY, NAME, text)
