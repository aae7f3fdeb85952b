"""Sending failed mail once more: each an edge, noted in the audit log."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.admin import mails
from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.email import outbox
from musekit.email.service import JOB
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def retry(request: Request, host: Host, actor: Actor, mail_id: UUID) -> bool:
    """Send a mail again; False if it is none that has failed and still has its text.

    Raises:
        NotFoundError: there is no such mail.
    """
    with host.database.session(SYSTEM) as session:
        mails.one(session, mail_id)
        done = outbox.retry(session, mail_id)
        if done:
            audit.record(session, actor, "mail.retried", target=("mail", mail_id), request=request)
    if done:
        host.broker.enqueue(JOB)
    return done


def retry_failed(request: Request, host: Host, actor: Actor) -> int:
    """Send the mails again that have failed lately; return how many (`mails.AT_ONCE` at most)."""
    with host.database.session(SYSTEM) as session:
        done = mails.retry_failed(session)
        if done:
            audit.record(
                session, actor, "mail.retried", target=("mail", "failed"), request=request,
                detail={"count": done},
            )  # fmt: skip
    if done:
        host.broker.enqueue(JOB)
    return done
