"""A mail when a limit is near: once, to who decides on the plan."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from musekit.email import service as email
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.organizations.models import OrganizationMember
from musekit.products import tiers, usage
from musekit.products.models import UsageCounter
from musekit.products.warning import warn
from musekit.testing.plans import grant
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("test")
PRODUCT, DAY = "things", "2026-11-23"


@pytest.fixture
def ada(make_user: Callable[..., SignedIn]) -> SignedIn:
    return make_user()


def use(host: Host, space_id: UUID, amount: int, metric: str = "made", day: str = DAY) -> None:
    allowed = tiers.allowance(host, PRODUCT, space_id)
    with host.database.session(SYSTEM) as session:
        usage.take(
            session, space_id, PRODUCT, [usage.Take(metric, "made_per_day", day, amount)], allowed
        )


def mails(host: Host) -> list[Any]:
    with host.database.session(SYSTEM, readonly=True) as session:
        return list(
            session.scalars(
                select(OutboxMail).where(OutboxMail.template == "usage-near-limit")
            ).all()
        )


def test_it_is_told_once_from_80_percent_on(host: Host, ada: SignedIn) -> None:
    use(host, ada.space_id, 3)
    assert warn(host) == 0
    use(host, ada.space_id, 1)
    assert warn(host) == 1
    use(host, ada.space_id, 1)
    assert warn(host) == 0
    (mail,) = mails(host)
    assert (mail.to_email, mail.in_space_id, mail.category) == (ada.email, ada.space_id, "usage")
    text = email.unseal(host, mail).text
    assert f"4 of 5 are used for {DAY}" in text
    assert "Made a day" in text


def test_of_many_jobs_at_once_one_tells(host: Host, ada: SignedIn) -> None:
    use(host, ada.space_id, 5)
    told: list[int] = []
    gate = threading.Barrier(6)

    def run() -> None:
        gate.wait()
        told.append(warn(host))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(told) == [0] * 5 + [1]
    assert len(mails(host)) == 1


def test_who_has_moved_up_is_not_told(host: Host, ada: SignedIn) -> None:
    use(host, ada.space_id, 5)
    grant(host, ada.space_id, PRODUCT, "tier_2")
    assert warn(host) == 0
    assert mails(host) == []
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(UsageCounter.warned_at)).one() is not None


def test_a_higher_limit_is_told_of_anew(host: Host, ada: SignedIn) -> None:
    use(host, ada.space_id, 4)
    assert warn(host) == 1
    grant(host, ada.space_id, PRODUCT, "tier_2")
    use(host, ada.space_id, 11)
    assert warn(host) == 0
    use(host, ada.space_id, 1)  # 16 of 20
    assert warn(host) == 1
    use(host, ada.space_id, 1)
    assert warn(host) == 0
    assert ["4 of 5" in each or "16 of 20" in each for each in texts(host)] == [True, True]


def test_many_days_planned_at_once_are_one_mail(host: Host, ada: SignedIn) -> None:
    for day in range(1, 20):
        use(host, ada.space_id, 4, day=f"2026-12-{day:02}")
    assert warn(host) == 19
    assert len(mails(host)) == 1


def texts(host: Host) -> list[str]:
    return [email.unseal(host, each).text for each in mails(host)]


def test_the_owners_of_an_organization_are_told(
    host: Host, ada: SignedIn, make_user: Callable[..., SignedIn]
) -> None:
    other, admin = make_user(), make_user()
    with host.database.session(SYSTEM) as session:
        made, space = organizations.create(session, ada.user_id, "Crew")
        for user, role in ((other, "owner"), (admin, "admin")):
            session.add(
                OrganizationMember(organization_id=made.id, user_id=user.user_id, role=role)
            )
    use(host, space.id, 5)
    assert warn(host) == 1
    assert {each.to_email for each in mails(host)} == {ada.email, other.email}


def test_what_no_product_declares_is_not_told(host: Host, ada: SignedIn) -> None:
    use(host, ada.space_id, 5, metric="unknown")
    with host.database.session(SYSTEM) as session:
        session.execute(update(UsageCounter).values(product="gone"))
    assert warn(host) == 0
    assert mails(host) == []
