"""Links by which a person ends mails of one kind: signed, without a sign-in, for good."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from musekit.kernel.host import Host

_PURPOSE = "unsubscribe"


def url(host: Host, user_id: UUID, category: str) -> str:
    """Return the address of a person's link for a category."""
    key = host.keyring.subkey(_PURPOSE)
    payload = user_id.bytes + category.encode()
    token = _encode(payload + _sign(key, payload))
    return f"{host.settings.public_url.rstrip('/')}/unsubscribe/{token}"


def read(host: Host, token: str) -> tuple[UUID, str] | None:
    """Return whose link of which category a token is; None if we have not made it."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        payload, given = raw[:-16], raw[-16:]
        category = payload[16:].decode()
    except (binascii.Error, ValueError):
        return None
    if len(raw) < 33 or not any(
        hmac.compare_digest(_sign(key, payload), given) for key in host.keyring.subkeys(_PURPOSE)
    ):
        return None
    return UUID(bytes=payload[:16]), category


def _sign(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, hashlib.sha256)[:16]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
