"""Webhooks as Stripe signs them."""

from __future__ import annotations

import hashlib
import hmac
import time


def signature(body: bytes, secret: str, *, at: float | None = None) -> str:
    """Return the ``Stripe-Signature`` header of a body.

    Scheme ``v1``: HMAC-SHA256 over ``<unix seconds>.<body>`` with the endpoint's secret
    (docs.stripe.com/webhooks, "Verify manually").
    """
    stamp = int(time.time() if at is None else at)
    made = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={made.hexdigest()}"
