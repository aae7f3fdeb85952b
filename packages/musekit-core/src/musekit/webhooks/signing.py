"""Signatures of outgoing webhooks, as Standard Webhooks 1.0 has them (standardwebhooks.com).

A receiver takes ``webhook-id``, ``webhook-timestamp`` and the raw body, and computes
HMAC-SHA256 of ``<id>.<timestamp>.<body>`` under the secret it was given; one of the signatures in
``webhook-signature`` must be that one, and the timestamp near its own clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

#: What secrets begin with; the rest is base64.
PREFIX = "whsec_"
#: Bytes of a secret: the standard asks for 24 to 64.
SIZE = 24


def new_secret() -> str:
    """Return a fresh secret, in the spelling that receivers are given."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SIZE)).decode()


def message_name(message_id: UUID) -> str:
    """Return how receivers know a message; the same at each try."""
    return f"msg_{message_id.hex}"


def signature(secret: str, name: str, timestamp: int, body: bytes) -> str:
    """Return one signature, ``v1,<base64>``.

    Args:
        secret: as `new_secret` gives it.
        name: the message's, as `message_name` gives it.
        timestamp: of this try, in seconds since 1970.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{name}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(live: Sequence[str], name: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a try, signed under every live secret."""
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(each, name, timestamp, body) for each in live),
    }
