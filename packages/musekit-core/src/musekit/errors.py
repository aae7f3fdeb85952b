"""The errors a service may raise; the web edge renders them as ``application/problem+json``.

A message is for the person who meets it: what happened, what was not lost, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class MuseKitError(Exception):
    """Base of all business errors.

    Args:
        detail: one or two sentences for the person; never a secret, never a stack trace.
        extra: JSON-ready members added to the problem document.
        headers: response headers, such as ``Retry-After``.
    """

    status: int = 400
    code: str = "bad-request"
    title: str = "The request cannot be done as sent"

    def __init__(
        self,
        detail: str,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class NotSignedInError(MuseKitError):
    """Nobody is signed in, or the token is not known."""

    status, code, title = 401, "not-signed-in", "Sign in first"


class ForbiddenError(MuseKitError):
    """The actor is known but lacks the right."""

    status, code, title = 403, "forbidden", "This needs a right that you do not have"


class ReauthenticationNeededError(ForbiddenError):
    """The act is dangerous, and it is too long ago that the person proved who they are."""

    code, title = "reauthenticate", "Confirm that it is you"


class ImpersonatedError(ForbiddenError):
    """The act is the person's own, and an operator is acting as them."""

    code, title = "impersonated", "Not while you act as somebody else"


class OtherWayInError(ForbiddenError):
    """The session was opened by an organization's own service, and enters its spaces alone."""

    code, title = "other-way-in", "Sign in your own way first"

    @classmethod
    def told(cls) -> OtherWayInError:
        """Return the error with what to do."""
        return cls(
            "You came in by your organization's own service, which opens that organization and"
            " nothing else. Sign out, and sign in with a password, a passkey or an account of"
            " yours elsewhere."
        )


class NotFoundError(MuseKitError):
    """There is no such thing, or it is another space's: the two look the same."""

    status, code, title = 404, "not-found", "There is no such thing here"


class ConflictError(MuseKitError):
    """The thing is in a state that does not allow this."""

    status, code, title = 409, "conflict", "Not possible in the present state"


class InvalidError(MuseKitError):
    """Input that is well-formed but not acceptable.

    Args:
        errors: one mapping per fault: ``field`` (dotted), ``message``, and what else helps.
    """

    status, code, title = 422, "invalid", "Some of the input cannot be accepted"

    def __init__(
        self, detail: str, *, errors: Sequence[Mapping[str, Any]] = (), **extra: Any
    ) -> None:
        super().__init__(detail, extra={"errors": list(errors), **extra} if errors else extra)


class LimitReachedError(MuseKitError):
    """A cap of the tier, or a rate limit.

    Args:
        retry_after: seconds until it may work again; None when waiting does not help.
    """

    status, code, title = 429, "limit-reached", "A limit is reached"

    def __init__(self, detail: str, *, retry_after: float | None = None, **extra: Any) -> None:
        headers = {"Retry-After": str(max(1, round(retry_after)))} if retry_after else {}
        super().__init__(detail, extra=extra, headers=headers)


class UnavailableError(MuseKitError):
    """Something this needs is away for the moment; nothing was lost."""

    status, code, title = 503, "unavailable", "Not available at the moment"


class ConfigurationError(Exception):
    """The deployment is set up wrongly. The message names the setting and the plugin."""


class TenancyError(Exception):
    """Code tried to reach tenant data without, or outside, its actor's space. Always a bug."""
