"""Connected accounts: listing, storing what a connection brought, taking it away."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from musekit.api import (
    Actor,
    ConflictError,
    Host,
    LimitReachedError,
    NotFoundError,
    SocialAccount,
    SocialPost,
    new_id,
)
from passivepost.accounts import holds, vault
from passivepost.accounts.models import AccountState
from passivepost.accounts.schemas import AccountOut
from passivepost.models import in_state
from passivepost.posts.models import PostDetails
from passivepost.sdk.content import Credentials, Identity
from passivepost.sdk.platform import Platform
from passivepost.tiers import Allowance

_COLUMNS = (
    SocialAccount.id, SocialAccount.user_id, SocialAccount.platform,
    SocialAccount.platform_user_id, SocialAccount.platform_username, SocialAccount.display_name,
    SocialAccount.scopes, SocialAccount.is_valid, SocialAccount.last_validated_at,
    SocialAccount.last_error, SocialAccount.token_expires_at, SocialAccount.connected_at,
    SocialAccount.updated_at,
)  # fmt: skip
_KEYS = tuple(column.key for column in _COLUMNS)


def list_accounts(session: Session) -> list[AccountOut]:
    """Return the accounts of the session's space, by platform."""
    rows = session.execute(select(*_COLUMNS).order_by(SocialAccount.platform)).all()
    return [dict(zip(_KEYS, row, strict=True)) for row in rows]  # type: ignore[misc]


def get_account(session: Session, account_id: UUID) -> AccountOut:
    """Return an account. Raises `NotFoundError` if the space has none of that id."""
    row = session.execute(select(*_COLUMNS).where(SocialAccount.id == account_id)).first()
    if row is None:
        raise NotFoundError("There is no such account here.")
    return dict(zip(_KEYS, row, strict=True))  # type: ignore[return-value]


def connected(session: Session, space_id: UUID) -> int:
    """Return how many accounts a space has connected."""
    found = session.scalar(
        select(func.count()).select_from(SocialAccount).where(SocialAccount.space_id == space_id)
    )
    return found or 0


def check_room(session: Session, platform: Platform, allowed: Allowance) -> None:
    """Raise `LimitReachedError` if the tier has no room for one more platform."""
    connected = session.scalars(select(SocialAccount.platform)).all()
    limit = allowed.limit("platforms")
    if platform.name in connected or limit is None or len(connected) < limit:
        return
    upgrade = allowed.upgrade
    hint = f", or move up to {upgrade.label}" if upgrade else ""
    raise LimitReachedError(
        f"{allowed.tier.label} allows {limit} connected platforms, and all are used. Disconnect"
        f" one{hint}.",
        limit="platforms",
        max=limit,
        used=len(connected),
        tier=allowed.tier.key,
        resets_at=None,  # it is room, which waiting does not make
        upgrade=None if upgrade is None else {
            "tier": upgrade.key, "label": upgrade.label,
            "limit": upgrade.limits.get("platforms", 0),
        },
        upgrade_url=allowed.upgrade_url,
    )  # fmt: skip


def refuse_if_elsewhere(
    session: Session, platform: Platform, identity: Identity, actor: Actor
) -> None:
    """Refuse an account that another space holds: two spaces would spend each other's tokens.

    This is for the words. That it holds also at the same moment is a unique index's work.

    Args:
        session: of the system, for it looks across spaces.

    Raises:
        ConflictError: naming no one; whoever may, knows where it is connected.
    """
    other = session.scalars(
        select(SocialAccount.id).where(
            SocialAccount.platform == platform.name,
            SocialAccount.platform_user_id == identity.platform_user_id,
            SocialAccount.space_id != actor.space_id,
        )
    ).first()
    if other is not None:
        raise ConflictError(
            f"This {platform.label} account is already connected in another space. Disconnect it"
            " there first. Nothing was changed here.",
            extra={"reason": "connected_elsewhere"},
        )


def store_connection(
    session: Session,
    host: Host,
    actor: Actor,
    platform: Platform,
    *,
    identity: Identity,
    credentials: Credentials,
    allowed: Allowance,
) -> AccountOut:
    """Store a new connection, or renew the one of the same account; posts that waited go on.

    Raises:
        ConflictError: another account of this platform is connected here.
        LimitReachedError: the tier has no room.
        sqlalchemy.exc.IntegrityError: the same account was stored at this moment; look again.
    """
    assert actor.space_id is not None
    assert actor.user_id is not None
    now = datetime.now(UTC)
    row = session.scalars(
        select(SocialAccount).where(SocialAccount.platform == platform.name).with_for_update()
    ).first()
    if row is not None and row.platform_user_id != identity.platform_user_id:
        raise ConflictError(
            f"{platform.label} is connected as @{row.platform_username} here. Disconnect that"
            " account first: its scheduled posts must not go out from another one.",
            extra={"reason": "other_account"},
        )
    if row is None:
        _take_turns(session, host, actor.space_id)
        check_room(session, platform, allowed)
        row = SocialAccount(
            id=new_id(), space_id=actor.space_id, user_id=actor.user_id, platform=platform.name,
            platform_user_id=identity.platform_user_id, scopes=[], connected_at=now,
        )  # fmt: skip
        session.add(row)
    row.platform_username, row.display_name = identity.username, identity.display_name
    row.is_valid, row.last_error, row.last_validated_at, row.updated_at = True, None, now, now
    vault.store_credentials(session, host, row, credentials)
    state = session.get(AccountState, row.id)
    if state is None:
        session.add(AccountState(account_id=row.id, space_id=row.space_id, token_version=1))
    else:
        state.token_version += 1  # a refresh under way must not overwrite what came now
        state.refresh_owner = state.refresh_until = None
    session.flush()
    _take_back_posts(session, row)
    holds.release(session, row)
    return get_account(session, row.id)


def _take_turns(session: Session, host: Host, space_id: UUID) -> None:
    """Let one connection of a space be stored at a time: two would find the same room free."""
    if host.database.is_postgres:  # SQLite has one writer anyway
        key = func.hashtextextended(f"passivepost.connect {space_id}", 0)
        session.execute(select(func.pg_advisory_xact_lock(key)))


def _take_back_posts(session: Session, row: SocialAccount) -> None:
    """Give posts that lost this very account when it was disconnected to it again."""
    ours = select(PostDetails.post_id).where(
        PostDetails.disconnected_from == row.platform_user_id, PostDetails.space_id == row.space_id
    )
    ids = session.scalars(
        update(SocialPost)
        .where(
            SocialPost.platform == row.platform,
            SocialPost.account_id.is_(None),
            SocialPost.space_id == row.space_id,
            SocialPost.id.in_(ours),
        )
        .values(account_id=row.id)
        .returning(SocialPost.id)
        .execution_options(synchronize_session=False)
    ).all()
    holds.reattach(session, ids, row.id)


def disconnect(session: Session, account_id: UUID) -> tuple[AccountOut, int]:
    """Delete an account with its tokens; its scheduled posts are held until it comes back.

    Returns:
        The account as it was, and how many posts are held now.

    Raises:
        NotFoundError: there is no such account in this space.
        ConflictError: a post of it is on its way at this moment.
    """
    row = session.scalars(
        select(SocialAccount).where(SocialAccount.id == account_id).with_for_update()
    ).first()
    if row is None:
        raise NotFoundError("There is no such account here.")
    sending = session.scalar(
        select(func.count())
        .select_from(SocialPost)
        .where(
            SocialPost.space_id == row.space_id,
            in_state(SocialPost, ("posting",)),
            SocialPost.account_id == row.id,
        )
    )
    if sending:
        raise ConflictError(
            "A post of this account is being sent, or was sent without an answer. Nothing was"
            " disconnected. Try again in a minute, or decide first what became of that post."
        )
    account = get_account(session, account_id)
    mine = select(SocialPost.id).where(
        SocialPost.space_id == row.space_id,
        SocialPost.account_id == row.id,
        in_state(SocialPost, ("draft", "scheduled", "approved", "queued", "failed")),
    )
    session.execute(
        update(PostDetails)
        .where(PostDetails.space_id == row.space_id, PostDetails.post_id.in_(mine))
        .values(disconnected_from=row.platform_user_id)
        .execution_options(synchronize_session=False)
    )
    held = holds.detach(session, row, "The account was disconnected.")
    session.delete(row)
    session.flush()
    return account, held


def mark(session: Session, account_id: UUID, *, valid: bool, error: str | None) -> None:
    """Note what a check found. A lasting refusal also holds the account's scheduled posts.

    An account that is gone by now is passed over.
    """
    row = session.get(SocialAccount, account_id, with_for_update=True)
    if row is None:
        return
    now = datetime.now(UTC)
    row.is_valid, row.last_error, row.updated_at = valid, error, now
    if valid:
        row.last_validated_at = now
        holds.release(session, row)
    else:
        holds.hold(session, row, error or "The account must be connected again.")
    session.flush()
