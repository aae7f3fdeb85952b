"""One mail, as it is kept and as it goes over the wire: the same bytes at every try."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from uuid import UUID

#: Seven bits, so that a server without 8BITMIME changes nothing on the way.
_WIRE = SMTP.clone(cte_type="7bit")
#: For mailboxes whose names are not ASCII (RFC 6532); their servers take eight bits.
_WIRE_UTF8 = SMTP.clone(utf8=True)


@dataclass(frozen=True, kw_only=True)
class Address:
    """A mailbox with the name of who reads it."""

    email: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail that is written: nothing of it is decided later.

    Attributes:
        message_id: ``<…@host>``; the same at every try, so that receivers know a copy.
        date: as RFC 5322 writes it.
        headers: further headers, such as ``List-Unsubscribe``.
    """

    id: UUID
    message_id: str
    to: Address
    sender: Address
    subject: str
    html: str
    text: str
    date: str
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> str:
        """Return what is kept encrypted: all but the columns of the outbox."""
        kept = {
            "sender": [self.sender.email, self.sender.name], "reply_to": self.reply_to,
            "date": self.date, "html": self.html, "text": self.text, "headers": dict(self.headers),
        }  # fmt: skip
        return json.dumps(kept, ensure_ascii=False)

    @classmethod
    def from_body(
        cls, body: str, *, id: UUID, message_id: str, to: Address, subject: str  # noqa: A002
    ) -> Mail:  # fmt: skip
        """Return the mail of an outbox row and its opened body."""
        kept: dict[str, Any] = json.loads(body)
        email, name = kept.pop("sender")
        return cls(
            id=id, message_id=message_id, to=to, subject=subject,
            sender=Address(email=email, name=name), **kept,
        )  # fmt: skip

    @property
    def is_ascii(self) -> bool:
        """False where a mailbox needs a server with SMTPUTF8 (RFC 6531)."""
        return (self.sender.email + self.to.email + self.reply_to).isascii()

    def as_bytes(self) -> bytes:
        """Return the message as SMTP sends it.

        Raises:
            ValueError: a header would hold a line break.
        """
        message = EmailMessage(policy=_WIRE if self.is_ascii else _WIRE_UTF8)
        message["From"] = mailbox(self.sender)
        message["To"] = mailbox(self.to)
        if self.reply_to:
            message["Reply-To"] = self.reply_to
        message["Subject"] = self.subject
        message["Date"] = self.date
        message["Message-ID"] = self.message_id
        # Answering machines stay silent (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        for name, value in self.headers.items():
            message[name] = value
        message.set_content(self.text)
        message.add_alternative(self.html, subtype="html")
        message.set_boundary(f"==={self.id.hex}===")  # by default it is drawn anew each time
        return message.as_bytes()


def mailbox(address: Address) -> HeaderAddress:
    """Return a mailbox as headers have it; ValueError if a line break is in it."""
    name, _, domain = address.email.rpartition("@")  # as a whole it would have to be ASCII
    return HeaderAddress(display_name=address.name, username=name, domain=domain)
