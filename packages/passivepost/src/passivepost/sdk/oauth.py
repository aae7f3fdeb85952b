"""The token endpoint of OAuth 2.0 (RFC 6749 §4.1.3, §6; RFC 7009), as every platform needs it.

Plain functions over the platform's client: the host uses them for the callback, and
`Platform.refresh` inherits `refresh` for platforms that connect by `OAuth`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from passivepost.sdk.capabilities import OAuth
from passivepost.sdk.content import Credentials
from passivepost.sdk.errors import AuthRevoked, Misconfigured, PlatformError, Rejected, Retryable
from passivepost.sdk.http import AsyncClient, Response

#: Codes of errors as RFC 6749 §5.2 has them.
_CODE = re.compile(r"[a-z_]{1,40}")


async def exchange(
    http: AsyncClient, oauth: OAuth, *, code: str, redirect_uri: str, verifier: str | None
) -> Credentials:
    """Exchange an authorization code.

    Args:
        verifier: the PKCE verifier whose challenge was sent; None without PKCE.

    Raises:
        Rejected: the code is not accepted (used, expired): the person starts again.
        Misconfigured: the client id or secret is wrong.
        Retryable: the network has a fault or asks to wait.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if verifier:
        form["code_verifier"] = verifier
    return _credentials(await _token(http, oauth, form), oauth, None)


async def refresh(http: AsyncClient, oauth: OAuth, credentials: Credentials) -> Credentials:
    """Exchange the refresh token; what comes back replaces the old one if it differs.

    Raises:
        AuthRevoked: the grant is gone; connect again.
        Misconfigured, Retryable: as for `exchange`. Neither says anything about the grant.
    """
    if not credentials.refresh_token:
        raise AuthRevoked("This connection cannot be renewed. Connect the account again.")
    form = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token}
    try:
        answer = await _token(http, oauth, form)
    except Rejected as error:
        raise AuthRevoked("The network has ended this connection. Connect it again.") from error
    return _credentials(answer, oauth, credentials)


async def revoke(http: AsyncClient, oauth: OAuth, token: str) -> bool:
    """Tell the network to forget a token; False when it has no such endpoint or did not agree."""
    if not oauth.revoke_url:
        return False
    response = await _post(http, oauth, oauth.revoke_url, {"token": token})
    return response.status_code < 300


async def _post(http: AsyncClient, oauth: OAuth, url: str, form: dict[str, str]) -> Response:
    if oauth.client_auth == "body" or not oauth.client_secret:
        form = {**form, "client_id": oauth.client_id}
    if oauth.client_auth == "body" and oauth.client_secret:
        form = {**form, "client_secret": oauth.client_secret}
    basic = oauth.client_auth == "basic" and bool(oauth.client_secret)
    return await http.post(
        url,
        data=form,
        headers={"Accept": "application/json"},
        auth=(oauth.client_id, oauth.client_secret) if basic else None,
    )


async def _token(http: AsyncClient, oauth: OAuth, form: dict[str, str]) -> Mapping[str, Any]:
    response = await _post(http, oauth, oauth.token_url, form)
    try:
        body = response.json()
    except ValueError:
        body = None
    answer = body if isinstance(body, dict) else {}
    if response.status_code < 300 and answer.get("access_token"):
        return answer
    raise _refusal(response.status_code, str(answer.get("error", "")))


def _refusal(status: int, error: str) -> PlatformError:
    if error in {"invalid_client", "unauthorized_client"} or (status == 401 and not error):
        return Misconfigured("The network does not accept this deployment's client id or secret.")
    if status == 429:
        return Retryable("The network asks to wait.", rate_limited=True)
    if status >= 500 or status < 400:
        return Retryable(f"The network's sign-in had a fault ({status}).")
    # Shown to people, so only what has the form of a code: a network may repeat the request in it.
    code = error if _CODE.fullmatch(error) else status
    return Rejected(f"The network did not accept the sign-in ({code}). Start again.")


def _credentials(answer: Mapping[str, Any], oauth: OAuth, old: Credentials | None) -> Credentials:
    try:
        seconds = float(answer["expires_in"])
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
    except (KeyError, TypeError, ValueError):
        expires = None
    scopes = str(answer.get("scope") or "").replace(",", " ").split()
    return Credentials(
        access_token=str(answer["access_token"]),
        refresh_token=answer.get("refresh_token") or (old.refresh_token if old else None),
        expires_at=expires,
        scopes=tuple(scopes) or (old.scopes if old else tuple(oauth.scopes)),
        extra=old.extra if old else {},
    )
