"""What a person reads in their mailbox, where mail is kept here."""

from __future__ import annotations

import re

from sqlalchemy import select

from musekit.auth.reset import send_asked
from musekit.email import service
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host

SYSTEM = Actor.system("tests")


def mails(host: Host, email: str, template: str) -> list[str]:
    """The plain texts of the mails to an address, the newest last."""
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(
            select(OutboxMail)
            .where(OutboxMail.to_email == email, OutboxMail.template == template)
            .order_by(OutboxMail.created_at)
        ).all()
    return [service.unseal(host, row).text for row in rows]


def link(host: Host, email: str, template: str) -> str:
    """The path of the link in the newest mail; the jobs that write it have run."""
    send_asked(host)
    found = re.search(r"https?://[^/\s]+(/\S+)", mails(host, email, template)[-1])
    assert found
    return found[1]
