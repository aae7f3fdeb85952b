"""Forms on a person's page that help them in, or out."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.admin import helping
from musekit.admin.rules import Acting
from musekit.errors import ConflictError, LimitReachedError
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect

router = APIRouter(prefix="/admin/users")


@router.post("/{user_id}/reset-link")
def mail_reset_link(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> Response:
    """Mail the person the link to choose a new password."""
    with refusals(request, ConflictError, LimitReachedError):
        helping.mail_reset_link(request, host, actor, user_id)
        flash(request, "The link to choose a new password is on its way to their mailbox.")
    return redirect(f"/admin/users/{user_id}")


@router.post("/{user_id}/confirm-link")
def mail_confirmation(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> Response:
    """Mail the person the link that confirms their address."""
    with refusals(request, ConflictError, tone="info"):
        helping.mail_confirmation(request, host, actor, user_id)
        flash(request, "The link to confirm the address is on its way to their mailbox.")
    return redirect(f"/admin/users/{user_id}")


@router.post("/{user_id}/sign-out")
def sign_out(request: Request, host: HostDep, actor: Acting, user_id: UUID) -> Response:
    """Sign the person out everywhere."""
    with refusals(request, ConflictError):
        ended = helping.sign_out(request, host, actor, user_id)
        flash(request, f"Signed out of every browser: {ended}. API tokens stay.")
    return redirect(f"/admin/users/{user_id}")
