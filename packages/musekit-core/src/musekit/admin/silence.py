"""Mailboxes that get no mail, as the operator sees and changes them."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.auth.accounts import email_key
from musekit.email import suppression
from musekit.email.models import Suppression
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, holding, newest_first

Cause = Literal["all", "bounce", "complaint", "unsubscribed", "operator"]


def page(
    session: Session, host: Host, *, search: str = "", reason: Cause = "all", after: str = ""
) -> Listed[Suppression]:
    """Return mailboxes whose address holds a text, the newest first. Runs as the system."""
    query: Any = select(Suppression).where(*holding(search, Suppression.email_key))
    if reason != "all":
        query = query.where(Suppression.reason == reason)
    return newest_first(
        session, host, query, Suppression.created_at, Suppression.email_key, Suppression.category,
        after=after,
    )  # fmt: skip


def add(request: Request, host: Host, actor: Actor, address: str) -> None:
    """Send a mailbox no mail at all any more; an edge. InvalidError if it is no address."""
    key = email_key(address)
    with host.database.session(SYSTEM) as session:
        suppression.add(session, key, suppression.EVERYTHING, "operator")
        audit.record(session, actor, "mailbox.silenced", request=request)


def remove(request: Request, host: Host, actor: Actor, address: str, category: str) -> bool:
    """Let a mailbox have mail of a category again; False if it was let already. An edge."""
    with host.database.session(SYSTEM) as session:
        if session.get(Suppression, (address, category)) is None:
            return False
        suppression.remove(session, address, category)
        audit.record(
            session, actor, "mailbox.reopened", request=request, detail={"category": category}
        )
    return True
