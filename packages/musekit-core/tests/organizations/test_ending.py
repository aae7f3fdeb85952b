"""Deleting an organization: typed, by an owner, not while it pays; closed at once, then gone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from musekit.audit.models import AuditEntry
from musekit.billing.models import BillingCustomer, BillingSubscription
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.organizations import ending
from musekit.organizations.models import Organization, OrganizationMember, OrganizationSettings
from musekit.social.models import SocialPost
from musekit.spaces.models import Space

SYSTEM = Actor.system("tests")
NAME = "Juniper & Söhne"


def delete(team: Any, name: str = NAME, by: Any = None) -> Any:
    return (by or team.owner).client.post(f"{team.url}/delete", json={"name": name})


def subscribe(team: Any, **values: Any) -> None:
    """Give the organization a subscription."""
    with team.host.database.session(SYSTEM) as session:
        customer = BillingCustomer(id=new_id(), organization_id=team.id, email="x@example.com")
        session.add(customer)
        session.flush()
        row = {
            "id": "sub_1", "status": "active", "price_id": "price_1", "currency": "eur",
            "interval": "month", "stripe_created": utc_now(), "cancel_at_period_end": False,
        } | values  # fmt: skip
        session.add(BillingSubscription(customer_id=customer.id, **row))


def post_in(team: Any, space_id: UUID, user: Any) -> None:
    with team.host.database.session(SYSTEM) as session:
        session.add(
            SocialPost(space_id=space_id, user_id=user.user_id, platform="x", content="words")
        )


def there(team: Any) -> bool:
    with team.host.database.session(SYSTEM, readonly=True) as session:
        return session.get(Organization, team.id) is not None


def test_it_is_closed_at_once_and_then_deleted(team, browser) -> None:
    admin, editor = team.join("admin"), team.join("editor")
    made = team.owner.client.post(f"{team.url}/spaces", json={"name": "Client"}).json()
    token = admin.client.post("/api/auth/tokens", json={"name": "t", "scopes": ["*"]}).json()
    headers = {"authorization": f"Bearer {token['token']}"}
    post_in(team, team.space_id, editor)
    post_in(team, editor.space_id, editor)
    guest = team.make_user()
    team.invite(guest.email)
    link = team.token(guest.email)
    assert delete(team).status_code == 204
    for user in (team.owner, admin, editor):  # signed in still, and at home
        assert user.client.get("/api/auth/me").json()["space"]["id"] == str(user.space_id)
        assert user.client.get("/api/organizations").json()["items"] == []
        assert user.client.get(f"{team.url}/members").status_code == 404
        for space_id in (str(team.space_id), made["id"]):
            gone = user.client.post("/api/spaces/switch", json={"space_id": space_id})
            assert gone.status_code == 404
    assert browser.get("/api/auth/me", headers=headers).status_code == 401
    answer = guest.client.post("/api/invitations/accept", json={"token": link})
    assert answer.status_code == 410
    assert there(team)
    assert ending.finish(team.host) == 1
    assert ending.finish(team.host) == 0
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert not there(team)
        left = session.scalars(select(Space.id)).all()
        assert set(left) == {each.space_id for each in (team.owner, admin, editor, guest)}
        assert session.scalars(select(SocialPost.space_id)).all() == [editor.space_id]
        assert session.scalars(select(OrganizationMember)).all() == []
        assert session.scalars(select(OrganizationSettings.scope)).all() == ["operator"]
        logged = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.in_organization_id == team.id)
            .order_by(AuditEntry.at, AuditEntry.id)
        ).all()
        told = session.scalars(
            select(OutboxMail.to_email).where(OutboxMail.template == "organization-deleted")
        ).all()
    assert logged[-2:] == ["organization.closed", "organization.deleted"]
    assert told == [team.owner.email]


@pytest.mark.parametrize("name", ["", "juniper & söhne", "Juniper", NAME + "!", "\ud800"])
def test_its_name_is_to_be_typed(team, name: str) -> None:
    import json

    answer = team.owner.client.post(
        f"{team.url}/delete", content=json.dumps({"name": name}),
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert team.owner.client.get(team.url).status_code == 200
    assert ending.finish(team.host) == 0


def test_only_owners_delete(team) -> None:
    stranger = team.make_user()
    for role in ("admin", "editor", "viewer"):
        assert delete(team, by=team.join(role)).status_code == 403
    assert delete(team, by=stranger).status_code == 404
    assert ending.finish(team.host) == 0
    assert there(team)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, 409), ({"status": "trialing"}, 409), ({"status": "past_due"}, 409),
        ({"status": "unpaid"}, 409), ({"status": "incomplete"}, 409), ({"status": "paused"}, 409),
        ({"cancel_at_period_end": True}, 204), ({"cancel_at": utc_now()}, 204),
        ({"status": "canceled"}, 204), ({"status": "incomplete_expired"}, 204),
    ],
)  # fmt: skip
def test_not_while_a_subscription_runs(team, values: dict[str, Any], status: int) -> None:
    subscribe(team, **values)
    assert delete(team).status_code == status
    assert there(team)
    assert ending.finish(team.host) == (status == 204)
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(BillingCustomer)).one()  # for the books


def test_one_that_was_paid_for_meanwhile_waits(team, caplog: pytest.LogCaptureFixture) -> None:
    assert delete(team).status_code == 204
    subscribe(team)
    assert ending.finish(team.host) == 0
    assert "still pays" in caplog.text
    assert there(team)
    with team.host.database.session(SYSTEM) as session:
        session.scalars(select(BillingSubscription)).one().status = "canceled"
    assert ending.finish(team.host) == 1


def test_another_organization_stays(team) -> None:
    other = team.make_user()
    made = other.client.post("/api/organizations", json={"name": NAME}).json()
    team.go(other, made["space"]["id"])
    url = f"/api/organizations/{made['organization']['id']}"
    assert other.client.post(f"{team.url}/delete", json={"name": NAME}).status_code == 404
    delete(team)
    ending.finish(team.host)
    assert other.client.get(url).json()["name"] == NAME


def test_the_page_says_what_goes(team, form) -> None:
    client = team.owner.client
    team.join("editor")
    page = client.get("/organization/delete").text
    assert "2 people lose the way in" in page
    bad = client.post("/organization/delete", data=form(client, name="no"))
    assert (bad.status_code, "type “Juniper" in bad.text) == (422, True)
    subscribe(team)
    assert "A subscription is running" in client.get("/organization/delete").text
    refused = client.post("/organization/delete", data=form(client, name=NAME))
    assert (refused.status_code, "Cancel it first" in refused.text) == (409, True)
    with team.host.database.session(SYSTEM) as session:
        session.scalars(select(BillingSubscription)).one().cancel_at_period_end = True
    done = client.post("/organization/delete", data=form(client, name=f" {NAME} "))
    assert (done.url.path, "is closed and being deleted" in done.text) == ("/dashboard", True)
    assert "yours alone" in client.get("/organization").text
