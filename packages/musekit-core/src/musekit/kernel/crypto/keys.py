"""Keys as they are written down: ``id:base64(32 bytes)``, newest first. Weak ones are refused."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from musekit.errors import ConfigurationError

SETTING = "SOCIAL_ENCRYPTION_KEY"
HOW_TO = (
    "Make one (id:base64 of 32 random bytes) with `musekit keys generate`, and keep older keys"
    " behind it, after a comma."
)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_NUMBER = re.compile(r"k(\d{1,6})(?:-|\Z)")


@dataclass(frozen=True)
class Key:
    """A master key: 32 random bytes under a short name that stands in every ciphertext."""

    id: str
    secret: bytes = field(repr=False)

    def __str__(self) -> str:
        """Return the name only: a key never gets into a message by accident."""
        return self.id


def new_key(taken: Iterable[str] = ()) -> Key:
    """Return a fresh key, its id ``k1-3f9a2c``: a number after those `taken`, and a random part.

    The random part keeps two deployments' keys apart: to one, a token of the other is under a key
    that it lacks, not a damaged one of its own; nobody's connection is given up for that.
    """
    numbers = [int(found[1]) for each in taken if (found := _NUMBER.match(each))]
    return Key(f"k{max(numbers, default=0) + 1}-{secrets.token_hex(3)}", secrets.token_bytes(32))


def write_down(key: Key) -> str:
    """Return a key in the form `parse` reads. For files and for the person's eyes only."""
    return f"{key.id}:{base64.b64encode(key.secret).decode()}"


def parse(text: str, *, source: str = SETTING) -> tuple[Key, ...]:
    """Read a list of keys, separated by commas or lines; lines beginning with ``#`` are skipped.

    Raises:
        ConfigurationError: the list is empty, or a key is malformed, short, guessable or named
            twice. The message never repeats what was given.
    """
    entries = [
        entry.strip()
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
        for entry in line.split(",")
        if entry.strip()
    ]
    if not entries:
        raise ConfigurationError(f"{source} holds no key. {HOW_TO}")
    keys = tuple(_parse_one(entry, n, source) for n, entry in enumerate(entries, 1))
    if len({key.id for key in keys}) < len(keys):
        raise ConfigurationError(f"{source} names two keys alike: each needs an id of its own.")
    if len({key.secret for key in keys}) < len(keys):
        raise ConfigurationError(f"{source} holds the same key under two ids. {HOW_TO}")
    return keys


def _parse_one(entry: str, n: int, source: str) -> Key:
    key_id, colon, encoded = entry.partition(":")
    if not colon or not _KEY_ID.match(key_id):
        raise ConfigurationError(
            f"{source}: key {n} is not of the form id:base64, the id of letters, digits,"
            f" - and _. {HOW_TO}"
        )
    try:
        padded = encoded.strip().rstrip("=").replace("-", "+").replace("_", "/")
        secret = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(f"{source}: key {n} ({key_id}) is not base64. {HOW_TO}") from None
    if len(secret) != 32:
        raise ConfigurationError(
            f"{source}: key {n} ({key_id}) has {len(secret)} bytes and needs 32. {HOW_TO}"
        )
    if _guessable(secret):
        raise ConfigurationError(f"{source}: key {n} ({key_id}) can be guessed. {HOW_TO}")
    return Key(key_id, secret)


def _guessable(secret: bytes) -> bool:
    """True for what no random source gives: text, few different bytes, an even pattern.

    Of 2⁴⁰ random keys less than one is refused by mistake.
    """
    steps = {(b - a) % 256 for a, b in itertools.pairwise(secret)}
    return (
        len(set(secret)) < 16
        or len(steps) < 8
        or all(32 <= byte < 127 for byte in secret)
        or secret[:16] == secret[16:]
    )
