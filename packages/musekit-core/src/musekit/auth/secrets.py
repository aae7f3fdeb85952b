"""The secrets people and programs show: session cookies and API tokens. Only hashes are stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "mk_live_"
RANDOM, CHECK = 40, 6  #: characters; 40 of 62 are 238 bits


def new_session_secret() -> str:
    """Return the value of a session cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Return an API token, ``mk_live_<40 characters>_<checksum>``.

    The prefix lets scanners find a leaked token; the checksum lets them, and us, tell a real one
    from a typing error without asking the database.
    """
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return f"{PREFIX}{random}_{checksum(random)}"


def checksum(random: str) -> str:
    """Return the CRC-32 of a token's random part in six base-62 characters."""
    rest = zlib.crc32(random.encode())
    digits = []
    for _ in range(CHECK):
        rest, digit = divmod(rest, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def is_well_formed(token: str) -> bool:
    """True if a token has the right shape and checksum; says nothing on whether it is known."""
    if not token.isascii() or not token.startswith(PREFIX):
        return False
    random, _, check = token.removeprefix(PREFIX).partition("_")
    return len(random) == RANDOM and hmac.compare_digest(check, checksum(random))


def digest(secret: str) -> bytes:
    """Return what is stored of a secret. SHA-256 is enough: these have too many bits to guess."""
    return hashlib.sha256(secret.encode()).digest()
