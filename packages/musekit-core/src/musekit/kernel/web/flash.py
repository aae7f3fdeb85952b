"""Messages shown once, on the page after a redirect; kept in a signed cookie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

from musekit.errors import MuseKitError
from musekit.kernel.host import Host
from musekit.kernel.web.cookies import drop_cookie, get_cookie, set_cookie

Tone = Literal["success", "info", "warning", "danger"]

COOKIE = "flash"
#: Cookies are limited to 4 KB; what is said in passing is short.
MOST, LONGEST = 5, 500


def flash(request: Request, message: str, tone: Tone = "success") -> None:
    """Have a message shown with the next page."""
    added: list[tuple[Tone, str]] = getattr(request.state, "musekit_flash", [])
    request.state.musekit_flash = [*added, (tone, message[:LONGEST])][-MOST:]


@contextmanager
def refusals(
    request: Request, *errors: type[MuseKitError], tone: Tone = "danger"
) -> Iterator[None]:
    """Say with the next page why an act was refused, where an error would end the request.

    For forms that lead back to a page either way::

        with refusals(request, ConflictError):
            closing.reopen(request, host, actor, user_id)
            flash(request, "The account is open.")
        return redirect(f"/admin/users/{user_id}")

    Args:
        errors: what counts as a refusal; any other error goes on its way.
        tone: “info” where what was wanted is so already, such as a thing that is gone.
    """
    try:
        yield
    except errors as error:
        flash(request, error.detail, tone)


def take(request: Request, host: Host) -> list[tuple[Tone, str]]:
    """Return the messages waiting for this page, and those of this very request."""
    waiting = _read(get_cookie(request, host.settings, COOKIE), host)
    added: list[tuple[Tone, str]] = getattr(request.state, "musekit_flash", [])
    if waiting or added:
        request.state.musekit_flash = []  # `settle` then forgets the cookie
    return [*waiting, *added]


def settle(request: Request, headers: MutableHeaders, host: Host) -> None:
    """Store what was said and not yet shown; forget what was shown."""
    added: list[tuple[Tone, str]] = request.state.musekit_flash
    stored = get_cookie(request, host.settings, COOKIE)
    note = Response()
    if added:
        messages = [*_read(stored, host), *added][-MOST:]
        body = base64.urlsafe_b64encode(json.dumps(messages).encode()).decode()
        set_cookie(note, host.settings, COOKIE, f"{body}.{_sign(body, host)}", max_age=300)
    elif stored:
        drop_cookie(note, host.settings, COOKIE)
    for value in note.headers.getlist("set-cookie"):
        headers.append("set-cookie", value)


def _sign(body: str, host: Host) -> str:
    return hmac.new(host.keyring.subkey("flash"), body.encode(), hashlib.sha256).hexdigest()[:32]


def _read(cookie: str, host: Host) -> list[tuple[Tone, str]]:
    body, _, signature = cookie.partition(".")
    if not body or not hmac.compare_digest(signature.encode(), _sign(body, host).encode()):
        return []
    messages = json.loads(base64.urlsafe_b64decode(body))
    return [(tone, str(text)) for tone, text in messages if tone in get_args(Tone)]
