"""Who a person is by the company's own login, against a real issuer on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest

from registry.connectors.outgoing import Outgoing
from registry.documents import parse
from registry.dsr.requests import Kind
from registry.flows.deployment import Deployment
from registry.flows.dsr import intake, proving
from registry.flows.identity.login import LoggedIn, issuers_of, logged_in
from registry.model.clock import SECOND
from registry.model.errors import DocumentInvalid, InvalidInput, LinkedSystemUnavailable, Unauthenticated
from registry.model.ids import text_id
from tests.conftest import SetClock
from tests.factories import identify
from tests.issuer import LoginService, login_service, private_key, public_jwk
from tests.simulator import RegistrySimulator, Tenant

CLAIMS = {"sub": "user_id", "email": "email", "phone_number": "phone"}


@pytest.fixture
def service() -> Iterator[LoginService]:
    with login_service() as made:
        yield made


class Door:
    """A workspace whose people sign in at a service."""

    def __init__(self, tenant: Tenant, service: LoginService, **entry: Any) -> None:
        self.tenant, self.service = tenant, service
        self.deployment = trusting(tenant, service, **entry)

    def enter(self, token: str, **more: Any) -> LoggedIn:
        return logged_in(self.deployment, self.tenant.workspace, token, **more)

    def refuses(self, token: str, why: str, **more: Any) -> None:
        with pytest.raises(Unauthenticated, match=why):
            self.enter(token, **more)

    def token(self, **claims: Any) -> str:
        return self.service.token(self.deployment.clock(), **claims)


def trusting(tenant: Tenant, service: LoginService, **entry: Any) -> Deployment:
    """The tenant's deployment with one issuer."""
    deployment = tenant.registry.deployment
    login = {
        "issuer": service.url, "audience": "the-shop", "workspaces": [text_id(tenant.workspace_id)], "claims": CLAIMS,
    } | entry  # fmt: skip
    document = parse(json.dumps({"version": 1, "logins": [login]}), file="logins.yaml")
    issuers = issuers_of(document, deployment.policies.identity, Outgoing(), deployment.clock)
    return replace(deployment, logins=issuers)


@pytest.fixture
def tenant(sqlite_registry: RegistrySimulator) -> Tenant:
    """No table is touched: one engine is enough."""
    return sqlite_registry.tenant()


@pytest.fixture
def clock(sqlite_registry: RegistrySimulator) -> SetClock:
    assert isinstance(sqlite_registry.clock, SetClock)
    return sqlite_registry.clock


@pytest.fixture
def door(tenant: Tenant, service: LoginService) -> Door:
    return Door(tenant, service)


def test_a_token_becomes_identifiers_the_strongest_kind_first(door: Door) -> None:
    found = door.enter(
        door.token(
            email="Shopper@Example.com", email_verified=True, phone_number="+14155550100", phone_number_verified=True
        )
    )
    assert [(one.kind, one.value) for one in found.identifiers] == [
        ("user_id", "u-1"), ("email", "shopper@example.com"), ("phone", "+14155550100"),
    ]  # fmt: skip
    assert found.person == found.identifiers[0]
    assert found.issuer == door.service.url


def test_what_the_issuer_has_not_verified_does_not_count(door: Door) -> None:
    for said in (False, "true", 1, None):
        found = door.enter(door.token(email="other@example.com", email_verified=said))
        assert [one.kind for one in found.identifiers] == ["user_id"]
    door.refuses(door.token(sub=None, email="other@example.com"), "names nobody")
    door.refuses(door.token(sub="undefined"), "names nobody")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_each_asymmetric_algorithm_that_is_named_is_taken(
    tenant: Tenant, service: LoginService, algorithm: str
) -> None:
    service.publish(algorithm, "another")
    door = Door(tenant, service, algorithms=[algorithm])
    assert door.enter(door.token(algorithm=algorithm, key="another")).person.value == "u-1"


def test_an_algorithm_that_was_not_named_is_not_taken(door: Door) -> None:
    door.service.publish("EdDSA", "edwards")
    door.refuses(door.token(algorithm="EdDSA", key="edwards"), "algorithm")


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token put together by hand; without a signature where there is no secret."""
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in (header, claims)]
    signed = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest() if secret is not None else b""
    return ".".join([*parts, base64.urlsafe_b64encode(signed).rstrip(b"=").decode()])


def test_no_signature_and_a_published_key_used_as_a_secret_are_refused(door: Door) -> None:
    claims = jwt.decode(door.token(), options={"verify_signature": False})
    door.refuses(forged({"alg": "none", "kid": "first"}, claims), "algorithm")
    door.refuses(forged({"alg": "None", "kid": "first"}, claims), "algorithm")
    for secret in (json.dumps(public_jwk("ES256", "first")).encode(), b""):
        door.refuses(forged({"alg": "HS256", "kid": "first"}, claims, secret), "algorithm")


def test_keys_that_the_token_brings_along_are_not_looked_at(door: Door) -> None:
    own = public_jwk("ES256", "intruder")
    for header in (
        {"jwk": own},
        {"jwk": own, "kid": "first"},
        {"jku": "http://127.0.0.1:9/keys"},
        {"x5u": "http://127.0.0.1:9/"},
    ):
        door.refuses(door.token(key="intruder", header=header), "no key of its issuer")


def test_a_key_serves_only_its_own_algorithm_curve_and_use(tenant: Tenant, service: LoginService) -> None:
    door = Door(tenant, service, algorithms=["RS256", "PS256", "ES256", "ES384"])
    service.keys = [public_jwk("RS256", "rsa")]  # says that it is for RS256
    door.refuses(door.token(algorithm="PS256", key="rsa"), "no key")
    tenant.registry.clock.pass_by(seconds=31)  # type: ignore[attr-defined]
    service.keys = [public_jwk("ES384", "curve") | {"alg": "ES256"}, public_jwk("RS256", "short")]
    door.refuses(door.token(algorithm="ES384", key="curve"), "no key")
    door.refuses(door.token(algorithm="RS256", key="short"), "no key")
    tenant.registry.clock.pass_by(seconds=31)  # type: ignore[attr-defined]
    service.keys = [public_jwk("ES256", "first") | {"use": "enc"}, public_jwk("ES256", "first") | {"key_ops": ["sign"]}]
    tenant.registry.clock.pass_by(seconds=601)  # type: ignore[attr-defined]
    door.refuses(door.token(), "no key")


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://elsewhere.example.com"}, "not known here"),
        ({"iss": None}, "names no issuer"),
        ({"aud": "another-app"}, "not known here"),
        ({"aud": None}, "not known here"),
        ({"aud": ["another-app", "the-shop"], "azp": "another-app"}, "somebody else"),
        ({"exp": None}, "from when to when"),
        ({"iat": None}, "from when to when"),
        ({"exp": "tomorrow"}, "from when to when"),
        ({"exp": True}, "from when to when"),
        ({"exp": 1e300}, "from when to when"),
        ({"iat": -1}, "from when to when"),
        ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "no login token"),
        ({"sub": None}, "names nobody"),
        ({"sub": 7}, "malformed|names nobody"),
    ],
)
def test_claims_that_do_not_hold_are_refused(door: Door, claims: dict[str, Any], why: str) -> None:
    sub = claims.get("sub")
    if isinstance(sub, int):  # the issuer's library would not write it
        told = jwt.decode(door.token(), options={"verify_signature": False}) | claims
        key = private_key("ES256", "first")
        token = jwt.PyJWS().encode(json.dumps(told).encode(), key, algorithm="ES256", headers={"kid": "first"})
        door.refuses(token, why)
        return
    door.refuses(door.token(**claims), why)


def test_of_several_audiences_one_must_be_ours(door: Door) -> None:
    assert door.enter(door.token(aud=["another-app", "the-shop"], azp="the-shop")).person.value == "u-1"
    assert door.enter(door.token(aud=["the-shop"])).person.value == "u-1"


def test_a_token_holds_from_its_issuing_to_its_end_and_no_longer_than_the_operator_says(
    tenant: Tenant, service: LoginService
) -> None:
    door, now = Door(tenant, service, max_age_s=300), tenant.registry.clock() // SECOND
    assert door.enter(door.token(iat=now + 59))
    door.refuses(door.token(iat=now + 61), "not hold yet")
    door.refuses(door.token(nbf=now + 61), "not hold yet")
    door.refuses(door.token(nbf="soon"), "not hold yet")
    assert door.enter(door.token(exp=now - 59))
    door.refuses(door.token(exp=now - 60), "expired")
    assert door.enter(door.token(iat=now - 359))
    door.refuses(door.token(iat=now - 360, exp=now + 10_000), "expired")


def test_a_token_that_was_asked_for_carries_the_nonce(door: Door) -> None:
    assert door.enter(door.token(nonce="n-1"), nonce="n-1")
    for nonce in (None, "n-2", ["n-1"]):
        door.refuses(door.token(nonce=nonce), "not asked for", nonce="n-1")


@pytest.mark.parametrize("typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", 7])
def test_other_kinds_of_jwt_are_refused(door: Door, typ: Any) -> None:
    door.refuses(door.token(header={"typ": typ}), "no login token|malformed")


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "e30.e30.", "e30.W10.", "x" * 20_000, "é.é.é", "e30.e30.e30.e30"]
)
def test_what_is_no_token_is_refused(door: Door, token: str) -> None:
    door.refuses(token, "malformed|names no issuer")


def test_an_altered_token_is_refused(door: Door) -> None:
    header, payload, signature = door.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"sub": "u-2"}
    other = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    door.refuses(f"{header}.{other}.{signature}", "no key of its issuer")


def test_a_login_of_one_workspace_opens_no_other(sqlite_registry: RegistrySimulator, door: Door) -> None:
    other = sqlite_registry.tenant()  # of the same name
    with pytest.raises(Unauthenticated, match="not known here"):
        logged_in(door.deployment, other.workspace, door.token())


def test_keys_are_asked_for_once_and_again_for_a_new_one(door: Door, clock: SetClock) -> None:
    assert door.service.asked == []  # not before a token comes
    for _ in range(5):
        door.enter(door.token())
    assert door.service.asked == ["/.well-known/openid-configuration", "/keys"]
    door.service.publish("ES256", "second")
    door.refuses(door.token(key="second"), "no key")  # two questions a minute at most, whatever tokens come
    clock.pass_by(seconds=31)
    assert door.enter(door.token(key="second"))
    for _ in range(5):
        door.refuses(door.token(key="nobody's"), "no key")
    assert len(door.service.asked) == 4


def test_a_key_that_was_taken_back_counts_for_ten_minutes_at_most(door: Door, clock: SetClock) -> None:
    door.enter(door.token())
    door.service.keys.clear()
    clock.pass_by(seconds=599)
    assert door.enter(door.token())
    clock.pass_by(seconds=2)
    door.refuses(door.token(), "no key")


def test_an_issuer_that_is_gone_lets_nobody_new_in_after_an_hour(door: Door, clock: SetClock) -> None:
    door.enter(door.token())
    door.service.status = 503
    for _ in range(5):
        clock.pass_by(seconds=700)
        assert door.enter(door.token())
    clock.pass_by(seconds=101)
    for _ in range(3):
        with pytest.raises(LinkedSystemUnavailable):
            door.enter(door.token())
    door.service.status = 200
    clock.pass_by(seconds=31)
    assert door.enter(door.token())


@pytest.mark.parametrize(
    "wrong",
    [
        {"discovery": {"issuer": "https://elsewhere.example.com"}},
        {"discovery": {"jwks_uri": "http://keys.example.com/keys"}},  # not by TLS
        {"discovery": {"jwks_uri": "http://169.254.169.254/keys"}},
        {"discovery": {"jwks_uri": 7}},
        {"padding": 300_000},
        {"status": 302},
        {"keys": "none"},
    ],
)
def test_keys_that_are_not_the_issuers_own_let_nobody_in(door: Door, wrong: dict[str, Any]) -> None:
    for name, value in wrong.items():
        setattr(door.service, name, value)
    with pytest.raises(LinkedSystemUnavailable):
        door.enter(door.token())


def test_broken_keys_among_good_ones_do_no_harm(door: Door) -> None:
    door.service.keys[:0] = [{}, {"kty": "EC"}, {"kty": "EC", "crv": "P-256", "kid": "first"}, {"kty": ["RSA"]}]
    door.service.keys.append("no key")  # type: ignore[arg-type]
    assert door.enter(door.token())


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"claims": {"sub": "anonymous_id"}}, DocumentInvalid),
        ({"claims": {"sub": "shoe_size"}}, DocumentInvalid),
        ({"issuer": "http://login.example.com"}, InvalidInput),
        ({"issuer": "https://user:password@login.example.com"}, InvalidInput),
    ],
)
def test_a_login_that_cannot_be_trusted_stops_the_start(
    tenant: Tenant, service: LoginService, entry: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        trusting(tenant, service, **entry)


@pytest.mark.parametrize("named", [("user_id", "u-1"), ("email", "shopper@example.com")])
def test_a_login_proves_a_request_of_its_own_person_and_of_nobody_else(door: Door, named: tuple[str, str]) -> None:
    workspace = door.tenant.workspace
    door.tenant.send(identify("u-1", email="shopper@example.com"), identify("u-2", email="other@example.com"))
    wish = intake.Wish(Kind.ACCESS, door.tenant.person(*named))
    request, _ = intake.take(door.deployment, workspace, wish, actor="app:shop")
    for token in (door.token(sub="u-2"), door.token(aud="another-shop")):
        with pytest.raises(Unauthenticated):
            proving.by_login(door.deployment, workspace, request.request_id, token, actor="app:shop")
    taken = proving.by_login(door.deployment, workspace, request.request_id, door.token(), actor="app:shop")
    assert taken.state == "verified"
