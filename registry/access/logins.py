"""The company's own logins: which issuers are trusted for whom, and what the claims of their tokens say.

Claims come here once the signature holds (`registry.keys.login`); nothing of them is believed before.
Sources: OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 5.7, RFC 7519, RFC 8725, Back-Channel Logout section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from registry.documents import Document
from registry.model.clock import SECOND, Micros
from registry.model.errors import DocumentInvalid, Unauthenticated

DEFAULT_CLAIMS = {"sub": "user_id"}
DEFAULT_ALGORITHMS = ("RS256", "ES256")
DEFAULT_MAX_AGE_S = 3600

LEEWAY: Micros = 60 * SECOND
"""How far an issuer's clock may be from ours."""

TO_BE_VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}
"""Claims that count only while the issuer says that the person proved them (OpenID Connect Core, 5.1 and 5.7)."""

MAX_SECONDS = 2**40
"""Times beyond are no times: 34,000 years."""


@dataclass(frozen=True, slots=True)
class Login:
    """One issuer that is trusted to say who a person is.

    Attributes:
        issuer: its `iss`, to the letter.
        audience: whom tokens must be made for.
        workspaces: ids of the workspaces that it speaks for.
        claims: claim -> kind of identifier, the strongest kind first.
        algorithms: signatures that are taken, all asymmetric.
        max_age: for how long after its issuing a token is taken, in microseconds.
    """

    issuer: str
    audience: str
    workspaces: frozenset[str]
    claims: Mapping[str, str]
    algorithms: tuple[str, ...]
    max_age: Micros


class Told(NamedTuple):
    """What a token says: identifiers as (kind, value), the strongest kind first, and when it was issued."""

    identifiers: tuple[tuple[str, str], ...]
    issued_at: Micros


def logins_of(document: Document, kinds: Iterable[str], anonymous: Iterable[str]) -> list[Login]:
    """The logins of a document that conforms to `schemas/logins.schema.json`.

    Args:
        kinds: of the identity policy, the strongest first.
        anonymous: those among them that a browser or device makes up, which no login can vouch for.

    Raises:
        DocumentInvalid: a kind is not in the identity policy, or anonymous; or two entries are of one issuer and
            audience.
    """
    entries = cast(Mapping[str, Any], document.value)["logins"]
    order = {kind: place for place, kind in enumerate(kinds)}
    unfit, seen = frozenset(anonymous), set[tuple[str, str]]()
    faults, found = [], []
    for index, entry in enumerate(entries):
        claims: dict[str, str] = entry.get("claims", DEFAULT_CLAIMS)
        for claim, kind in claims.items():
            reason = "is an anonymous kind" if kind in unfit else "is no kind of the identity policy"
            if kind in unfit or kind not in order:
                faults.append(document.fault(f"/logins/{index}/claims/{claim}", reason))
        if (entry["issuer"], entry["audience"]) in seen:
            faults.append(document.fault(f"/logins/{index}/issuer", "two entries are of one issuer and audience"))
        seen.add((entry["issuer"], entry["audience"]))
        ranked = sorted(claims.items(), key=lambda pair: order.get(pair[1], len(order)))
        found.append(
            Login(
                issuer=entry["issuer"],
                audience=entry["audience"],
                workspaces=frozenset(entry["workspaces"]),
                claims=dict(ranked),
                algorithms=tuple(entry.get("algorithms", DEFAULT_ALGORITHMS)),
                max_age=entry.get("max_age_s", DEFAULT_MAX_AGE_S) * SECOND,
            )
        )
    if faults:
        raise DocumentInvalid(faults)
    return found


def told(login: Login, claims: Mapping[str, object], *, now: Micros, nonce: str | None = None) -> Told:
    """Whom a token is about, once its signature holds.

    Args:
        nonce: what the token has to carry, where it was asked for with one; None asks for none.

    Raises:
        Unauthenticated: it is another issuer's or another audience's, too old, not yet valid, no login token, without
            the nonce, or names nobody. Why is said without any value of the token.
    """
    if claims.get("iss") != login.issuer:
        raise _refused("it is of another issuer")
    if not _is_for(login.audience, claims):
        raise _refused("it was made for somebody else")
    if "events" in claims:
        raise _refused("it is no login token")
    if nonce is not None and claims.get("nonce") != nonce:
        raise _refused("it was not asked for here")
    issued_at, expires_at = _moment(claims, "iat"), _moment(claims, "exp")
    if issued_at is None or expires_at is None:
        raise _refused("it does not say from when to when it holds")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued_at
    if begins is None or max(begins, issued_at) > now + LEEWAY:
        raise _refused("it does not hold yet")
    if expires_at + LEEWAY <= now or issued_at + login.max_age + LEEWAY <= now:
        raise _refused("it has expired")
    identifiers = tuple(
        (kind, value)
        for claim, kind in login.claims.items()
        if isinstance(value := claims.get(claim), str) and value and _is_proved(claim, claims)
    )
    if not identifiers:
        raise _refused("it names nobody")
    return Told(identifiers, issued_at)


def _is_for(audience: str, claims: Mapping[str, object]) -> bool:
    """Whether a token was made for an audience; of several, the authorised party must be it, where one is named."""
    named = claims.get("aud")
    if isinstance(named, str):
        return named == audience
    if not isinstance(named, list) or audience not in named:
        return False
    return len(named) == 1 or claims.get("azp", audience) == audience


def _is_proved(claim: str, claims: Mapping[str, object]) -> bool:
    proof = TO_BE_VERIFIED.get(claim)
    return proof is None or claims.get(proof) is True


def _moment(claims: Mapping[str, object], claim: str) -> Micros | None:
    """A NumericDate (RFC 7519, section 2)."""
    value = claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_SECONDS:
        return None
    return int(value * SECOND)


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"the login token is not taken: {why}", hint="sign in again and send a new token")
