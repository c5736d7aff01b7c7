"""A certificate for OpenDSR that an authority issued: taken with its chain and key, or refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from registry.keys.certificates import CertifiedChain, PinnedCertificate
from registry.model.errors import KeyFileInsecure, SettingInvalid
from registry.settings import Settings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOST = "registry.example"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _issued(key: RSAPrivateKey, host: str, by: str, signer: RSAPrivateKey, *, days: int = 90) -> bytes:
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(host))
        .issuer_name(_name(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(signer, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def _pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def keys() -> tuple[RSAPrivateKey, RSAPrivateKey]:
    """An authority's key, and a server's."""
    return generate_private_key(65537, 2048), generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def chain(keys: tuple[RSAPrivateKey, RSAPrivateKey]) -> bytes:
    authority, server = keys
    return _issued(server, HOST, "An authority", authority) + _issued(
        authority, "An authority", "An authority", authority
    )


def test_an_issued_chain_signs_and_is_checked_by_its_first_certificate(
    keys: tuple[RSAPrivateKey, RSAPrivateKey], chain: bytes
) -> None:
    read = CertifiedChain.read(chain, _pem(keys[1]), HOST, NOW)
    assert read.pem.count("BEGIN CERTIFICATE") == 2
    assert PinnedCertificate.read(read.pem.encode()).signed(HOST, b"body", read.sign(b"body"), NOW)
    assert "PRIVATE" not in repr(read)


def test_what_cannot_stand_for_the_host_is_refused_with_the_reason(
    keys: tuple[RSAPrivateKey, RSAPrivateKey], chain: bytes
) -> None:
    authority, server = keys
    own = _issued(server, HOST, HOST, server)
    for pem, key, host, at, reason in (
        (chain, authority, HOST, NOW, "not that of the certificate"),
        (chain, server, "other.example", NOW, "does not name other.example"),
        (chain, server, HOST, NOW + timedelta(days=91), "not valid now"),
        (own, server, HOST, NOW, "signed by its own key"),
    ):
        with pytest.raises(ValueError, match=reason):
            CertifiedChain.read(pem, _pem(key), host, at)


def test_the_settings_name_both_files_and_the_host_and_the_key_is_private(
    tmp_path: Path, keys: tuple[RSAPrivateKey, RSAPrivateKey], chain: bytes
) -> None:
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.write_bytes(chain)
    key.write_bytes(_pem(keys[1]))
    key.chmod(0o600)
    named = {"opendsr_certificate": certificate, "opendsr_key": key, "public_url": f"https://{HOST}"}
    assert Settings(**named).opendsr_chain(NOW) is not None  # type: ignore[arg-type]
    assert Settings().opendsr_chain(NOW) is None
    for missing in ("opendsr_key", "public_url"):
        with pytest.raises(SettingInvalid, match="needs"):
            Settings(**(named | {missing: None})).opendsr_chain(NOW)  # type: ignore[arg-type]
    with pytest.raises(SettingInvalid, match=r"does not name wrong\.example"):
        Settings(**(named | {"public_url": "https://wrong.example"})).opendsr_chain(NOW)  # type: ignore[arg-type]
    key.chmod(0o644)
    with pytest.raises(KeyFileInsecure):
        Settings(**named).opendsr_chain(NOW)  # type: ignore[arg-type]
