"""The page of what one shows of oneself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth.resolve import SYSTEM
from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.organizations import profile

router = APIRouter(prefix="/account/profile")

Person = Annotated[Actor, signed_in(browser=True)]
Text = Annotated[str, Form()]


@router.get("")
def profile_page(request: Request, host: HostDep, actor: Person) -> Response:
    """Show it, with its form."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        row = profile.of(session, actor.user_id)
    return render(
        request, "musekit/organization/profile.html", username=row.username or "",
        bio=row.bio or "", shown=row.display_name, errors={}, longest=profile.LONGEST_BIO,
    )  # fmt: skip


@router.post("")
def change_profile(
    request: Request, host: HostDep, actor: Person, username: Text = "", bio: Text = ""
) -> Response:
    """Save it."""
    assert actor.user_id is not None
    try:
        with host.database.session(SYSTEM) as session:
            profile.change(session, actor.user_id, username=username, bio=bio)
    except InvalidError as error:
        with host.database.session(SYSTEM, readonly=True) as session:
            row = profile.of(session, actor.user_id)
        return render(
            request, "musekit/organization/profile.html", status=422, username=username, bio=bio,
            shown=row.display_name, errors=errors_of(error), longest=profile.LONGEST_BIO,
        )  # fmt: skip
    flash(request, "Your profile is saved.")
    return redirect("/account/profile")
