"""One's identities elsewhere, as JSON. Linking one takes a browser: see the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from musekit.auth.federation import arriving, linking
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.schemas import Output

router = APIRouter(prefix="/api/auth/identities", tags=["Sign-in"])

InBrowser = Annotated[Actor, signed_in(browser=True)]
Recently = Annotated[Actor, signed_in(recent=True)]


class IdentityOut(Output):
    """An account elsewhere by which one comes in."""

    id: UUID
    provider: str = Field(description="key of the provider")
    email: str = Field(description="as the provider said when it was used last")
    linked_at: datetime
    last_used_at: datetime | None


class IdentityList(BaseModel):
    """One's identities."""

    items: list[IdentityOut]
    next_cursor: None = None


@router.get("")
def list_identities(host: HostDep, actor: InBrowser) -> IdentityList:
    """List the accounts elsewhere by which one comes in."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = linking.list_of(session, actor.user_id)
    return IdentityList(items=[IdentityOut.model_validate(each) for each in found])


@router.delete("/{identity_id}", status_code=204)
def unlink(request: Request, host: HostDep, actor: Recently, identity_id: UUID) -> None:
    """Forget one. All other browsers are signed out."""
    arriving.unlink(request, host, actor, identity_id)
