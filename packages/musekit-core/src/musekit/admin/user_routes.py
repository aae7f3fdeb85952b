"""``/api/admin/users``: people as the operator sees them, and what an operator does for them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.admin import closing, details, granting, helping, users
from musekit.admin import user_schemas as s
from musekit.admin.plan_schemas import GrantIn, decided
from musekit.admin.rules import SYSTEM, Acting, Asked, Operator
from musekit.kernel.web.access import HostDep
from musekit.products import tiers
from musekit.products.owners import Owner

router = APIRouter(prefix="/api/admin/users", tags=["Administration"])


class AskedUsers(Asked):
    """Which people are asked for."""

    state: users.State = "all"


@router.get("")
def list_users(
    host: HostDep, actor: Operator, asked: Annotated[AskedUsers, Query()]
) -> s.AdminUserList:
    """List people, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = users.page(session, host, **asked.wanted)
        items = [s.AdminUser.model_validate(each) for each in found.items]
    return s.AdminUserList(items=items, next_cursor=found.next)


@router.get("/{user_id}")
def get_user(host: HostDep, actor: Operator, user_id: UUID) -> s.AdminUserDetail:
    """Get one person: how they come in, where they belong, which tiers they have, and why."""
    decisions = decided(tiers.explain(host, user_id))
    with host.database.session(SYSTEM, readonly=True) as session:
        return s.AdminUserDetail.of(details.of_user(session, user_id), decisions)


@router.put("/{user_id}/grants/{product}", status_code=204)
def give_user_tier(
    request: Request, host: HostDep, actor: Acting, user_id: UUID, *, product: str, body: GrantIn
) -> None:
    """Give a tier by hand, for the person's own space; it comes before what is paid for."""
    owner = Owner(user_id=user_id)
    granting.give(request, host, actor, owner, product=product, **body.model_dump())


@router.delete("/{user_id}/grants/{product}", status_code=204)
def take_user_tier_back(
    request: Request, host: HostDep, actor: Acting, user_id: UUID, product: str
) -> None:
    """Take a given tier back."""
    granting.take_back(request, host, actor, Owner(user_id=user_id), product=product)


@router.post("/{user_id}/close", status_code=204)
def close_user(
    request: Request, host: HostDep, actor: Acting, user_id: UUID, body: s.Closing
) -> None:
    """Let nobody come in as this person: signed out everywhere, API tokens refused meanwhile."""
    closing.close(request, host, actor, user_id, body.reason)


@router.post("/{user_id}/open", status_code=204)
def open_user(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> None:
    """Let the person come in again."""
    closing.reopen(request, host, actor, user_id)


@router.post("/{user_id}/reset-link", status_code=204)
def mail_user_reset_link(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> None:
    """Mail the person the link to choose a new password; nobody here sees it."""
    helping.mail_reset_link(request, host, actor, user_id)


@router.post("/{user_id}/confirm-link", status_code=204)
def mail_user_confirmation(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> None:
    """Mail the person the link that confirms their address."""
    helping.mail_confirmation(request, host, actor, user_id)


@router.post("/{user_id}/sign-out")
def sign_user_out(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> s.SignedOut:
    """Sign the person out of every browser; API tokens stay."""
    return s.SignedOut(browsers=helping.sign_out(request, host, actor, user_id))
