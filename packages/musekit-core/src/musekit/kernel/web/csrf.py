"""Forged requests: another site must not act through a signed-in browser.

Three walls, each enough for today's browsers: the session cookie is SameSite=Lax; the headers
``Sec-Fetch-Site`` and ``Origin`` must not name another site; and a form of a signed-in person
carries a token of the session. Requests by API token carry nothing a browser adds by itself and
skip this.
"""

from __future__ import annotations

import base64
import hmac
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from musekit.errors import ForbiddenError
from musekit.kernel.actors import Actor

if TYPE_CHECKING:
    from musekit.kernel.host import Host

#: Name of the form field, and of the header that scripts (htmx) send instead.
FIELD, HEADER = "csrf_token", "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: What an HTML form can send to another site without asking (Fetch standard, "safelisted").
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


def remember(request: Request, token: str) -> None:
    """Note the token of the request's browser session; called by who resolves the actor."""
    request.state.musekit_csrf = token


def token_of(request: Request) -> str:
    """Return a token for a form, differently masked each time; empty without a session.

    Masked, because a compressed page that repeats a secret can be made to leak it (BREACH).
    """
    secret: str = getattr(request.state, "musekit_csrf", "")
    if not secret:
        return ""
    plain = secret.encode()
    mask = os.urandom(len(plain))
    mixed = bytes(a ^ b for a, b in zip(plain, mask, strict=True))
    return base64.urlsafe_b64encode(mask + mixed).decode()


def _matches(given: str, secret: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(given.encode("ascii"))
    except ValueError:
        return False
    half = len(raw) // 2
    plain = bytes(a ^ b for a, b in zip(raw[:half], raw[half:], strict=False))
    return bool(secret) and hmac.compare_digest(plain, secret.encode())


def same_origin(request: Request, host: Host) -> bool | None:
    """Say whether the browser says that the request comes from our own pages; None: it is silent.

    ``Sec-Fetch-Site: none`` is a person's own doing, such as a bookmark.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return None
    told = urlsplit(origin)
    ours = urlsplit(host.settings.public_url)
    if (told.scheme, told.netloc) == (ours.scheme, ours.netloc):
        return True
    # Reached under another name of ours: the Host header is checked against the trusted ones.
    return bool(told.netloc) and told.netloc == request.headers.get("host")


async def check(request: Request, actor: Actor | None) -> None:
    """Refuse an unsafe request that another site may have caused.

    Raises:
        ForbiddenError: with what to do; nothing was changed.
    """
    if request.method in SAFE_METHODS or (actor is not None and actor.session_id is None):
        return
    ours = same_origin(request, request.app.state.host)
    if ours is False:
        raise ForbiddenError(
            "This request came from another site and was not carried out. Open the page here and"
            " repeat it."
        )
    if actor is None:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    bare = not kind and request.method == "POST"  # such as another site's script may send unasked
    if bare and ours:
        return  # the browser itself says that one of our pages sent it
    if kind not in FORM_TYPES and not bare:
        return  # no form can have sent it; a script of another site would have been asked first
    given = request.headers.get(HEADER, "")
    if not given and kind in FORM_TYPES[:2]:
        value = (await request.form()).get(FIELD)
        given = value if isinstance(value, str) else ""
    if bare and not given:
        raise ForbiddenError(
            "This request names no Content-Type, so another site may have caused it; it was not"
            " carried out. Send it with “Content-Type: application/json”, or by API token."
        )
    if not _matches(given, getattr(request.state, "musekit_csrf", "")):
        raise ForbiddenError(
            "The form is from an earlier sign-in and was not carried out. Reload the page and send"
            " it again."
        )
