"""A user is deleted: what is the organization's stays, and it is never left without an owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from musekit.auth import removal
from musekit.auth.models import User
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.ids import new_id
from musekit.organizations.models import Organization, OrganizationMember
from musekit.social.models import SocialAccount, SocialPost
from musekit.spaces.models import Space

SYSTEM = Actor.system("tests")


def write(team: Any, user: Any, space_id: UUID) -> UUID:
    """Add an account and a post by somebody in a space; return the post."""
    account, post = new_id(), new_id()
    own = {"space_id": space_id, "user_id": user.user_id, "platform": f"p{account.hex[-8:]}"}
    with team.host.database.session(SYSTEM) as session:
        session.add(SocialAccount(id=account, **own, platform_user_id="x"))
        session.flush()
        session.add(SocialPost(id=post, **own, account_id=account, content="mine"))
    return post


def remove(team: Any, user: Any) -> None:
    with team.host.database.session(SYSTEM) as session:
        removal.remove(session, user.user_id)


def test_what_was_made_for_the_organization_stays_there(team) -> None:
    editor = team.join("editor")
    ours, own = write(team, editor, team.space_id), write(team, editor, editor.space_id)
    remove(team, editor)
    with team.host.database.session(SYSTEM, readonly=True) as session:
        post = session.get_one(SocialPost, ours)
        assert post.user_id == team.owner.user_id
        assert session.get_one(SocialAccount, post.account_id).user_id == team.owner.user_id
        assert session.get(SocialPost, own) is None
    assert team.roles() == {team.owner.user_id: "owner"}


def test_the_last_owner_does_not_leave_others_alone(team) -> None:
    admin = team.join("admin")
    post = write(team, team.owner, team.space_id)
    with pytest.raises(ConflictError, match="no other owner"):
        remove(team, team.owner)
    with team.host.database.session(SYSTEM) as session:
        assert session.get(User, team.owner.user_id) is not None
        assert session.get_one(SocialPost, post).user_id == team.owner.user_id
        session.get_one(OrganizationMember, (team.id, admin.user_id)).role = "owner"
    remove(team, team.owner)
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.get_one(SocialPost, post).user_id == admin.user_id
        assert session.get_one(Organization, team.id).created_by is None


def test_an_organization_of_one_ends_with_them(team) -> None:
    write(team, team.owner, team.space_id)
    remove(team, team.owner)
    with team.host.database.session(SYSTEM, readonly=True) as session:
        assert session.get(Organization, team.id) is None
        assert session.scalars(select(Space.id)).all() == []
        assert session.scalars(select(SocialPost.id)).all() == []
