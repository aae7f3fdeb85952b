"""Which addresses a space may name, and what of one is shown to those who are not of the space."""

from __future__ import annotations

from urllib.parse import urlsplit

from musekit.errors import InvalidError
from musekit.kernel.host import Host
from musekit.kernel.outbound.client import Refused

LONGEST = 2000


def checked(host: Host, url: str) -> str:
    """Return an address that may be called, as far as its spelling tells.

    The guard judges again at each call, after the name was resolved: a name that is public today
    may lead inside tomorrow.

    Raises:
        InvalidError: it may not be called, or what is told would travel in the clear.
    """
    url = url.strip()
    if not url or len(url) > LONGEST or not url.isprintable():
        raise _invalid(f"Give an address of at most {LONGEST:,} characters.")
    try:
        parsed = host.outbound.guard.check(url)
    except Refused as error:
        raise _invalid(str(error)) from None
    allowed = host.outbound.guard.allows(parsed.raw_host or "", parsed.port or 0)
    if parsed.scheme != "https" and not allowed:
        raise _invalid("What is told would travel in the clear: use https.")
    if parsed.raw_fragment:
        raise _invalid("Leave out what follows the #: it is never sent.")
    return url


def shown(url: str) -> str:
    """Return the host of an address: paths and queries of receivers often hold a key."""
    return urlsplit(url).hostname or "?"


def _invalid(message: str) -> InvalidError:
    return InvalidError("The webhook was not saved.", errors=[{"field": "url", "message": message}])
