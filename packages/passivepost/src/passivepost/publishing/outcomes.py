"""What an error of a platform means for a post: the one place where that is decided.

Errors of the closed set in `passivepost.sdk.errors` say that nothing was done. `NotSent` says it
too. Whatever else comes out of a call, a time-out above all, leaves the outcome unknown.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from passivepost.accounts.calling import secrets_in, without
from passivepost.publishing.work import Claim, Move, Result
from passivepost.sdk.errors import (
    AuthExpired,
    AuthRevoked,
    Duplicate,
    Misconfigured,
    OutcomeUnknown,
    PlatformError,
    Rejected,
    Retryable,
)
from passivepost.sdk.http import Interrupted, NotSent


class MediaMissing(Rejected):
    """A picture or video is gone, or is not the one that was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How often and how long to wait. Seconds."""

    retries: int
    retry_base: float
    retry_cap: float
    rate_limit_wait: float
    rate_limit_jitter: float
    reconcile: tuple[float, ...]  #: after the send
    misconfigured_wait: float = 900.0


def backoff(rules: Rules, tries: int) -> float:
    """Return the wait before try `tries` + 1: exponential, of which a random share is taken."""
    return max(1.0, random.uniform(0, min(rules.retry_cap, rules.retry_base * 2.0**tries)))  # noqa: S311


def result_of(claim: Claim, move: Move, **more: Any) -> Result:
    """Return a result of a claim, closing its attempt if it has one.

    The words of the network are kept without the account's secrets, which it may have repeated.
    """
    if more.get("message"):
        more["message"] = without(more["message"], secrets_in(claim.platform, claim.account))
    return Result(
        post_id=claim.post_id,
        space_id=claim.space_id,
        account_id=claim.account_id,
        token=claim.token,
        move=move,
        attempt_id=claim.attempt.id if claim.attempt else None,
        **more,
    )


def known_not_sent(claim: Claim, error: BaseException, rules: Rules) -> Result:
    """Return what becomes of a post after an error that came before the network took anything.

    Args:
        error: of the closed set except `OutcomeUnknown`, or `NotSent`; anything when the post was
            only being prepared.
    """
    words = error.message if isinstance(error, PlatformError) else _words(error)
    shared: dict[str, Any] = {
        "outcome": "not_sent" if claim.attempt else None,
        "message": words,
        "error_class": getattr(error, "kind", "not_sent"),
    }
    match error:
        case Retryable(rate_limited=True):
            wait = rules.rate_limit_wait if error.retry_after is None else error.retry_after
            wait = max(0.0, wait) + random.uniform(0, rules.rate_limit_jitter)  # noqa: S311
            return result_of(
                claim, Move.QUEUED, hold="rate_limited", whole_account=True, delay=wait,
                retry_after=error.retry_after, **shared,
            )  # fmt: skip
        case AuthExpired() | AuthRevoked():
            return result_of(
                claim, Move.QUEUED, hold="reconnect", whole_account=True, delay=None, **shared
            )
        case Misconfigured():
            return result_of(
                claim, Move.QUEUED, hold="misconfigured", delay=rules.misconfigured_wait, **shared
            )
        case MediaMissing():
            return result_of(claim, Move.QUEUED, hold="media_missing", delay=None, **shared)
        case Rejected():
            shared["outcome"] = "rejected" if claim.attempt else None
            return _final(claim, "rejected", shared, rules)
        case Duplicate():
            shared["outcome"] = "duplicate" if claim.attempt else None
            return _final(claim, "duplicate", shared, rules)
    if claim.tries + 1 > rules.retries:
        return _final(claim, "retries", shared, rules)
    wait = backoff(rules, claim.tries)
    asked = getattr(error, "retry_after", None)
    return result_of(
        claim, Move.QUEUED, counted=True, delay=max(wait, asked or 0.0), retry_after=asked, **shared
    )


def not_refreshed(claim: Claim, error: Exception, rules: Rules) -> Result:
    """Return what becomes of a post whose account's token could not be refreshed.

    A network that cannot refresh tokens at the moment fails no post: tries are not counted, and
    in the end the late window sends it to a person.
    """
    if isinstance(error, AuthExpired | AuthRevoked | Misconfigured):
        return known_not_sent(claim, error, rules)
    words = error.message if isinstance(error, PlatformError) else _words(error)
    wait = max(backoff(rules, 1), getattr(error, "retry_after", None) or 0.0)
    return result_of(
        claim, Move.QUEUED, delay=wait, message=words,
        outcome="not_sent" if claim.attempt else None, error_class="not_refreshed",
    )  # fmt: skip


def _final(claim: Claim, kind: str, shared: dict[str, Any], rules: Rules) -> Result:
    """Return the failure of a post: known not published, unless an earlier attempt is in doubt."""
    if claim.doubt and claim.attempt:
        return result_of(claim, Move.UNCONFIRMED, delay=first_look(claim, rules), **shared)
    ids = claim.progress.get("ids") or []
    return result_of(claim, Move.FAILED, failure_kind=kind, ids=[str(i) for i in ids], **shared)


def unknown(claim: Claim, error: BaseException, rules: Rules) -> Result:
    """Return what becomes of a post whose call may have been carried out.

    A network that knows a repeat by our key gets the same call again, a few times; elsewhere the
    post is looked for, and then a person decides. It is never called failed.
    """
    words = error.message if isinstance(error, OutcomeUnknown) else _words(error)
    shared = {"outcome": "unknown", "error_class": type(error).__name__, "message": words}
    if repeatable(claim) and claim.tries < rules.retries:
        return result_of(
            claim, Move.QUEUED, counted=True, failure_kind="unknown",
            delay=backoff(rules, claim.tries), **shared,
        )  # fmt: skip
    return result_of(claim, Move.UNCONFIRMED, delay=first_look(claim, rules), **shared)


def answered_duplicate(claim: Claim, error: Duplicate, rules: Rules) -> Result:
    """Return what a refusal as a repeat means: our own doing, or an older post of the account.

    With an earlier armed attempt of ours it may be our post that is live: then it is looked for
    at once. It is evidence, not proof, so it is never shown as posted unseen.
    """
    if not claim.doubt:
        return known_not_sent(claim, error, rules)
    return result_of(
        claim, Move.UNCONFIRMED, outcome="unknown", error_class="duplicate", message=error.message,
        delay=0.0 if first_look(claim, rules) is not None else None,
    )  # fmt: skip


def repeatable(claim: Claim) -> bool:
    """True if the network knows a repeat of this post as the same one."""
    return claim.platform.delivery.idempotency in {"native", "client_key"}


def first_look(claim: Claim, rules: Rules) -> float | None:
    """Return the seconds until the first read-back; None where the network offers none."""
    return rules.reconcile[0] if readable(claim) and rules.reconcile else None


def readable(claim: Claim) -> bool:
    """True if it can be looked up whether this post is live."""
    return "find_published" in claim.platform.features and claim.platform.delivery.read_back != "no"


def _words(error: BaseException) -> str:
    """Return words for a person from an error that was not made for people."""
    if isinstance(error, NotSent):
        return f"The network could not be reached: {error}"[:500]
    if isinstance(error, Interrupted):
        return "The connection broke before the network's answer came."
    if isinstance(error, TimeoutError):
        return "The network did not answer in time."
    # Not the text of the error: it was never meant to be shown and may hold anything.
    return f"An unexpected error ({type(error).__name__}) ended the call."
