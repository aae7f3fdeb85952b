"""What is said when an answer of an identity provider proves nothing."""

from __future__ import annotations

from musekit.api import ForbiddenError


class UnprovenError(ForbiddenError):
    """The answer was refused. Nobody was signed in.

    Args:
        reason: what is wrong with it, for the admin who set the connection up. It quotes nothing
            of the answer.
    """

    status, code, title = 422, "saml-answer-refused", "You are not signed in"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The answer of your organization’s sign-in service was refused: {reason}. Nobody was"
            " signed in and nothing was changed. Start again from the sign-in page; if it stays"
            " like this, show this text to whoever runs sign-in in your organization."
        )
        self.reason = reason
