"""Cookies as this application sets them: not for scripts, not for other sites, not over HTTP."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from musekit.kernel.settings import CoreSettings


def is_secure(settings: CoreSettings) -> bool:
    """True when browsers reach this deployment by https."""
    return settings.public_url.lower().startswith("https://")


def cookie_name(settings: CoreSettings, name: str) -> str:
    """Return a cookie's full name; ``__Host-`` keeps a sibling domain from setting it."""
    return f"__Host-musekit_{name}" if is_secure(settings) else f"musekit_{name}"


def set_cookie(
    response: Response,
    settings: CoreSettings,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    same_site: Literal["lax", "strict"] = "lax",
) -> None:
    """Set a cookie for the whole site, `max_age` in seconds (None: until the browser closes)."""
    response.set_cookie(
        cookie_name(settings, name), value, max_age=max_age, path="/",
        secure=is_secure(settings), httponly=True, samesite=same_site,
    )  # fmt: skip


def get_cookie(request: Request, settings: CoreSettings, name: str) -> str:
    """Return a cookie's value, or an empty string."""
    return request.cookies.get(cookie_name(settings, name), "")


def drop_cookie(response: Response, settings: CoreSettings, name: str) -> None:
    """Tell the browser to forget a cookie."""
    response.delete_cookie(
        cookie_name(settings, name), path="/", secure=is_secure(settings), httponly=True,
        samesite="lax",
    )  # fmt: skip
