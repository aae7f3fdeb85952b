"""Fresh tokens: one refresh per account at a time, in all processes (reliability §B, F8–F11).

A network that rotates refresh tokens ends the whole grant when one is used twice. So a lease in
the database admits one caller, the version of the tokens decides whose answer counts, and the
others wait and read.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.api import Actor, DecryptionError, Host, SocialAccount, db_after, db_now, new_id
from passivepost.accounts import service, vault
from passivepost.accounts.calling import ask
from passivepost.accounts.models import AccountState
from passivepost.accounts.registry import platforms_of
from passivepost.publishing import crash
from passivepost.sdk.content import Account, Credentials, Feature
from passivepost.sdk.errors import AuthRevoked, Misconfigured, PlatformError, Retryable
from passivepost.sdk.http import Interrupted, NotSent
from passivepost.sdk.platform import Platform
from passivepost.settings import PassivePostSettings

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("token-refresh")
CALL_SECONDS = 30.0
#: Beyond the longest call: while a lease stands, its holder may still be storing what it got.
LEASE_SECONDS = CALL_SECONDS + 30
POLL_SECONDS = 0.1
#: Tokens got this recently are taken as fresh when the caller does not say which it found stale.
RECENT = timedelta(seconds=30)


_ROW = (
    select(SocialAccount, AccountState)
    .outerjoin(AccountState, AccountState.account_id == SocialAccount.id)
    .where(SocialAccount.id == bindparam("id"))
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, kw_only=True)
class _Snapshot:
    account: Account
    platform: str
    version: int
    refreshed_at: datetime | None


def fresh(host: Host, account: Account, platform: Platform) -> Account:
    """Return the account, its token refreshed when less than ten minutes of its life are left.

    Raises:
        AuthRevoked, Retryable, Misconfigured: as `refresh`; a token that still lives is used when
            the refresh fails for a passing reason.
    """
    expires = account.credentials.expires_at
    margin = timedelta(minutes=host.settings_of(PassivePostSettings).refresh_before_minutes)
    now = datetime.now(UTC)
    if expires is None or expires - now > margin or not can_refresh(platform, account.credentials):
        return account
    try:
        return refresh(host, account.id, stale=account.credentials.access_token)
    except Retryable:
        if expires > now:
            return account
        raise


def can_refresh(platform: Platform, credentials: Credentials) -> bool:
    """Tell whether a refresh is possible at all."""
    return platform.delivery.refresh != "none" and (
        bool(credentials.refresh_token) or Feature.REFRESH in platform.features
    )


def refresh(host: Host, account_id: UUID, *, stale: str | None = None) -> Account:
    """Return the account with tokens newer than the stale one, refreshing them once if need be.

    Safe to call from any number of threads and processes at once: the platform is asked once.
    Blocks for the call, or up to ten seconds for somebody else's.

    Args:
        stale: the access token that was not accepted. When another one is stored by now, that
            one is returned and nothing is asked.

    Raises:
        AuthRevoked: the grant is gone; the account is marked, its posts are held.
        Retryable: the platform could not be asked, or somebody else's refresh takes long.
        Misconfigured: the deployment's client id or secret is wrong, or a key is missing.
    """
    owner = new_id()
    give_up = time.monotonic() + host.settings_of(PassivePostSettings).refresh_wait_seconds
    while True:
        with host.database.session(SYSTEM) as session:
            seen = _look(session, host, account_id)
            if _is_newer(seen, stale):
                return seen.account
            mine = _lease(session, account_id, owner, seen.version)
        if mine:
            return _refresh(host, seen, owner)
        if time.monotonic() >= give_up:
            raise Retryable(
                "The account's sign-in is being renewed at this moment.", retry_after=POLL_SECONDS
            )
        time.sleep(POLL_SECONDS)


def _refresh(host: Host, seen: _Snapshot, owner: UUID) -> Account:
    """Ask the platform, as the one who holds the lease, and store what it gives."""
    platform = platforms_of(host).find(seen.platform)
    try:
        if platform is None:
            raise Retryable("The platform's package is not installed.")
        if not can_refresh(platform, seen.account.credentials):
            raise AuthRevoked(f"{platform.label} connections cannot be renewed. Connect again.")
        credentials = ask(
            host, platform, platform.refresh, seen.account.credentials, timeout=CALL_SECONDS
        )
    except AuthRevoked as error:
        return _refused(host, seen, owner, error)
    except (NotSent, Interrupted, TimeoutError) as error:
        _give_back(host, seen.account.id, owner)
        raise Retryable("The platform's sign-in could not be reached.") from error
    except (Retryable, Misconfigured):
        _give_back(host, seen.account.id, owner)
        raise
    except PlatformError as error:
        # Whatever else it says is no word about the grant: nothing is taken away for it.
        _give_back(host, seen.account.id, owner)
        raise Retryable(error.message) from error
    except BaseException:
        _give_back(host, seen.account.id, owner)
        raise
    crash.passes(crash.BEFORE_SAVE)
    return _store(host, seen, owner, credentials)


def _store(host: Host, seen: _Snapshot, owner: UUID, credentials: Credentials) -> Account:
    """Make the new tokens durable before anybody uses them."""
    for attempt in range(5):
        try:
            with host.database.session(SYSTEM) as session:
                won = _advance(session, seen, owner)
                if won:
                    row = session.get_one(SocialAccount, seen.account.id)
                    vault.store_credentials(session, host, row, credentials)
                    row.is_valid, row.last_error, row.updated_at = True, None, datetime.now(UTC)
                    session.flush()
                # Lost: the person connected again meanwhile; theirs is the newer grant.
                return _look(session, host, seen.account.id).account
        except OSError:
            raise
        except Exception:
            # The old refresh token may be spent by now, so these must not be lost to a passing
            # fault of the database.
            if attempt == 4:
                raise
            logger.warning("storing refreshed tokens failed; trying again", exc_info=True)
            time.sleep(0.2 * 2**attempt)
    raise AssertionError("unreachable")


def _refused(host: Host, seen: _Snapshot, owner: UUID, error: AuthRevoked) -> Account:
    """Believe a refusal only if nobody else has got new tokens in the meantime."""
    with host.database.session(SYSTEM) as session:
        now = _look(session, host, seen.account.id)
        if now.version != seen.version:
            return now.account
        service.mark(session, seen.account.id, valid=False, error=error.message)
        _clear(session, seen.account.id, owner)
    raise error


def _look(session: Session, host: Host, account_id: UUID) -> _Snapshot:
    row = session.execute(_ROW, {"id": account_id}).first()
    if row is not None and row.AccountState is None:
        _begin(session, account_id, row.SocialAccount.space_id)
        # Both anew, in one statement: somebody else may have begun it first and refreshed by now,
        # and their version beside the tokens read above would pass a spent token for a fresh one.
        row = session.execute(_ROW, {"id": account_id}).first()
    if row is None:
        raise AuthRevoked("The account was disconnected.")
    state = row.AccountState
    try:
        account = vault.unseal(host.keyring, row.SocialAccount)
    except DecryptionError as error:
        if error.reason == "unknown_key":  # nothing is lost: the operator puts the key back
            raise Misconfigured("The key of this account's tokens is not in the ring.") from error
        raise AuthRevoked("The stored tokens cannot be read. Connect the account again.") from error
    return _Snapshot(
        account=account, platform=row.SocialAccount.platform, version=state.token_version,
        refreshed_at=state.refreshed_at,
    )  # fmt: skip


def _begin(session: Session, account_id: UUID, space_id: UUID) -> None:
    """Give an account its row of state; many may try at once."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(AccountState)
        .values(account_id=account_id, space_id=space_id, token_version=1)
        .on_conflict_do_nothing()
    )


def _is_newer(seen: _Snapshot, stale: str | None) -> bool:
    if stale is not None:
        return seen.account.credentials.access_token != stale
    return seen.refreshed_at is not None and datetime.now(UTC) - seen.refreshed_at < RECENT


def _lease(session: Session, account_id: UUID, owner: UUID, version: int) -> bool:
    return (
        session.execute(
            update(AccountState)
            .where(
                AccountState.account_id == account_id,
                AccountState.token_version == version,
                or_(AccountState.refresh_until.is_(None), AccountState.refresh_until < db_now()),
            )
            .values(refresh_owner=owner, refresh_until=db_after(LEASE_SECONDS))
            .returning(AccountState.account_id)
            .execution_options(synchronize_session=False)
        ).first()
        is not None
    )


def _advance(session: Session, seen: _Snapshot, owner: UUID) -> bool:
    return (
        session.execute(
            update(AccountState)
            .where(
                AccountState.account_id == seen.account.id,
                AccountState.token_version == seen.version,
            )
            .values(
                token_version=seen.version + 1, refreshed_at=datetime.now(UTC),
                refresh_owner=None, refresh_until=None,
            )
            .returning(AccountState.account_id)
            .execution_options(synchronize_session=False)
        ).first()
        is not None
    )  # fmt: skip


def _give_back(host: Host, account_id: UUID, owner: UUID) -> None:
    with host.database.session(SYSTEM) as session:
        _clear(session, account_id, owner)


def _clear(session: Session, account_id: UUID, owner: UUID) -> None:
    session.execute(
        update(AccountState)
        .where(AccountState.account_id == account_id, AccountState.refresh_owner == owner)
        .values(refresh_owner=None, refresh_until=None)
        .execution_options(synchronize_session=False)
    )
