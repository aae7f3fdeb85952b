"""Encryption of columns: AES-256-GCM, bound to the place where the ciphertext stands.

A ciphertext is ``v1.<key id>.<nonce>.<ciphertext and tag>`` (base64url, no padding). Table, column,
row, space and key id are authenticated with it, so one that is moved to another row, column or
space does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
import string
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from musekit.errors import ConfigurationError
from musekit.kernel.crypto import keyfile
from musekit.kernel.crypto.keys import HOW_TO, SETTING, Key, parse

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

_VERSION = "v1"
_COLUMNS = "columns"  #: the purpose whose subkey encrypts columns


class DecryptionError(Exception):
    """A ciphertext does not open. The message says why and what to do, never what it holds.

    Args:
        reason: ``unknown_key`` (a key is missing from the ring: put it back, nothing is lost) or
            ``damaged`` (changed, cut, or moved from another place).
    """

    def __init__(self, message: str, *, reason: Literal["unknown_key", "damaged"]) -> None:
        super().__init__(message)
        self.reason = reason


class KeyRing:
    """Master keys, the newest first: it encrypts, the others only decrypt.

    The master keys encrypt nothing themselves; each purpose has a key derived from them (HKDF).
    Safe to use from many threads.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.id: key for key in keys}
        if not self._keys:
            raise ConfigurationError(f"A key ring needs at least one key. {HOW_TO}")
        self.newest = next(iter(self._keys))  #: id of the key that encrypts
        self._ciphers = {key.id: AESGCM(_derive(key, _COLUMNS)) for key in self._keys.values()}

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    @classmethod
    def from_settings(cls, settings: CoreSettings) -> KeyRing:
        """Return the ring of a deployment: from ``SOCIAL_ENCRYPTION_KEY``, else of the key file.

        Without the setting, SQLite deployments (one machine, one data directory) make their own
        key; so does PostgreSQL outside production.

        Raises:
            ConfigurationError: a key is malformed, short or guessable; or a hosted deployment has
                none, where each process would make another.
        """
        secret = settings.social_encryption_key
        if secret is not None and secret.get_secret_value().strip():
            return cls(parse(secret.get_secret_value()))
        if settings.is_postgres and settings.mode == "production":
            raise ConfigurationError(
                f"{SETTING} is not set. It encrypts the tokens of social accounts, and every"
                f" process needs the same. {HOW_TO}"
            )
        return cls.generate(settings.data_dir)

    @classmethod
    def generate(cls, data_dir: Path) -> KeyRing:
        """Return the ring of ``<data-dir>/secrets/keys``, making the file (0600) if need be."""
        return cls(keyfile.ensure(data_dir))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys, the newest first."""
        return tuple(self._keys)

    def encrypt(self, plain: str, *, table: str, column: str, row: UUID, space: UUID) -> str:
        """Encrypt text for one place.

        Args:
            plain: what to encrypt.
            table: name of the table it will stand in.
            column: name of the column.
            row: id of the row.
            space: id of the row's space.

        Returns:
            The ciphertext, about 4/3 of the text's length and 60 characters more.
        """
        nonce = os.urandom(12)
        bound = _bound(table, column, row, space, self.newest)
        sealed = self._ciphers[self.newest].encrypt(nonce, plain.encode(), bound)
        return f"{_VERSION}.{self.newest}.{_encode(nonce)}.{_encode(sealed)}"

    def decrypt(self, token: str, *, table: str, column: str, row: UUID, space: UUID) -> str:
        """Decrypt what `encrypt` gave for the same place.

        Raises:
            DecryptionError: the key is not in the ring, or the ciphertext is damaged or of
                another place.
        """
        where = (table, column, row)
        key_id, nonce, sealed = _split(token, where)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise DecryptionError(
                f"{_told(where)} was encrypted with the key “{key_id}”, which is not in the key"
                f" ring ({', '.join(self._keys)}). Put it back behind the newest key in {SETTING};"
                " nothing is lost.",
                reason="unknown_key",
            )
        try:
            bound = _bound(table, column, row, space, key_id)
            return cipher.decrypt(nonce, sealed, bound).decode()
        except (InvalidTag, ValueError):
            raise _damaged(where) from None

    def is_current(self, token: str) -> bool:
        """True if a ciphertext was made with the newest key; False: rotation will rewrite it."""
        return token.startswith(f"{_VERSION}.{self.newest}.")

    def subkey(self, purpose: str) -> bytes:
        """Return 32 bytes for another use, such as signing; another for each purpose.

        It follows the newest key: where things signed before a rotation must still verify, try
        each of `subkeys`.
        """
        return _derive(self._keys[self.newest], f"use:{purpose}")

    def subkeys(self, purpose: str) -> tuple[bytes, ...]:
        """Return the subkeys of a purpose for each key, the newest first."""
        return tuple(_derive(key, f"use:{purpose}") for key in self._keys.values())


def _derive(key: Key, purpose: str) -> bytes:
    info = f"musekit/{_VERSION}/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key.secret)


def _bound(table: str, column: str, row: UUID, space: UUID, key_id: str) -> bytes:
    # Ids of SQL names, UUIDs and keys hold no bar, so two places never give the same bytes.
    assert "|" not in table + column
    return f"{table}|{column}|{row}|{space}|{key_id}".encode()


#: Table, column and row.
_Where = tuple[str, str, UUID]


def _told(where: _Where) -> str:
    table, column, row = where
    return f"{table}.{column} of row {row}"


def _split(token: str, where: _Where) -> tuple[str, bytes, bytes]:
    version, *parts = token.split(".")
    if version != _VERSION or len(parts) != 3:
        raise _damaged(where)
    key_id, nonce, sealed = parts[0], _decode(parts[1], where), _decode(parts[2], where)
    if len(nonce) != 12:
        raise _damaged(where)
    return key_id, nonce, sealed


def _damaged(where: _Where) -> DecryptionError:
    return DecryptionError(
        f"What is stored in {_told(where)} cannot be decrypted: it was changed, cut, or moved from"
        " another place. Connect the account again.",
        reason="damaged",
    )


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_ALPHABET = string.ascii_letters + string.digits + "-_"
#: Last characters of our spelling, by length modulo 4: base64 leaves bits over there, and each
#: other setting of them would spell the same bytes.
_LAST = {0: _ALPHABET, 2: "AQgw", 3: "AEIMQUYcgkosw048"}
_TO_STANDARD = bytes.maketrans(b"-_+/", b"+/!!")


def _decode(text: str, where: _Where) -> bytes:
    if not text or text[-1] not in _LAST.get(len(text) % 4, ""):
        raise _damaged(where)
    try:
        standard = text.encode("ascii").translate(_TO_STANDARD)
        return binascii.a2b_base64(standard + b"=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise _damaged(where) from None
