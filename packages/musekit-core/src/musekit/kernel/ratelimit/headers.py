"""How an answer tells of the limit it counted against.

The fields are those of draft-ietf-httpapi-ratelimit-headers up to revision 07, which is what
clients in use read: ``RateLimit-Limit``, ``-Remaining``, ``-Reset`` (seconds) and ``-Policy``.
"""

from __future__ import annotations

from starlette.types import Scope

from musekit.kernel.ratelimit.window import Verdict

_KEY = "musekit_limit"


def remember(state: dict[str, object], verdict: Verdict) -> None:
    """Note the verdict of a request; of several, the one with the least left is told."""
    known = state.get(_KEY)
    if not isinstance(known, Verdict) or verdict.remaining <= known.remaining:
        state[_KEY] = verdict


def headers_of(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell of a request's limit; none if it was not counted."""
    verdict = scope.get("state", {}).get(_KEY)
    if not isinstance(verdict, Verdict):
        return []
    return [
        (b"ratelimit-limit", b"%d" % verdict.limit),
        (b"ratelimit-remaining", b"%d" % verdict.remaining),
        (b"ratelimit-reset", b"%d" % verdict.reset),
        (b"ratelimit-policy", b"%d;w=%d" % (verdict.limit, verdict.seconds)),
    ]
