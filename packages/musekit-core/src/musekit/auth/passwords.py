"""Passwords: Argon2id at rest, a strength check when one is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import argon2
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends

from musekit.errors import InvalidError

#: OWASP Password Storage Cheat Sheet (read 2026-11): m = 19 MiB, t = 2, p = 1. Small enough that
#: two at a time fit beside the rest in 200 MB.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=argon2.Type.ID)
#: What is verified for an address that nobody has, so that it takes the same work.
NOBODY = HASHER.hash("the password of nobody")

SHORTEST, LONGEST = 8, 1024  #: characters
#: zxcvbn's scale is 0…4; 3 means about 10^8 to 10^10 guesses.
LEAST_STRENGTH = 3


async def _slot() -> AsyncGenerator[None, None]:
    yield


#: A dependency of endpoints that hash: two run at a time and the others wait in the event loop, so
#: that a flood of sign-ins takes neither all threads nor all memory.
HASHING_SLOT = Depends(_slot, scope="function", max_concurrency=2)


def hash_password(password: str) -> str:
    """Return the Argon2id hash, with its parameters and salt. Takes about 30 ms."""
    return HASHER.hash(password)


def verify(password: str, stored: str | None) -> bool:
    """Check a password. With `stored` None the same work is done, and the answer is False."""
    try:
        HASHER.verify(stored or NOBODY, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_new_hash(stored: str) -> bool:
    """True when a hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def check_strength(password: str, about: Sequence[str] = ()) -> None:
    """Refuse a password that is easily guessed.

    Args:
        about: words an attacker knows, such as the person's name and address.

    Raises:
        InvalidError: with zxcvbn's advice, on the field ``password``.
    """
    message = ""
    if len(password) < SHORTEST:
        message = f"Use at least {SHORTEST} characters; a few unrelated words do well."
    elif len(password) > LONGEST:
        message = f"Use at most {LONGEST} characters."
    else:
        from zxcvbn import zxcvbn  # 0.9 MB of word lists, needed only here

        # zxcvbn takes time quadratic in the length and refuses more than 72 characters.
        judged = zxcvbn(password[:72], user_inputs=[word for word in about if word])
        if judged["score"] < LEAST_STRENGTH:
            advice = " ".join(
                [judged["feedback"]["warning"], *judged["feedback"]["suggestions"]]
            ).strip()
            message = f"This password would be guessed soon. {advice}".strip()
    if message:
        raise InvalidError(
            "Choose another password. Nothing was saved.",
            errors=[{"field": "password", "message": message}],
        )
