"""Pages of people: the list, one person, a tier given by hand, an account closed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from musekit.admin import closing, details, granting, plans, trail, users
from musekit.admin.plans import GrantForm
from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.auth import impersonation
from musekit.errors import ConflictError, InvalidError, NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.products import tiers
from musekit.products.owners import Owner

router = APIRouter(prefix="/admin/users")


class WantedUsers(Wanted):
    """What of the list of people is asked for."""

    state: users.State = "all"


@router.get("")
def users_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedUsers, Query()]
) -> Response:
    """List people, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = users.page(session, host, **wanted.model_dump())
        number = users.count(session, search=wanted.search, state=wanted.state)
    return render(
        request, "musekit/admin/users.html", users=found.items, next=found.next, number=number,
        wanted=wanted.model_dump(),
    )  # fmt: skip


@router.get("/{user_id}")
def user_page(request: Request, host: HostDep, actor: Operator, user_id: UUID) -> Response:
    """Show one person: their spaces, and which tier they have, and why."""
    return shown(request, host, user_id)


@router.post("/{user_id}/grant")
def give_tier(
    request: Request, host: HostDep, actor: Acting, user_id: UUID,
    form: Annotated[GrantForm, Form()],
) -> Response:  # fmt: skip
    """Give a tier by hand."""
    try:
        granting.give(request, host, actor, Owner(user_id=user_id), **form.model_dump())
    except InvalidError as error:
        return shown(request, host, user_id, 422, errors=errors_of(error), given=form)
    flash(request, "The tier is given. It holds at once.")
    return redirect(f"/admin/users/{user_id}")


@router.post("/{user_id}/take-back")
def take_tier_back(
    request: Request, host: HostDep, actor: Acting, user_id: UUID,
    product: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Take a given tier back; one that is gone already is what was wanted."""
    with refusals(request, NotFoundError, tone="info"):
        granting.take_back(request, host, actor, Owner(user_id=user_id), product=product)
        flash(request, "The tier is taken back.")
    return redirect(f"/admin/users/{user_id}")


@router.post("/{user_id}/close")
def close(
    request: Request, host: HostDep, actor: Acting, user_id: UUID,
    reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Let nobody come in as this person any more."""
    try:
        with refusals(request, ConflictError):
            closing.close(request, host, actor, user_id, reason)
            flash(request, "The account is closed: signed out everywhere, its API tokens refused.")
    except InvalidError as error:
        return shown(request, host, user_id, 422, errors=errors_of(error), reason=reason)
    return redirect(f"/admin/users/{user_id}")


@router.post("/{user_id}/open")
def reopen(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> Response:
    """Let the person come in again."""
    with refusals(request, ConflictError):
        closing.reopen(request, host, actor, user_id)
        flash(request, "The account is open. The person signs in as before.")
    return redirect(f"/admin/users/{user_id}")


def shown(
    request: Request, host: Host, user_id: UUID, status: int = 200, **context: Any
) -> Response:
    """Return the page of one person; NotFoundError if there is none of that id."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = details.of_user(session, user_id)
        entries = trail.about(session, host, user_id)
    blank = {"errors": {}, "given": GrantForm(), "reason": "", "why": ""}
    return render(
        request, "musekit/admin/user.html", status=status, entries=entries,
        decisions=tiers.explain(host, user_id), names={e.id: e.name for e in found.spaces},
        choices=plans.choices(host), impersonation_minutes=impersonation.minutes_of(host),
        **(found._asdict() | blank | context),
    )  # fmt: skip
