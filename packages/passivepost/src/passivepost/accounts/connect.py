"""The flows that connect, check and disconnect an account: units of work with calls in between.

No unit of work is open while the network is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from musekit.api import (
    Actor,
    ConflictError,
    DecryptionError,
    ForbiddenError,
    Host,
    InvalidError,
    MuseKitError,
    NotFoundError,
    UnavailableError,
    emit_webhook,
)
from passivepost.accounts import oauth, refresh, service, vault
from passivepost.accounts.calling import ask
from passivepost.accounts.registry import platforms_of
from passivepost.accounts.schemas import AccountOut, Check, Disconnected, Redirect
from passivepost.notifications.events import DISCONNECTED
from passivepost.sdk import oauth as token_endpoint
from passivepost.sdk.capabilities import CredentialForm, OAuth
from passivepost.sdk.content import Account, Credentials, Identity
from passivepost.sdk.errors import (
    AuthExpired,
    AuthRevoked,
    Misconfigured,
    PlatformError,
    Rejected,
)
from passivepost.sdk.http import Interrupted, NotSent
from passivepost.sdk.platform import Platform
from passivepost.tiers import allowance

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

TIMEOUT = 30.0  #: seconds for one call while a person waits
MAX_PENDING = 20  #: flows a user may have under way


def connect(
    host: Host, actor: Actor, name: str, values: Mapping[str, str] | None
) -> Redirect | AccountOut:
    """Begin a connection: by OAuth with a redirect, by a form with the account at once.

    Raises:
        InvalidError: the platform is unknown or not available, or fields are missing.
        ConflictError: the operator has not set it up; or see `service.store_connection`.
        ForbiddenError: OAuth by token; `continue_url` is where that user's browser goes on.
        LimitReachedError: the tier has no room.
    """
    platform = platforms_of(host).usable(name)
    if isinstance(platform.connection, CredentialForm):
        given = _fields(platform, platform.connection, values or {})
        _check_room(host, actor, platform)
        credentials = call(host, platform, platform.connect, given)
        return _finish(host, actor, platform, credentials)
    if values:
        raise InvalidError(f"{platform.label} is connected in the browser; it takes no `values`.")
    oauth.require_configured(platform)
    _check_room(host, actor, platform)
    assert actor.user_id is not None
    with host.database.session(actor) as session:
        if oauth.pending(session, actor.user_id) >= MAX_PENDING:
            raise ConflictError("Many connections are under way already. Finish one, or wait.")
        started = oauth.start(session, host, actor, platform)
    if actor.session_id is None:
        base = host.settings.public_url.rstrip("/")
        raise ForbiddenError(
            f"Connecting {platform.label} needs a browser. Open the link while signed in as the"
            " same user; it works once, for a few minutes.",
            extra={
                "reason": "browser_needed",
                "continue_url": f"{base}/api/social/connect/{started.secret}",
            },
            headers={"Cache-Control": "no-store"},
        )
    return {"platform": platform.name, "authorize_url": oauth.authorize_url(platform, started)}


def go_on(host: Host, actor: Actor, ticket: str) -> str:
    """Return where to send the browser that continues what a token asked for."""
    with host.database.session(actor) as session:
        name, started = oauth.adopt(session, host, actor, ticket)
    platform = platforms_of(host).usable(name)
    oauth.require_configured(platform)
    return oauth.authorize_url(platform, started)


def callback(
    host: Host, actor: Actor, name: str, *, state: str, code: str | None, error: str | None
) -> AccountOut:
    """Finish an OAuth connection.

    Args:
        error: what the platform sent instead of a code, such as ``access_denied``.

    Raises:
        ForbiddenError: the state is not one of this browser session, or not good any more.
        ConflictError: the person or the platform said no; or see `service.store_connection`.
    """
    platform = platforms_of(host).usable(name)
    if not isinstance(platform.connection, OAuth):
        raise NotFoundError("There is no such page.")
    connection = oauth.require_configured(platform)
    with host.database.session(actor) as session:
        taken = oauth.take(session, host, actor, platform, state)
    if error is not None or not code:
        denied = error == "access_denied"
        raise ConflictError(
            f"{platform.label} was not connected: "
            + ("access was declined." if denied else "it answered with an error.")
            + " Nothing was stored. Start again under Accounts when you like.",
            extra={"reason": "denied" if denied else "platform_error"},
        )
    credentials = call(
        host, platform, token_endpoint.exchange, connection,
        code=code, redirect_uri=taken.redirect_uri, verifier=taken.verifier,
    )  # fmt: skip
    return _finish(host, actor, platform, credentials)


def disconnect(host: Host, actor: Actor, account_id: UUID) -> Disconnected:
    """Destroy an account's tokens, ask the platform to forget them, hold its posts."""
    vault_failures: dict[UUID, DecryptionError] = {}
    with host.database.session(actor) as session:
        credentials = _credentials(vault_failures, session, host, account_id)
        account, held = service.disconnect(session, account_id)
        assert actor.space_id is not None
        emit_webhook(session, host, actor.space_id, DISCONNECTED, {
            "account": {
                "id": account_id, "platform": account["platform"],
                "handle": account["platform_username"], "message": "A person disconnected it.",
            }
        })  # fmt: skip
    platform = platforms_of(host).find(account["platform"])
    revoked: bool | None = None
    connection = platform.connection if platform else None
    if platform and isinstance(connection, OAuth) and connection.revoke_url and credentials:
        # The tokens are gone here whatever the platform says now.
        token = credentials.refresh_token or credentials.access_token
        try:
            revoked = call(host, platform, token_endpoint.revoke, connection, token)
        except MuseKitError:
            revoked = False
    if vault_failures:
        logger.warning("tokens of account %s could not be read; they were deleted", account_id)
    label = platform.label if platform else account["platform"]
    told = {
        True: f"{label} was told to forget them.",
        False: f"{label} could not be told; remove the app in its settings, too.",
        None: f"{label} offers no way to be told; remove the app in its settings, too.",
    }[revoked]
    kept = f" {held} scheduled posts wait until the account is connected again." if held else ""
    return {
        "id": account["id"],
        "platform": account["platform"],
        "tokens_destroyed": True,
        "revoked_at_platform": revoked,
        "posts_held": held,
        "detail": f"The stored tokens are deleted. {told}{kept}",
    }


def validate(host: Host, actor: Actor, account_id: UUID | None) -> list[Check]:
    """Ask the platforms whether the stored credentials still work, and store the answers."""
    failures: dict[UUID, DecryptionError] = {}
    with host.database.session(actor, readonly=True) as session:
        rows = service.list_accounts(session)
        if account_id is not None:
            rows = [row for row in rows if row["id"] == account_id]
            if not rows:
                raise NotFoundError("There is no such account here.")
        accounts = vault.load_accounts(
            session, host, [row["id"] for row in rows], failures=failures
        )
    checks: list[Check] = []
    for row in rows:
        account = accounts.get(row["id"])
        if account is None and _key_is_missing(failures.get(row["id"])):
            valid, detail = None, "The key of its tokens is missing; the operator puts it back."
        else:
            valid, detail = check_account(host, row["platform"], row["id"], account)
        with host.database.session(actor) as session:
            if valid is not None:
                service.mark(session, row["id"], valid=valid, error=None if valid else detail)
        checks.append(
            {
                "account_id": row["id"],
                "platform": row["platform"],
                "is_valid": row["is_valid"] if valid is None else valid,
                "detail": detail,
            }
        )
    return checks


def check_account(
    host: Host, name: str, account_id: UUID, account: Account | None
) -> tuple[bool | None, str]:
    """Return whether an account works, None when that cannot be told now; and a sentence."""
    platform = platforms_of(host).find(name)
    if platform is None:
        return None, f"No package for “{name}” is installed; nothing was changed."
    if account is None:
        return False, "The stored tokens cannot be read. Connect the account again."
    try:
        account = refresh.fresh(host, account, platform)
        try:
            ask(host, platform, platform.identify, account.credentials, timeout=TIMEOUT)
        except AuthExpired:
            stale = account.credentials.access_token
            account = refresh.refresh(host, account_id, stale=stale)
            ask(host, platform, platform.identify, account.credentials, timeout=TIMEOUT)
    except (AuthExpired, AuthRevoked):
        return False, f"{platform.label} does not accept this connection any more. Connect again."
    except (PlatformError, NotSent, Interrupted, TimeoutError, NotImplementedError) as error:
        said = getattr(error, "message", "") or "it could not be reached"
        return None, f"{platform.label} could not be asked: {said} Nothing was changed."
    return True, f"{platform.label} accepts this connection."


def call(
    host: Host,
    platform: Platform,
    fn: Callable[..., Awaitable[Result]],
    *args: Any,
    **kw: Any,
) -> Result:
    """Run a platform method in the portal; turn its errors into ones the API can show."""
    label = platform.label
    try:
        return ask(host, platform, fn, *args, timeout=TIMEOUT, **kw)
    except Rejected as error:
        raise InvalidError(error.message) from error
    except (AuthExpired, AuthRevoked) as error:
        raise ConflictError(
            f"{label} did not accept the sign-in: {error.message}", extra={"reason": "refused"}
        ) from error
    except Misconfigured as error:
        raise ConflictError(error.message, extra={"reason": "not_configured"}) from error
    except (PlatformError, NotSent, Interrupted, TimeoutError) as error:
        said = getattr(error, "message", "") or "It could not be reached."
        raise UnavailableError(
            f"{label} did not answer as it should. {said} Nothing was changed. Try again in a"
            " minute."
        ) from error


def _finish(host: Host, actor: Actor, platform: Platform, credentials: Credentials) -> AccountOut:
    identity: Identity = call(host, platform, platform.identify, credentials)
    assert actor.space_id is not None
    allowed = allowance(host, actor.space_id)

    def store() -> AccountOut:
        with host.database.session(Actor.system("connect"), readonly=True) as session:
            service.refuse_if_elsewhere(session, platform, identity, actor)
        with host.database.session(actor) as session:
            return service.store_connection(
                session,
                host,
                actor,
                platform,
                identity=identity,
                credentials=credentials,
                allowed=allowed,
            )

    try:
        return store()
    except IntegrityError:
        # The same account was stored at this moment: by another space, or in another tab of this
        # one. Its row can be seen now, so this says what is true, or renews it.
        return store()


def _check_room(host: Host, actor: Actor, platform: Platform) -> None:
    assert actor.space_id is not None
    allowed = allowance(host, actor.space_id)
    with host.database.session(actor, readonly=True) as session:
        service.check_room(session, platform, allowed)


def _fields(platform: Platform, form: CredentialForm, values: Mapping[str, str]) -> dict[str, str]:
    known = {field.name for field in form.fields}
    faults = [
        {"field": f"values.{name}", "message": "is not a field of this form"}
        for name in values
        if name not in known
    ]
    faults += [
        {"field": f"values.{field.name}", "message": f"{field.label} is missing"}
        for field in form.fields
        if field.required and not values.get(field.name, "").strip()
    ]
    if faults:
        names = ", ".join(field.name for field in form.fields)
        raise InvalidError(
            f"{platform.label} is connected with `values`: {names}. Nothing was stored.",
            errors=faults,
        )
    return {name: value.strip() for name, value in values.items()}


def _key_is_missing(error: DecryptionError | None) -> bool:
    return error is not None and error.reason == "unknown_key"


def _credentials(
    failures: dict[UUID, DecryptionError], session: Any, host: Host, account_id: UUID
) -> Credentials | None:
    try:
        account = vault.load_accounts(session, host, [account_id], failures=failures)
    except DecryptionError:
        return None
    return account[account_id].credentials if account_id in account else None
