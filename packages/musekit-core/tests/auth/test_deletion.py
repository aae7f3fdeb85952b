"""An account is deleted from the browser: shut at once, gone by a job, nobody else harmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.audit.models import AuditEntry
from musekit.auth import deletion
from musekit.auth.models import ApiToken, User, UserSession
from musekit.billing import customers
from musekit.billing.models import BillingSubscription
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.organizations import service as organizations
from musekit.organizations.models import Organization, OrganizationMember
from musekit.products.owners import Owner
from musekit.social.models import SocialPost
from musekit.spaces.models import Space
from musekit.testing.pytest_plugin import PASSWORD, SignedIn

from .mailbox import mails

SYSTEM = Actor.system("tests")
MakeUser = Callable[..., SignedIn]


@pytest.fixture
def ada(make_user: MakeUser) -> SignedIn:
    return make_user("ada@example.com")


def ask(user: SignedIn, typed: str = "") -> Any:
    return user.client.request("DELETE", "/api/auth/me", json={"email": typed or user.email})


def found(host: Host, model: Any, key: UUID) -> bool:
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.get(model, key) is not None


def organization(host: Host, owner: SignedIn, *members: tuple[SignedIn, str]) -> UUID:
    """Make an organization of people, each with a role."""
    with host.database.session(SYSTEM) as session:
        made, _ = organizations.create(session, owner.user_id, "Bakery")
        for user, role in members:
            session.add(
                OrganizationMember(organization_id=made.id, user_id=user.user_id, role=role)
            )
        session.flush()
        organizations.sync(session, made.id)
        return made.id


def subscribed(host: Host, owner: Owner, **values: object) -> None:
    with host.database.session(SYSTEM) as session:
        customer = customers.of(session, owner, "ada@example.com")
        known = {
            "id": "sub_1", "customer_id": customer.id, "status": "active", "price_id": "price_1",
            "currency": "eur", "interval": "month", "stripe_created": utc_now(),
        }  # fmt: skip
        session.add(BillingSubscription(**{**known, **values}))


def test_it_is_shut_at_once_and_gone_after_the_job(
    app: FastAPI, host: Host, ada: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(host.broker, "enqueue", lambda name, **ids: rung.append(name))
    answer = ask(ada, "  ADA@example.com ")
    assert answer.status_code == 202, answer.text
    assert deletion.JOB in rung
    assert found(host, User, ada.user_id)
    other = TestClient(app)
    assert other.get("/api/auth/me", headers=ada.headers).status_code == 401
    body = {"email": ada.email, "password": PASSWORD}
    assert other.post("/api/auth/sign-in", json=body).status_code == 403
    assert ada.client.get("/api/auth/me").status_code == 401
    assert len(mails(host, ada.email, "account-deleted")) == 1

    told: list[UUID] = []
    monkeypatch.setattr(
        host.registry.hooks, "on_user_deleted", lambda host, user_id: told.append(user_id)
    )
    assert deletion.work(host) == 1
    assert deletion.work(host) == 0
    assert told == [ada.user_id]
    assert not found(host, User, ada.user_id)
    assert not found(host, Space, ada.space_id)
    with host.database.session(SYSTEM, readonly=True) as session:
        for model in (ApiToken, UserSession):
            assert session.scalars(select(model)).all() == []
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.at)).all()
    assert [each for each in actions if each.startswith("user.")][-2:] == [
        "user.deletion_asked", "user.deleted",
    ]  # fmt: skip
    assert other.post("/api/auth/sign-up", json=body).status_code == 201  # the address is free


def test_others_are_not_touched(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    bob = make_user("bob@example.com")
    assert ask(ada).status_code == 202
    deletion.work(host)
    assert bob.client.get("/api/auth/me").status_code == 200
    assert found(host, Space, bob.space_id)


@pytest.mark.parametrize("typed", ["bob@example.com", "ada", "ada@example.co", "x"])
def test_the_address_is_typed(host: Host, ada: SignedIn, typed: str) -> None:
    answer = ask(ada, typed)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "email")
    assert ada.client.get("/api/auth/me").status_code == 200
    assert deletion.work(host) == 0
    assert mails(host, ada.email, "account-deleted") == []


def test_the_job_comes_up_for_a_lost_bell(host: Host) -> None:
    job = host.registry.jobs[deletion.JOB]
    assert job.every == 300


def test_the_only_owner_of_others_stays(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    bob = make_user()
    organization(host, ada, (bob, "editor"))
    refused = ask(ada)
    assert refused.status_code == 409
    assert "Bakery" in refused.json()["detail"]
    assert ada.client.get("/api/auth/me").status_code == 200
    page = ada.client.get("/account/delete").text
    assert "Bakery" in page
    assert 'name="email"' not in page  # nothing to type while it is not possible


def test_two_owners_cannot_both_leave(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    bob, eve = make_user(), make_user()
    organization(host, ada, (bob, "owner"), (eve, "editor"))
    assert ask(ada).status_code == 202
    assert ask(bob).status_code == 409  # ada is leaving already
    assert deletion.work(host) == 1
    assert bob.client.get("/api/auth/me").status_code == 200


def test_what_was_made_for_others_stays(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    boss = make_user()
    here = organization(host, boss, (ada, "admin"))
    with host.database.session(SYSTEM) as session:
        ours = session.scalar(select(Space.id).where(Space.organization_id == here))
        assert ours is not None
        posts = [
            SocialPost(space_id=space, user_id=ada.user_id, platform="x", content="mine")
            for space in (ours, ada.space_id)
        ]
        session.add_all(posts)
        session.flush()
        kept, gone = posts[0].id, posts[1].id
    assert ask(ada).status_code == 202
    assert deletion.work(host) == 1
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.get_one(SocialPost, kept).user_id == boss.user_id
    assert not found(host, SocialPost, gone)


def test_an_organization_of_oneself_goes_too(host: Host, ada: SignedIn) -> None:
    here = organization(host, ada)
    assert ask(ada).status_code == 202
    deletion.work(host)
    assert not found(host, Organization, here)


@pytest.mark.parametrize("whose", ["person", "organization"])
@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, 409), ({"status": "past_due"}, 409), ({"status": "trialing"}, 409),
        ({"status": "canceled"}, 202), ({"cancel_at_period_end": True}, 202),
    ],
)  # fmt: skip
def test_nobody_pays_for_what_is_gone(
    host: Host, ada: SignedIn, whose: str, values: dict[str, object], status: int
) -> None:
    owner = Owner(ada.user_id, None)
    if whose == "organization":
        owner = Owner(None, organization(host, ada))
    subscribed(host, owner, **values)
    assert ask(ada).status_code == status


def test_the_plan_of_an_organization_of_others_is_theirs(
    host: Host, ada: SignedIn, make_user: MakeUser
) -> None:
    subscribed(host, Owner(None, organization(host, make_user(), (ada, "admin"))))
    assert ask(ada).status_code == 202


def test_the_only_operator_stays(host: Host, ada: SignedIn, make_user: MakeUser) -> None:
    bob = make_user()
    with host.database.session(SYSTEM) as session:
        session.get_one(User, ada.user_id).is_operator = True
    assert ask(ada).status_code == 409
    with host.database.session(SYSTEM) as session:
        session.get_one(User, bob.user_id).is_operator = True
    assert ask(ada).status_code == 202


def test_what_stands_in_the_way_later_is_waited_for(
    host: Host, ada: SignedIn, make_user: MakeUser
) -> None:
    here = organization(host, ada)
    assert ask(ada).status_code == 202
    bob, eve = make_user(), make_user()
    with host.database.session(SYSTEM) as session:
        late = OrganizationMember(organization_id=here, user_id=bob.user_id, role="viewer")
        session.add(late)
    assert ask(eve).status_code == 202
    assert deletion.work(host) == 1  # eve; one account in the way keeps no other
    assert found(host, User, ada.user_id)
    with host.database.session(SYSTEM) as session:
        session.get_one(OrganizationMember, (here, bob.user_id)).role = "owner"
    assert deletion.work(host) == 1
    assert not found(host, User, ada.user_id)


def test_by_page(host: Host, ada: SignedIn) -> None:
    page = ada.client.get("/account/delete")
    form = {"csrf_token": page.text.partition('name="csrf_token" value="')[2].partition('"')[0]}
    wrong = ada.client.post("/account/delete", data=form | {"email": "eve@example.com"})
    assert wrong.status_code == 422
    done = ada.client.post(
        "/account/delete", data=form | {"email": ada.email}, follow_redirects=False
    )
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert "musekit_session" not in ada.client.cookies
    assert "Your account is closed" in ada.client.get("/").text
    assert deletion.work(host) == 1
