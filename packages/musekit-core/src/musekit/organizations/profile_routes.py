"""``/api/profile``: what one shows of oneself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.schemas import Input, Output
from musekit.organizations import profile

router = APIRouter(prefix="/api/profile", tags=["Account"])


class ProfileOut(Output):
    """What one shows of oneself."""

    username: str | None
    display_name: str = Field(description="the name of one's account")
    bio: str | None


class ProfileChanges(Input):
    """What may be changed of it; an empty text takes a thing away."""

    username: str | None = Field(None, max_length=64)
    bio: str | None = Field(None, max_length=2000)


@router.get("")
def get_profile(host: HostDep, actor: Annotated[Actor, signed_in()]) -> ProfileOut:
    """Return what one shows of oneself."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        return ProfileOut.model_validate(profile.of(session, actor.user_id))


@router.patch("")
def patch_profile(
    host: HostDep, actor: Annotated[Actor, signed_in(browser=True)], body: ProfileChanges
) -> ProfileOut:
    """Change it."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        row = profile.change(session, actor.user_id, username=body.username, bio=body.bio)
        return ProfileOut.model_validate(row)
