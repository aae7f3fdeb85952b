"""The closed set of errors a platform method may raise. Anything else counts as outcome unknown.

`sent` on each class says what the publisher may conclude: False means the network has certainly
not taken the post, so it may be tried again without a person.
"""

from __future__ import annotations


class PlatformError(Exception):
    """Base of the closed set.

    Args:
        message: what happened, for the person: the network's own words where they help. Never a
            token; at most 2,000 characters are kept.
    """

    kind = "platform"

    def __init__(self, message: str) -> None:
        super().__init__(message[:2000])
        self.message = message[:2000]


class Retryable(PlatformError):
    """Known not done; try again later: a rate limit, an outage before the send.

    Args:
        retry_after: seconds until the network will listen again, if it said.
        rate_limited: True for a rate limit: the post is held, and no attempt is counted.
    """

    kind = "retryable"

    def __init__(
        self, message: str, *, retry_after: float | None = None, rate_limited: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.rate_limited = rate_limited


class AuthExpired(PlatformError):
    """The access token is not accepted any more; a refresh may mend it. Nothing was done."""

    kind = "auth_expired"


class AuthRevoked(PlatformError):
    """The grant is gone; only the person can connect again. Nothing was done."""

    kind = "auth_revoked"


class Rejected(PlatformError):
    """The network refuses this content for good. Nothing was done."""

    kind = "rejected"


class Duplicate(PlatformError):
    """The network says it already has this post.

    Args:
        existing_id: id of the post it names, if it names one. Evidence, not proof: it may be a
            ghost.
    """

    kind = "duplicate"

    def __init__(self, message: str, *, existing_id: str | None = None) -> None:
        super().__init__(message)
        self.existing_id = existing_id


class Misconfigured(PlatformError):
    """The deployment's set-up is wrong (client id, app permissions); the operator must act."""

    kind = "misconfigured"


class OutcomeUnknown(PlatformError):
    """The request may have been carried out: a time-out or a cut after the first byte, a 5xx."""

    kind = "unknown"
