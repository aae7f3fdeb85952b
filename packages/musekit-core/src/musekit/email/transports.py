"""Ways for mail to leave, and what may come of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from musekit.email.mail import Mail
from musekit.email.settings import EmailSettings

if TYPE_CHECKING:
    from musekit.kernel.host import Host


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one try to send.

    Attributes:
        kind: ``accepted``; ``refused`` for good; ``later``: surely not taken, try again;
            ``unknown``: it may have been taken, so it is sent again as the same message.
        detail: for the operator; what the server said, no text of the mail.
        reference: the receiver's own name for the mail.
        bounced: the mailbox does not exist: nothing is to be sent there any more.
        down: it was not about this mail: no other would fare better now.
        wait: seconds that the receiver asked to wait for, if it did.
    """

    kind: Literal["accepted", "refused", "later", "unknown"]
    detail: str = ""
    reference: str = ""
    bounced: bool = False
    down: bool = False
    wait: float = 0.0


class Sender(Protocol):
    """An open way out, for a batch of mails one after another."""

    def send(self, mail: Mail) -> Outcome:
        """Try once to send a mail; what goes wrong is an outcome, not an error."""


class Transport(Protocol):
    """A way for mail to leave.

    Attributes:
        keeps: who looks into the outbox may read the mail there.
        copies_known_for_hours: how long after its first try a mail may be tried again although the
            receiver may have it; None: for as long as anybody likes.
    """

    name: str
    keeps: bool
    copies_known_for_hours: float | None

    def open(self) -> AbstractContextManager[Sender]:
        """Return a sender for a batch; connections are made and given back here."""


class KeptHere:
    """The outbox itself: a mail counts as sent and stays, to be read by the operator."""

    name = "outbox"
    keeps = True
    copies_known_for_hours: float | None = None

    @contextmanager
    def open(self) -> Iterator[Sender]:
        """Return itself: there is nothing to connect to."""
        yield self

    def send(self, mail: Mail) -> Outcome:
        """Accept."""
        return Outcome(kind="accepted")


def transport_of(host: Host) -> Transport:
    """Return the way that the settings name."""
    settings = host.settings_of(EmailSettings)
    if settings.provider == "smtp":
        from musekit.email.smtp import SmtpTransport

        return SmtpTransport(settings)
    if settings.provider == "resend":
        from musekit.email.resend import ResendTransport

        return ResendTransport(host, settings)
    return KeptHere()
