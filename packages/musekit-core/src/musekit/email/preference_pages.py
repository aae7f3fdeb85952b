"""The page of what one wants mail about."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.auth import journal
from musekit.auth.models import User
from musekit.email import preferences
from musekit.errors import ConflictError, LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import RESET_MAILBOX
from musekit.kernel.web.access import HostDep, signed_in
from musekit.kernel.web.flash import flash
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/account/notifications")

SYSTEM = Actor.system("email")
InBrowser = Annotated[Actor, signed_in(browser=True)]
InPerson = Annotated[Actor, signed_in(browser=True, in_person=True)]
Keys = Annotated[list[str] | None, Form()]
PATH = "/account/notifications"


@router.get("")
def notifications_page(request: Request, host: HostDep, actor: InBrowser) -> Response:
    """Show the kinds of mail there are, and what is wrong with the mailbox, if anything is."""
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, actor.user_id)
        kinds = preferences.kinds(session, host, user)
        shut = preferences.shut(session, user)
    may_reopen = shut is not None and preferences.may_reopen(user, shut)
    return render(
        request, "musekit/email/notifications.html", user=user, kinds=kinds, shut=shut,
        may_reopen=may_reopen,
    )  # fmt: skip


@router.post("")
def choose(
    request: Request, host: HostDep, actor: InPerson, wanted: Keys = None, shown: Keys = None
) -> Response:
    """Keep what is ticked of what was shown; what came since then stays as it is."""
    ticked = set(wanted or ())
    with host.database.session(SYSTEM) as session:
        user = session.get_one(User, actor.user_id)
        known = {each.category for each in preferences.kinds(session, host, user)}
        choices = {key: key in ticked for key in known.intersection(shown or ())}
        preferences.choose(session, host, user, choices)
    flash(request, "Your choice is saved. It holds from the next mail on.")
    return redirect(PATH)


@router.post("/mailbox")
def reopen(request: Request, host: HostDep, actor: InPerson) -> Response:
    """Send mail to the mailbox again, beginning with one for a try."""
    try:
        host.limits.hit(RESET_MAILBOX, f"reopen:{actor.user_id}")
        with host.database.session(SYSTEM) as session:
            user = session.get_one(User, actor.user_id)
            tried = preferences.reopen(session, host, user)
            if tried is not None:
                target = ("user", user.id)
                journal.note(session, actor, "mailbox.reopened", target=target, request=request)
    except (ConflictError, LimitReachedError) as error:
        flash(request, error.detail, "danger")
        return redirect(PATH)
    if tried is None:
        flash(request, "Mail is sent to this address already.", "info")
    else:
        flash(request, "A mail is on its way to you. If it comes back, you will see so here.")
    return redirect(PATH)
