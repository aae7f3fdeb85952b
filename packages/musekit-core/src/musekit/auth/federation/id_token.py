"""Judging an ID token (OpenID Connect Core 1.0 §3.1.3.7, errata 2; RFC 8725).

No network: keys are given. What is not exactly right proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

#: Signed by a key of the provider's alone: a symmetric one would be ours as well, and ``none`` is
#: no signature. The kind of key that each needs.
ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_HASHES = {"EdDSA": hashlib.sha512}
#: What keys call their algorithm since RFC 9864, and tokens do not yet.
_NAMES = {"Ed25519": "EdDSA"}
#: Seconds by which clocks may differ.
LEEWAY = 60
LONGEST = 64 * 1024
LONGEST_SUBJECT = 255
LEAST_RSA_BITS = 2048


class BadTokenError(ValueError):
    """The token proves nothing; says which check it was, and no value of it."""


class UnknownKeyError(BadTokenError):
    """It names a key that the provider had not, when it was asked last."""


def verify(
    token: object,
    keys: Sequence[Mapping[str, Any]],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str = "",
    fresh_since: datetime | None = None,
) -> dict[str, Any]:
    """Return the claims of a token that is good.

    Args:
        keys: of the provider (JWK).
        nonce: of the flow.
        access_token: that came with it; must be the one it names, if it names one.
        fresh_since: the person must have proven themselves after this moment.

    Raises:
        BadTokenError: it is not.
    """
    if not isinstance(token, str) or len(token) > LONGEST:
        raise BadTokenError("no token")
    header = _header(token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadTokenError("algorithm")
    if "crit" in header:  # we know of none that must be understood, and an empty list is no list
        raise BadTokenError("critical header")
    claims = _verified(token, _key(keys, algorithm, header.get("kid")), algorithm)
    if claims.get("iss") != issuer:
        raise BadTokenError("issuer")
    _check_audience(claims, client_id)
    _check_times(claims, fresh_since)
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise BadTokenError("nonce")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(algorithm, access_token):
        raise BadTokenError("hash of the access token")
    checked_subject(claims.get("sub"))
    return claims


def checked_subject(value: object) -> str:
    """Return what may be a subject; BadTokenError otherwise."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_SUBJECT:
        raise BadTokenError("subject")
    if not value.isascii() or not value.isprintable():
        raise BadTokenError("subject")
    return value


def _header(token: str) -> dict[str, Any]:
    try:
        part = token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise BadTokenError("header") from None
    if not isinstance(header, dict):
        raise BadTokenError("header")
    return header


def _key(keys: Sequence[Mapping[str, Any]], algorithm: str, kid: object) -> Mapping[str, Any]:
    """Return the one key that a token may be signed by. Keys in its header are never looked at."""
    fitting = [
        key for key in keys
        if key.get("kty") == ALGORITHMS[algorithm] and key.get("use", "sig") == "sig"
        and _NAMES.get(str(key.get("alg")), key.get("alg")) in (None, algorithm)
    ]  # fmt: skip
    if kid is not None:
        fitting = [key for key in fitting if key.get("kid") == kid]
    if not fitting:
        raise UnknownKeyError("unknown key")
    if len(fitting) > 1:
        raise BadTokenError("no key is named")
    return fitting[0]


def _verified(token: str, key: Mapping[str, Any], algorithm: str) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key
    from joserfc.jws import JWSRegistry

    # Headers that nobody has registered are passed over.
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    public = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    try:
        if ALGORITHMS[algorithm] == "RSA" and _bits(key["n"]) < LEAST_RSA_BITS:
            raise BadTokenError("weak key")
        made = import_key(public)
        return dict(jwt.decode(token, made, algorithms=[algorithm], registry=registry).claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadTokenError(f"signature ({type(error).__name__})") from None


def _bits(number: str) -> int:
    """Return the length of a number of a key."""
    raw = base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))
    return int.from_bytes(raw).bit_length()


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    said = claims.get("aud")
    named = [said] if isinstance(said, str) else said
    if not isinstance(named, list) or client_id not in named:
        raise BadTokenError("audience")
    # Made for several: for us only if it says so.
    if ("azp" in claims or len(named) > 1) and claims.get("azp") != client_id:
        raise BadTokenError("authorized party")


def _check_times(claims: Mapping[str, Any], fresh_since: datetime | None) -> None:
    now = time.time()
    if _number(claims, "exp") <= now - LEEWAY:
        raise BadTokenError("expired")
    if _number(claims, "iat") > now + LEEWAY:
        raise BadTokenError("issued in the future")
    if "nbf" in claims and _number(claims, "nbf") > now + LEEWAY:
        raise BadTokenError("not valid yet")
    if fresh_since is not None and (
        _number(claims, "auth_time") < fresh_since.timestamp() - LEEWAY
    ):
        raise BadTokenError("proven too long ago")


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadTokenError(f"{name} is no time")
    return value


def _half_hash(algorithm: str, text: str) -> str:
    full = _HASHES.get(algorithm, hashlib.sha256)(text.encode()).digest()
    return base64.urlsafe_b64encode(full[: len(full) // 2]).decode().rstrip("=")
