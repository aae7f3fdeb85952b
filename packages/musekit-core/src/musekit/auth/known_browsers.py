"""Which browsers somebody has signed in by before: one that is new is told to its person.

The browser keeps the mark, in a cookie that says nothing and opens nothing: a keyed hash of the
user. So nothing is stored here of browsers, and a session that was signed out is not forgotten.
With a new password all browsers are new, for whoever knew the old one may have such a cookie.
"""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from musekit.auth.models import User
from musekit.kernel.host import Host
from musekit.kernel.web.cookies import get_cookie, set_cookie

COOKIE = "known"
LASTS = timedelta(days=365)
#: People who share a browser: the last ones who signed in by it are kept.
MOST = 5
_PURPOSE = "known-browser"


def is_known(request: Request, host: Host, user: User) -> bool:
    """Say whether the browser of a request has the mark of a user."""
    held = _held(request, host)
    return any(
        hmac.compare_digest(_mark(key, user), mark)
        for key in host.keyring.subkeys(_PURPOSE)
        for mark in held
    )


def also(request: Request, host: Host, user: User) -> str:
    """Return the cookie's value by which the browser of a request is known for a user, too."""
    mine = _mark(host.keyring.subkey(_PURPOSE), user)
    return ".".join([mine, *(mark for mark in _held(request, host) if mark != mine)][:MOST])


def remember(response: Response, host: Host, value: str) -> None:
    """Give the browser the cookie."""
    set_cookie(response, host.settings, COOKIE, value, max_age=int(LASTS.total_seconds()))


def _held(request: Request, host: Host) -> list[str]:
    given = get_cookie(request, host.settings, COOKIE)
    return given.split(".")[:MOST] if given.isascii() else []


def _mark(key: bytes, user: User) -> str:
    changed = user.password_changed_at.isoformat() if user.password_changed_at else ""
    made = hmac.digest(key, f"{user.id}|{changed}".encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(made).decode().rstrip("=")
