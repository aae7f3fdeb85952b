"""Who looks at the pages: an organization at work, somebody new, the operator, and a visitor."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from tests.isolation.deployment import running
from tests.isolation.things.auth import spare_token
from tests.isolation.things.federation import spare_identity
from tests.isolation.things.organizations import client_space, invitation, organization
from tests.isolation.things.posts import post
from tests.isolation.things.second_factors import spare_passkey
from tests.isolation.world import SYSTEM, Person, World

from musekit.auth.models import User
from musekit.billing.models import BillingCustomer, BillingPrice, BillingSubscription
from musekit.email import suppression
from musekit.kernel.database.types import utc_now
from musekit.kernel.queue.messages import Message
from musekit.kernel.queue.models import FailedJob, WorkerProcess
from musekit.kernel.queue.parking import park
from musekit.organizations.models import Organization, OrganizationMember
from passivepost.tiers import PRODUCT

_SECRET = secrets.token_urlsafe(24)
#: Ways in and payments are set up, so that their pages show all they can. Nobody is asked.
SETTINGS = {
    "MUSEKIT_AUTH_GOOGLE_CLIENT_ID": "an-app", "MUSEKIT_AUTH_GOOGLE_CLIENT_SECRET": _SECRET,
    "MUSEKIT_AUTH_GITHUB_CLIENT_ID": "an-app", "MUSEKIT_AUTH_GITHUB_CLIENT_SECRET": _SECRET,
    "MUSEKIT_BILLING_STRIPE_SECRET_KEY": "sk_test_nothing",
    "MUSEKIT_BILLING_STRIPE_WEBHOOK_SECRETS": "whsec_" + "x" * 32,
    "MUSEKIT_BILLING_STRIPE_URL": "http://127.0.0.1:9",
}  # fmt: skip
#: Long enough to show what a page does with names that have no room.
CREW = "Juniper & Sons, Bakers and Confectioners of the Old Market Square"
ADA = "Augusta Ada King-Noel, Countess of Lovelace"


@contextmanager
def world_of_pages(folder: Path) -> Iterator[World]:
    """Serve a deployment with something on every page."""
    with patch.dict(os.environ, SETTINGS), running("sqlite", folder) as world:
        world.add("newcomer")
        world.add("solo")
        world.add("operator", operator=True)
        _crew(world)
        _running(world)
        yield world


def _crew(world: World) -> None:
    """An organization whose owner is in its space, with all that belongs to one."""
    team, helper = world.add("team"), world.add("helper")
    belongs = organization(world, team)
    team.space_id = client_space(world, team)
    world.sign_in(team)
    for status in ("draft", "scheduled", "failed", "unconfirmed"):
        post(world, team, status)
    for thing in (invitation, spare_token, spare_passkey, spare_identity):
        thing(world, team)
    world.join(helper, team, "editor")
    with world.host.database.session(SYSTEM) as session:
        session.get_one(Organization, belongs).name = CREW
        user = session.get_one(User, team.user_id)
        user.name, user.email_verified_at = ADA, utc_now()
        session.add(
            OrganizationMember(organization_id=belongs, user_id=helper.user_id, role="editor")
        )
    _paying(world, team)


def _paying(world: World, team: Person) -> None:
    """Prices, and a subscription of the organization."""
    now = utc_now()
    with world.host.database.session(SYSTEM) as session:
        customer = BillingCustomer(
            organization_id=organization(world, team), email=team.email, stripe_id="cus_team"
        )
        session.add(customer)
        session.flush()
        for tier, amount in (("tier_2", 1900), ("tier_3", 4900)):
            for every, times in (("month", 1), ("year", 10)):
                session.add(
                    BillingPrice(
                        id=f"price_{tier}_{every}", stripe_product="prod_1", product=PRODUCT,
                        tier=tier, currency="usd", unit_amount=amount * times, interval=every,
                        active=True,
                    )
                )  # fmt: skip
        session.add(
            BillingSubscription(
                id="sub_team", customer_id=customer.id, product=PRODUCT, tier="tier_2",
                status="active", price_id="price_tier_2_month", currency="usd", unit_amount=1900,
                interval="month", current_period_end=now + timedelta(days=20), stripe_created=now,
            )
        )  # fmt: skip


def _running(world: World) -> None:
    """What an operator has to look after."""
    now = utc_now()
    with world.host.database.session(SYSTEM) as session:
        suppression.add(session, "gone@example.com", "*", "bounce", "550 no such mailbox")
        session.add_all([
            FailedJob(name="usage-sweep", ids={}, attempts=4, error="OSError: away", failed_at=now),
            WorkerProcess(
                host="machine-7", pid=4711, version="1", started_at=now, seen_at=now,
                running=["email-deliver"], services=[],
            ),
        ])  # fmt: skip
    park(world.host, Message(name="of-a-plugin-that-is-gone", ids={"post_id": "1"}), "unknown")


def cookies_of(person: Person | None) -> dict[str, str]:
    """Return the cookies of a person's browser; of nobody's there are none."""
    return {"musekit_session": person.secret} if person else {}
