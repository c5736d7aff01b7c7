"""RSA keys with an X.509 certificate of their own (RFC 5280), for protocols that publish one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Self

from registry.keys.primitives import rsa_key, rsa_sign, rsa_verifies

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

VALID_DAYS = 3650


class CertifiedKey:
    """A private RSA key. The `repr` hides it and it cannot be pickled."""

    __slots__ = ("_private",)

    def __init__(self, private: RSAPrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls(rsa_key())

    def certificate(self, domain: str, now: datetime) -> str:
        """The key's certificate for a host name, signed by itself, in PEM."""
        from cryptography import x509
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding

        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, domain[:64])])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=VALID_DAYS))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._private, SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode()

    def sign(self, message: bytes) -> bytes:
        """The RSASSA-PKCS1-v1_5 signature over the SHA-256 of a message."""
        return rsa_sign(self._private, message)

    def is_of(self, public: object) -> bool:
        """Whether a public key is that of this private one."""
        return self._private.public_key() == public

    def encode(self) -> str:
        """The private key in PEM (PKCS #8), only for sealing it."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """The key of `encode`.

        Raises:
            ValueError: the text is not a private RSA key.
        """
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        found = load_pem_private_key(text.encode(), password=None)
        if not isinstance(found, RSAPrivateKey):
            raise ValueError("this is no RSA key")
        return cls(found)

    def __repr__(self) -> str:
        return "CertifiedKey(secret hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not to be serialised")


class CertifiedChain:
    """A certificate that an authority issued, with its chain and its private key. The `repr` hides the key."""

    __slots__ = ("_key", "pem")

    def __init__(self, pem: str, key: CertifiedKey) -> None:
        self.pem = pem
        self._key = key

    @classmethod
    def read(cls, pem: bytes, key: bytes, domain: str, at: datetime) -> Self:
        """The chain of a PEM text, the certificate itself first, with its key.

        Args:
            domain: the host name that it is to be published under.

        Raises:
            ValueError: one of them cannot be read, the key is not the certificate's, it does not name the host, it is
                not valid at this time, or it is signed by its own key (specification section 4.1).
        """
        from cryptography import x509

        own = x509.load_pem_x509_certificates(pem)[0]
        if not PinnedCertificate.read(pem).names(domain, at):
            raise ValueError(f"it is not valid now, or does not name {domain}")
        if own.issuer == own.subject:
            raise ValueError("it is signed by its own key: leave the setting out, one is made")
        private = CertifiedKey.decode(key.decode())
        if not private.is_of(own.public_key()):
            raise ValueError("the key is not that of the certificate")
        return cls(pem.decode(), private)

    def sign(self, message: bytes) -> bytes:
        """The RSASSA-PKCS1-v1_5 signature over the SHA-256 of a message."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return "CertifiedChain(key hidden)"


class PinnedCertificate:
    """Somebody else's certificate, which an operator has reviewed: it holds whoever issued it, while it is valid."""

    __slots__ = ("_domains", "_public", "_since", "_until")

    def __init__(self, public: RSAPublicKey, domains: frozenset[str], since: datetime, until: datetime) -> None:
        self._public = public
        self._domains = domains
        self._since = since
        self._until = until

    @classmethod
    def read(cls, pem: bytes) -> Self:
        """The certificate of a PEM text.

        Raises:
            ValueError: it is none, its key is not RSA, or it names no host.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

        found = x509.load_pem_x509_certificate(pem)
        public = found.public_key()
        if not isinstance(public, RSAPublicKey):
            raise ValueError("its key is not RSA")
        try:
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            raise ValueError("it names no host") from None
        domains = frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName))
        return cls(public, domains, found.not_valid_before_utc, found.not_valid_after_utc)

    def signed(self, domain: str, body: bytes, signature: bytes, at: datetime) -> bool:
        """Whether it names this host, is valid at this time, and the signature over the bytes is by its key."""
        return self.names(domain, at) and rsa_verifies(self._public, signature, body)

    def names(self, domain: str, at: datetime) -> bool:
        """Whether it names this host, and is valid at this time."""
        return domain.lower() in self._domains and self._since <= at <= self._until
