"""Where an operator begins to act as a person."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.admin.rules import SYSTEM, Acting
from musekit.admin.user_pages import shown
from musekit.auth import impersonation
from musekit.auth.resolve import COOKIE
from musekit.errors import ConflictError, ForbiddenError, InvalidError
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.cookies import set_cookie
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect

router = APIRouter(prefix="/admin/users")


@router.post("/{user_id}/impersonate")
def begin(
    request: Request, host: HostDep, actor: Acting, user_id: UUID,
    reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Become a person, for the minutes that are allowed."""
    try:
        with host.database.session(SYSTEM) as session:
            begun = impersonation.begin(session, host, request, actor, user_id, reason=reason)
    except InvalidError as error:
        return shown(request, host, user_id, 422, errors=errors_of(error), why=reason)
    except (ConflictError, ForbiddenError) as error:
        flash(request, error.detail, "danger")
        return redirect(f"/admin/users/{user_id}")
    answer = redirect("/dashboard")
    set_cookie(answer, host.settings, COOKIE, begun.secret, max_age=begun.seconds)
    return answer
