"""Connecting is for the person: not for an operator who acts as them, but for members by SAML."""

import pytest
from sqlalchemy import func, select, update

from musekit.api import Actor, SocialAccount
from musekit.auth.models import User, UserSession
from musekit.organizations import service as organizations

SYSTEM = Actor.system("tests")


def sessions_of(host, user, **values):
    """Change the browser sessions of a user."""
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(UserSession).where(UserSession.user_id == user.user_id).values(**values)
        )


@pytest.fixture
def taken_over(host, user, make_user):
    """Have an operator act as the user, in the browser that is signed in."""
    operator = make_user()
    with host.database.session(SYSTEM) as session:
        session.execute(update(User).where(User.id == operator.user_id).values(is_operator=True))
        own = session.scalars(
            select(UserSession.id).where(UserSession.user_id == operator.user_id)
        ).one()

    def take_over():
        sessions_of(
            host, user, impersonator_user_id=operator.user_id, impersonator_session_id=own
        )  # fmt: skip

    return take_over


def test_an_operator_who_acts_as_somebody_connects_nothing(host, net, user, start, taken_over):
    back = net.allow(start(user))  # begun by the person: nor does the operator finish it
    taken_over()
    for answer in (
        user.client.post("/api/social/connect", json={"platform": "sandbox"}),
        user.client.get(back),
        user.client.get("/api/social/connect/a-ticket"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "impersonated")
    page = user.client.post("/dashboard/social/connect/sandbox")
    assert page.status_code == 403
    assert user.client.get("/api/social/accounts").json()["items"] == []  # other help is given
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(select(func.count()).select_from(SocialAccount)) == 0


def test_who_came_in_by_the_organizations_own_service_connects_for_it(host, user, connect):
    with host.database.session(SYSTEM) as session:
        made, space = organizations.create(session, user.user_id, "Juniper")
        organization_id, space_id = made.id, space.id
    sessions_of(host, user, organization_id=organization_id, space_id=space_id)
    connect(user)
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(SocialAccount.space_id)).all() == [space_id]
