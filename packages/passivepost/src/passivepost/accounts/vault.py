"""Tokens at rest: encrypted in ``social_accounts``, bound to their row, column and space."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import DecryptionError, Host, KeyRing, SocialAccount
from passivepost.sdk.content import Account, Credentials

TABLE = "social_accounts"
ACCESS = "access_token_encrypted"
REFRESH = "refresh_token_encrypted"
#: Stands for a refresh token that is stored and was not decrypted.
HELD_BACK = "(held back)"


def seal(keyring: KeyRing, row: SocialAccount, credentials: Credentials) -> dict[str, Any]:
    """Return the column values that hold credentials.

    The access token and ``extra`` go into one JSON text, so that neither is readable at rest.
    """
    secret = json.dumps({"token": credentials.access_token, "extra": dict(credentials.extra)})
    encrypt = partial(keyring.encrypt, table=TABLE, row=row.id, space=row.space_id)
    refresh = credentials.refresh_token
    return {
        ACCESS: encrypt(secret, column=ACCESS),
        REFRESH: encrypt(refresh, column=REFRESH) if refresh else None,
        "token_expires_at": credentials.expires_at,
        "scopes": list(credentials.scopes),
    }


def store_credentials(
    session: Session, host: Host, row: SocialAccount, credentials: Credentials
) -> None:
    """Encrypt credentials into an account's row; the caller's unit of work commits them."""
    for name, value in seal(host.keyring, row, credentials).items():
        setattr(row, name, value)
    session.flush()


def unseal(keyring: KeyRing, row: Any, *, refresh: bool = True) -> Account:
    """Decrypt one row (a `SocialAccount`, or a result row with its columns).

    Args:
        refresh: False leaves the refresh token encrypted, and `HELD_BACK` stands for it: a
            publish has no use for it, and what is not decrypted cannot leak.

    Raises:
        DecryptionError: the key is gone, or the text was changed or moved from another row.
    """
    if row.access_token_encrypted is None:
        raise DecryptionError("The account has no stored token.", reason="damaged")
    decrypt = partial(keyring.decrypt, table=TABLE, row=row.id, space=row.space_id)
    secret = json.loads(decrypt(row.access_token_encrypted, column=ACCESS))
    sealed = row.refresh_token_encrypted
    return Account(
        id=row.id,
        platform_user_id=row.platform_user_id,
        username=row.platform_username,
        credentials=Credentials(
            access_token=secret["token"],
            refresh_token=(decrypt(sealed, column=REFRESH) if refresh else HELD_BACK)
            if sealed
            else None,
            expires_at=row.token_expires_at,
            scopes=tuple(row.scopes or ()),
            extra=secret["extra"],
        ),
    )


def load_accounts(
    session: Session,
    host: Host,
    ids: Iterable[UUID],
    *,
    failures: dict[UUID, DecryptionError] | None = None,
) -> Mapping[UUID, Account]:
    """Return accounts with their credentials in the clear, for a platform call right away.

    Args:
        ids: of accounts; those that are gone, or hold no token, are missing from the result.
        failures: takes account id → error where a token could not be decrypted. Left out, the
            first such error is raised.
    """
    wanted = list(dict.fromkeys(ids))
    rows = session.execute(
        select(
            SocialAccount.id, SocialAccount.space_id, SocialAccount.platform_user_id,
            SocialAccount.platform_username, SocialAccount.access_token_encrypted,
            SocialAccount.refresh_token_encrypted, SocialAccount.token_expires_at,
            SocialAccount.scopes,
        ).where(SocialAccount.id.in_(wanted), SocialAccount.access_token_encrypted.is_not(None))
    )  # fmt: skip
    found: dict[UUID, Account] = {}
    for row in rows:
        try:
            found[row.id] = unseal(host.keyring, row)
        except DecryptionError as error:
            if failures is None:
                raise
            failures[row.id] = error
    return found
