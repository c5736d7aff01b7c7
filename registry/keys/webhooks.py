"""Signatures of outgoing webhooks, in the form of Standard Webhooks: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from standardwebhooks import Webhook

from registry.keys.primitives import random_bytes
from registry.model.clock import SECOND, Micros, to_datetime

SECRET_BYTES = 32
"""The specification asks for 24 to 64."""

TOLERANCE: Micros = 5 * 60 * SECOND
TIMESTAMP_DIGITS = 11


def mint_secret() -> str:
    """A new signing secret as receivers' libraries take it: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(random_bytes(SECRET_BYTES)).decode()


def signed_headers(secret: str, message_id: str, at: Micros, body: bytes) -> dict[str, str]:
    """The headers that go with a body, signed at a moment: a receiver refuses one that is minutes old."""
    signature = Webhook(secret).sign(message_id, to_datetime(at), body.decode())
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at // SECOND),
        "webhook-signature": signature,
    }


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, at: Micros) -> bool:
    """Whether a message was signed by this secret within five minutes of a moment (Standard Webhooks)."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not secret or not message_id or not stamp.isascii() or not stamp.isdigit() or len(stamp) > TIMESTAMP_DIGITS:
        return False
    signed_at = int(stamp) * SECOND
    if abs(at - signed_at) > TOLERANCE:
        return False
    try:
        expected = Webhook(secret).sign(message_id, to_datetime(signed_at), body.decode())
    except UnicodeDecodeError:
        return False
    offered = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in offered)
