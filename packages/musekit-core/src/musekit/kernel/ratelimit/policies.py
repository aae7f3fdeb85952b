"""The core's policies: how often which kind of route may be asked.

A route states another by ``limit=`` on its access rule. Each rate is a setting,
``MUSEKIT_LIMIT_<NAME>``.
"""

from __future__ import annotations

from musekit.declarations import RateLimit

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MINUTE, _HOUR = 60, 3600


def _guarded(name: str, hits: int, seconds: int) -> RateLimit:
    """A policy that guards secrets: without the shared store it is counted durably, and halved."""
    return RateLimit(
        name=name, hits=hits, seconds=seconds, per="address", away="database",
        strict_hits=max(1, hits // 2),
    )  # fmt: skip


#: Not limited: cron, metrics and what other services send, which are known by a secret.
NONE = RateLimit(name="none", hits=0, seconds=1)
#: What one person does, by pages, tokens and scripts together. It stops a loop that has gone wild,
#: not work: an agency that schedules a month of posts for its clients sends hundreds of writes in
#: one go, and pages ask again by themselves while a tab is open. What may be done is bounded by the
#: caps of plans, and what guards secrets by the policies below; so these are as wide as one process
#: can well carry.
READS = RateLimit(name="reads", hits=1200, seconds=_MINUTE)
WRITES = RateLimit(name="writes", hits=1200, seconds=_MINUTE)
#: Who is not signed in has no caps, and one address less to do.
PUBLIC = RateLimit(name="public", hits=300, seconds=_MINUTE, per="address")
#: Tries to come in: of one address for one mailbox, of one address, for one mailbox. The last
#: bounds a guesser with many addresses, and is high because it can lock the owner out for a time.
SIGN_IN_PAIR = _guarded("sign-in-pair", 10, 15 * _MINUTE)
SIGN_IN = _guarded("sign-in-address", 100, 15 * _MINUTE)
SIGN_IN_MAILBOX = _guarded("sign-in-mailbox", 200, _HOUR)
SIGN_UP = _guarded("sign-up", 30, _HOUR)
#: Mails that somebody can have sent to an address: reset, verification, invitation.
RESET = _guarded("reset-address", 30, _HOUR)
RESET_MAILBOX = _guarded("reset-mailbox", 5, _HOUR)
APPROVAL = _guarded("approval", 20, 10 * _MINUTE)
#: Calls of models cost money: never uncounted (reliability: fail closed).
AI = RateLimit(
    name="ai", hits=30, seconds=_MINUTE, per="space", away="database", strict_hits=15
)  # fmt: skip

POLICIES = (
    READS, WRITES, PUBLIC, SIGN_IN_PAIR, SIGN_IN, SIGN_IN_MAILBOX, SIGN_UP, RESET, RESET_MAILBOX,
    APPROVAL, AI,
)  # fmt: skip


def usual(kind: str, method: str) -> RateLimit:
    """Return the policy of a route that states none.

    Args:
        kind: of its access rule.
    """
    if kind == "secret":
        return NONE
    if kind == "public":
        return PUBLIC
    return READS if method in _SAFE else WRITES
