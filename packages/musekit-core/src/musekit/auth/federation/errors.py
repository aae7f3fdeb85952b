"""What goes wrong when somebody comes by another service."""

from __future__ import annotations

from musekit.errors import MuseKitError


class ProofError(MuseKitError):
    """The answer of a provider proves nothing.

    Args:
        detail: for the person.
        reason: for the operator's log: which check it was, never a value that was sent.
    """

    status, code, title = 403, "identity-not-proven", "Not signed in"

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class FlowGoneError(MuseKitError):
    """No flow of this browser that goes on: strange, used, too old, or begun elsewhere."""

    status, code, title = 410, "sign-in-over", "Start again"


class KnownAddressError(MuseKitError):
    """An account has the address already; it is never linked by that alone."""

    status, code, title = 409, "link-first", "There is an account with this address"


def not_proven(label: str, reason: str) -> ProofError:
    """Return the error for an answer that is not good. Which check it was is told to the log."""
    return ProofError(
        f"{label} did not prove who you are. Nothing was changed. Start again, or come in another"
        " way.",
        reason=reason,
    )
