"""Every route of organizations, made from the routes themselves, asked by every role and others.

The isolation matrix asks from personal spaces, where there is no organization. Here everybody is
in a space of one: of this one with a role, or of another as its owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from musekit.declarations import ROLES
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import access_of
from musekit.organizations.models import (
    Invitation,
    Organization,
    OrganizationMember,
    OrganizationSettings,
)
from musekit.spaces.models import Space, SpaceMember

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
#: What routes of each end take; the rest takes nothing.
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /{organization_id}": {"name": "taken"}, "PATCH /settings": {"aiOverride": True},
    "POST /transfer": {"user_id": "member"}, "POST /delete": {"name": "Juniper & Söhne"},
    "POST /spaces": {"name": "taken"}, "PATCH /{space_id}": {"name": "taken"},
    "PUT /{user_id}": {"role": "viewer"}, "PATCH /{user_id}": {"role": "viewer"},
    "POST /invitations": {"email": "x@example.com", "role": "viewer"},
    "PUT /second-factor": {"asked": True},
}  # fmt: skip
#: Fields of all forms there are.
FIELDS = {
    "name": "Juniper & Söhne", "role": "viewer", "email": "x@example.com", "timezone": "UTC",
    "color": "#123abc",
}  # fmt: skip
OUTSIDERS = ("stranger", "owner of another", "gone", "at home")


def routes(app: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (method, path, rule) of the routes about the organization that one is in."""
    for context in iter_route_contexts(app.router.routes):
        path = str(context.path)
        about = path.startswith(("/api/organizations/{", "/organization"))
        ours = context.original_route.endpoint.__module__.startswith("musekit.organizations.")
        if about and ours and path != "/organization/new":
            for method in sorted((context.methods or {"GET"}) - {"HEAD"}):
                yield method, path, access_of(context)


class Asking:
    """Somebody's browser, pointed at the team's organization."""

    def __init__(self, team: Any, form: Any, user: Any, named: dict[str, str]) -> None:
        self.team, self.user, self.named = team, user, named
        self.fields = form(user.client, user_id=named["user_id"], **FIELDS)

    def ask(self, method: str, path: str) -> int:
        url = path.format(**self.named)
        if path.startswith("/api/"):
            body = dict(BODIES.get(f"{method} /{path.rpartition('/')[2]}", {}))
            if body.get("user_id"):
                body["user_id"] = self.named["user_id"]
            more = {} if method in ("GET", "DELETE") else {"json": body}
        else:
            more = {} if method == "GET" else {"data": self.fields}
            more["headers"] = HTML
        answer = self.user.client.request(method, url, follow_redirects=False, **more)
        self.team.host.limits.memory.forget()
        return int(answer.status_code)


def rows(team: Any) -> dict[str, list[str]]:
    """Return every row of the organization."""
    own = {
        Organization: Organization.id, OrganizationMember: OrganizationMember.organization_id,
        OrganizationSettings: OrganizationSettings.organization_id,
        Invitation: Invitation.organization_id, Space: Space.organization_id,
    }  # fmt: skip
    with team.host.database.session(SYSTEM, readonly=True) as session:
        found = {
            model.__tablename__: sorted(
                str([getattr(row, column.key) for column in model.__table__.columns])
                for row in session.scalars(select(model).where(column == team.id))
            )
            for model, column in own.items()
        }
        there = select(Space.id).where(Space.organization_id == team.id)
        found["space_members"] = sorted(
            f"{row.space_id} {row.user_id} {row.role}"
            for row in session.scalars(select(SpaceMember).where(SpaceMember.space_id.in_(there)))
        )
    return found


@pytest.fixture
def named(team: Any) -> dict[str, str]:
    """What paths name: the organization, and a member, a space and an invitation of it."""
    member = team.join("editor")
    made = team.owner.client.post(f"{team.url}/spaces", json={"name": "Client"}).json()
    return {
        "organization_id": str(team.id), "user_id": str(member.user_id), "space_id": made["id"],
        "invitation_id": team.invite("guest@example.com").json()["id"],
    }  # fmt: skip


@pytest.mark.parametrize("role", ROLES[1:])
def test_a_role_may_what_its_rights_say_and_no_more(team, form, app, named, role: str) -> None:
    held = team.host.registry.permissions_of(role)
    asking = Asking(team, form, team.join(role), named)
    before, refused, done = rows(team), 0, 0
    for method, path, rule in routes(app):
        assert rule.kind == "permission", path
        if rule.name not in held:
            assert asking.ask(method, path) == 403, (method, path)
            refused += 1
        elif method == "GET":
            assert asking.ask(method, path) == 200, (method, path)
            done += 1
    assert rows(team) == before
    assert refused >= 4
    assert done >= 4


@pytest.mark.parametrize("who", OUTSIDERS)
def test_who_is_not_in_it_finds_nothing_and_changes_nothing(
    team, form, app, named, who: str
) -> None:
    user = team.owner if who == "at home" else team.make_user()
    if who == "gone":
        user = team.join("admin")
        assert user.client.post(f"{team.url}/leave", json={}).status_code == 204
    if who == "owner of another":
        made = user.client.post("/api/organizations", json={"name": "Juniper & Söhne"}).json()
        team.go(user, made["space"]["id"])
    if who == "at home":
        team.go(user, user.space_id)
    asking, before, asked = Asking(team, form, user, named), rows(team), 0
    for method, path, _ in routes(app):
        if who == "owner of another" and path in ("/organization/leave", "/organization/delete"):
            continue  # these would be about their own
        status, page = asking.ask(method, path), path.startswith("/organization")
        wanted = (200, 303, 404, 409, 422) if page else (404,)
        assert status in wanted, (method, path, status)
        if page and who != "owner of another" and method == "POST":
            assert status in (303, 404), (method, path, status)
        asked += 1
    assert rows(team) == before
    assert asked >= 30


def test_a_member_of_another_space_has_no_way_into_this_one(team, named) -> None:
    space_id = named["space_id"]
    user = team.join("editor", space_ids=[space_id])
    assert user.client.get("/api/auth/me").json()["space"]["id"] == space_id
    for target in (team.space_id, team.owner.space_id):
        answer = user.client.post("/api/spaces/switch", json={"space_id": str(target)})
        assert answer.status_code == 404
    listed = {each["id"] for each in user.client.get("/api/spaces").json()["items"]}
    assert listed == {space_id, str(user.space_id)}
    page = user.client.get("/organization").text
    assert str(team.space_id) not in page
    assert UUID(space_id) not in team.roles()
