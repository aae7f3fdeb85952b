"""Reading what a browser sends for a passkey, before anything of it is believed.

A stranger may send any JSON: what is missing or of another kind is empty here, and fits nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def challenge_in(credential: Mapping[str, Any]) -> bytes:
    """Return the challenge that an answer is to; empty if it says none."""
    from webauthn.helpers import base64url_to_bytes

    try:
        said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return base64url_to_bytes(said["challenge"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return b""


def id_in(credential: Mapping[str, Any]) -> bytes:
    """Return which passkey it says it is; empty if none."""
    return _bytes(credential.get("rawId"))


def handle_in(credential: Mapping[str, Any]) -> bytes:
    """Return whose it says it is; empty if it does not."""
    response = credential.get("response")
    return _bytes(response.get("userHandle")) if isinstance(response, Mapping) else b""


def _bytes(value: object) -> bytes:
    from webauthn.helpers import base64url_to_bytes

    try:
        return base64url_to_bytes(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def transports(credential: Mapping[str, Any]) -> list[str]:
    """Return by which ways the browser reaches the passkey, as far as we know them."""
    response = credential.get("response")
    given = response.get("transports") if isinstance(response, Mapping) else None
    known = ("usb", "nfc", "ble", "internal", "hybrid", "smart-card")
    return [each for each in known if each in given] if isinstance(given, list) else []
