"""A real OpenID Connect issuer in a thread, as far as a verifier of its tokens sees one: discovery, keys, tokens."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECOND = 1_000_000
AUDIENCE = "the-shop"


@cache
def private_key(algorithm: str, name: str) -> Any:
    """A key of a test run, by algorithm and name."""
    if algorithm.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024 if name == "short" else 2048)


def public_jwk(algorithm: str, name: str) -> dict[str, Any]:
    """The public half of a key, as an issuer publishes it."""
    public = private_key(algorithm, name).public_key()
    shape: Any = ECAlgorithm if algorithm.startswith("ES") else OKPAlgorithm if algorithm == "EdDSA" else RSAAlgorithm
    return {**shape.to_jwk(public, as_dict=True), "kid": name, "use": "sig", "alg": algorithm}


@dataclass
class LoginService:
    """What the issuer publishes, and how often it was asked; tests change it as they go."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    padding: int = 0
    asked: list[str] = field(default_factory=list)

    def publish(self, algorithm: str = "ES256", name: str = "first") -> None:
        """Publish the public half of a key."""
        self.keys.append(public_jwk(algorithm, name))

    def token(
        self,
        now: int,
        algorithm: str = "ES256",
        key: str = "first",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token of somebody who signed in now (microseconds); a claim of None is left out."""
        at = now // SECOND
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "u-1", "iat": at, "exp": at + 600, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        named = {"kid": key, **(header or {})}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some keys are too short on purpose
            return jwt.encode(said, private_key(algorithm, key), algorithm=algorithm, headers=named)


@contextmanager
def login_service() -> Iterator[LoginService]:
    """An issuer on loopback, with one key, until the block ends."""
    service = LoginService()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.asked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                told = {"issuer": service.url, "jwks_uri": f"{service.url}/keys", **service.discovery}
            else:
                told = {"keys": service.keys, "padding": " " * service.padding}
            body = json.dumps(told).encode()
            self.send_response(service.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # the reader has heard enough

        def log_message(self, *_: Any) -> None:
            """Nothing is written."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    service.publish()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
