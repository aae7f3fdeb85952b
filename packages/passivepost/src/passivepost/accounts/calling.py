"""Calling a platform's methods from outside of the publisher, and what of their errors is kept.

Networks repeat in their errors what they were sent, and authors pass it on. So the secrets of a
call are taken out of every error that comes from it, before anybody stores, shows or logs it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from musekit.api import Host, MuseKitError, hide_tokens
from passivepost.sdk.capabilities import CredentialForm, OAuth
from passivepost.sdk.content import Account, Credentials
from passivepost.sdk.errors import PlatformError
from passivepost.sdk.http import Interrupted, NotSent
from passivepost.sdk.platform import Platform

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

HIDDEN = "[hidden]"
#: Shorter values are words as well, and would be taken out of sentences.
SHORTEST = 6


def ask(
    host: Host,
    platform: Platform,
    fn: Callable[..., Awaitable[Result]],
    *args: Any,
    timeout: float,
    **kw: Any,
) -> Result:
    """Run a method of a platform in the portal, with the process's client as first argument.

    Args:
        timeout: seconds.

    Raises:
        PlatformError: without the secrets of the call; also for any other exception of the
            platform's code, whose text may hold anything and is not passed on.
        NotSent, Interrupted, TimeoutError, NotImplementedError: as they come.
    """
    try:
        return host.portal.call(fn, host.portal.client, *args, timeout=timeout, **kw)
    except PlatformError as error:
        known = list(secrets_in(platform, *args, *kw.values()))
        error.message = without(error.message, known)
        error.args = (error.message,)
        error.__cause__ = error.__context__ = None  # the network's own words, unread
        raise
    except (NotSent, Interrupted, TimeoutError, NotImplementedError, MuseKitError):
        raise
    except Exception as error:
        kind, where = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        # Not the exception itself: its text was made of what the network and we had said.
        logger.error("%s: its package ended in %s\n%s", platform.name, kind, where)  # noqa: TRY400
    raise PlatformError(f"The package of {platform.label} had a fault ({kind}).")


def without(text: str, secrets: Iterable[str | None]) -> str:
    """Return a text without these secrets, and without what looks like a token."""
    for secret in sorted({s for s in secrets if s and len(s) >= SHORTEST}, key=len, reverse=True):
        for form in {secret, quote(secret, safe="")}:
            text = text.replace(form, HIDDEN)
    return hide_tokens(text)


def secrets_in(platform: Platform | None, *things: Any) -> Iterator[str]:
    """Yield what is secret of a call's arguments; a bare text is taken for one."""
    connection = platform.connection if platform else None
    if isinstance(connection, OAuth):
        yield connection.client_secret
    for thing in things:
        if isinstance(thing, Account):
            thing = thing.credentials  # noqa: PLW2901
        if isinstance(thing, Credentials):
            yield from (thing.access_token, thing.refresh_token or "", *thing.extra.values())
        elif isinstance(thing, Mapping) and isinstance(connection, CredentialForm):
            secret = {field.name for field in connection.fields if field.secret}
            yield from (str(value) for name, value in thing.items() if name in secret)
        elif isinstance(thing, str):
            yield thing
