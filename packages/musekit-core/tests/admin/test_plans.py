"""Lists come from an index in their order, and single things by one, however many there are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from tests.support.explain import Explained, explaining

from musekit.admin import jobs, mails, organizations, plans, silence, trail, users
from musekit.ai import ledger as ai_ledger
from musekit.ai.models import AICallRecord
from musekit.audit import reading
from musekit.auth import sessions, tokens
from musekit.auth.models import User
from musekit.auth.secrets import new_token
from musekit.billing import ledger
from musekit.billing.models import BillingCustomer
from musekit.email import outbox
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.listing import newest_first
from musekit.organizations import invites
from musekit.products import usage
from musekit.testing.pytest_plugin import SignedIn
from musekit.webhooks import log, overview, queue
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint

SYSTEM = Actor.system("tests")
SOMEBODY = UUID("01890000-0000-7000-8000-000000000001")
Ask = Callable[[Session, Host], Any]
#: Of whom an operator's, an organization's, and one's own log is read.
SPACE = reading.Reach(None, "", {SOMEBODY: "A space"}, {})
ORGANIZATION = reading.Reach(SOMEBODY, "", {SOMEBODY: "A space"}, {})


def _webhooks(session: Session, host: Host) -> Any:
    at = WebhookEndpoint.created_at
    return newest_first(session, host, overview.query(), at, WebhookEndpoint.id)


def _deliveries(session: Session, host: Host) -> Any:
    query, at = log.deliveries(SOMEBODY, SOMEBODY), WebhookDelivery.created_at
    return newest_first(session, host, query, at, WebhookDelivery.id)


def _calls(space_id: UUID | None) -> Ask:
    def ask(session: Session, host: Host) -> Any:
        query, at = ai_ledger.calls(space_id), AICallRecord.started_at
        return newest_first(session, host, query, at, AICallRecord.id)

    return ask


#: Lists that are read page by page: an index gives their rows in their order.
LISTS: dict[str, Ask] = {
    "users": lambda s, h: users.page(s, h),
    "organizations": lambda s, h: organizations.page(s, h),
    "grants of a product": lambda s, h: plans.page(s, h, "things"),
    "failed jobs": lambda s, h: jobs.page(s, h, "failed"),
    "parked jobs": lambda s, h: jobs.page(s, h, "parked"),
    "audit log": lambda s, h: trail.page(s, h),
    "audit log of a space": lambda s, h: reading.page(s, h, SPACE),
    "outbox": lambda s, h: mails.page(s, h),
    "suppressions": lambda s, h: silence.page(s, h),
    "AI calls": _calls(None),
    "AI calls of a space": _calls(SOMEBODY),
    "events of Stripe": lambda s, h: ledger.events(s, h),
    "events of a customer": lambda s, h: ledger.events_of(s, BillingCustomer(stripe_id="cus_1")),
    "customers": lambda s, h: ledger.customers(s, h),
    "webhooks": _webhooks,
    "deliveries of a webhook": _deliveries,
}
#: What is asked all the time: found by an index; what is found may be sorted, for it is little.
FOUND: dict[str, Ask] = {
    "a session": lambda s, h: sessions.find(s, "secret"),
    "sessions of a person": lambda s, h: sessions.list_of(s, SOMEBODY),
    "a token": lambda s, h: tokens.find(s, new_token()),
    "tokens of a person": lambda s, h: tokens.list_of(s, SOMEBODY),
    "invitations of an organization": lambda s, h: invites.pending(s, SOMEBODY),
    "counts of a space": lambda s, h: usage.used(s, SOMEBODY, "things", "made", ["2026-11"]),
    "mail that is due": lambda s, h: outbox.waiting(s),
    "deliveries that are due": lambda s, h: queue.is_due(s),
    "what a person did": lambda s, h: trail.about(s, h, SOMEBODY),
    "what an organization did": lambda s, h: reading.page(s, h, ORGANIZATION),
    "grants of a person": lambda s, h: plans.grants_of(s, plans.Owner(user_id=SOMEBODY)),
}


def explained(host: Host, ask: Ask) -> list[Explained]:
    with (
        host.database.session(SYSTEM) as session,
        explaining(host, indexes_only=True) as found,
    ):
        ask(session, host)
    assert found, "nothing was asked"
    return found


def reads_all(plan: str) -> bool:
    """True if a table is read from end to end, and not in the order of an index."""
    return bool(re.search(r"Seq Scan|^SCAN (?!.*USING)", plan, re.MULTILINE))


def sorts(plan: str) -> bool:
    return bool(re.search(r"Sort|TEMP B-TREE", plan))


def test_lists_come_in_the_order_of_an_index(host: Host) -> None:
    faults = {}
    for name, ask in LISTS.items():
        first = explained(host, ask)[0]
        assert "ORDER BY" in first.statement, name
        if reads_all(first.plan) or sorts(first.plan):
            faults[name] = first
    assert not faults


def test_what_is_asked_all_the_time_is_found_by_an_index(host: Host) -> None:
    faults = {
        name: each
        for name, ask in FOUND.items()
        for each in explained(host, ask)
        if reads_all(each.plan)
    }
    assert not faults


def test_the_next_page_begins_where_the_one_before_has_ended(
    host: Host, make_user: Callable[..., SignedIn]
) -> None:
    make_user()
    make_user()
    with host.database.session(SYSTEM, readonly=True) as session:
        first = newest_first(session, host, select(User), User.created_at, User.id, size=1)
    assert first.next is not None
    further = explained(host, lambda s, h: users.page(s, h, after=str(first.next)))[0]
    assert not reads_all(further.plan), further
    assert not sorts(further.plan), further
    condition = re.search(r"Index Cond|SEARCH users USING", further.plan)
    assert condition, further  # it does not read what came before


@pytest.mark.parametrize("look", ["sorted", "read"])
def test_a_missing_index_is_noticed(host: Host, look: str) -> None:
    by = User.name if look == "sorted" else User.created_at
    query = select(User).order_by(by) if look == "sorted" else select(User).where(User.name == "x")
    found = explained(host, lambda s, h: s.scalars(query).all())[0]
    assert (sorts if look == "sorted" else reads_all)(found.plan), found
