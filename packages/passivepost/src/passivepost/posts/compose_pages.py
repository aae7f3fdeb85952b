"""``/dashboard/social/compose``: is this good, will it go out?"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import Response

from musekit.api import (
    Actor,
    ConflictError,
    Host,
    HostDep,
    InvalidError,
    LimitReachedError,
    MuseKitError,
    NotFoundError,
    errors_of,
    flash,
    redirect,
    render,
    requires,
)
from passivepost.accounts import service as accounts
from passivepost.accounts.registry import platforms_of
from passivepost.pages.looks import look_of
from passivepost.pages.richtext import pieces
from passivepost.posts import service, views
from passivepost.posts.composer import ComposeForm
from passivepost.posts.preview import targets
from passivepost.posts.schemas import PostCreate, PostOut, PostUpdate
from passivepost.publishing.bell import knock
from passivepost.tiers import allowance

router = APIRouter()
PAGE, POST, QUEUE = (
    "/dashboard/social/compose", "/dashboard/social/posts", "/dashboard/social/queue",
)  # fmt: skip

Writer = Annotated[Actor, requires("social.posts.write", browser=True)]
Filled = Annotated[ComposeForm, Form()]
#: Buttons that only add or take away a row.
ARRANGING = ("add-part", "remove-part", "add-media", "remove-media")


@router.get(PAGE)
def compose_page(
    request: Request,
    host: HostDep,
    actor: Writer,
    copy: Annotated[UUID | None, Query(alias="from")] = None,
) -> Response:
    """Show the empty composer, or one filled with the content of another post."""
    with host.database.session(actor, readonly=True) as session:
        names = [row["platform"] for row in accounts.list_accounts(session) if row["is_valid"]]
        form = ComposeForm.fresh(actor.timezone, names[:1] if len(names) == 1 else ())
        if copy is not None:
            old = ComposeForm.of(views.get_post(session, copy), actor.timezone)
            kept = old.model_dump(exclude={"at", "submission", "post", "revision"})
            form = form.model_copy(update=kept)
        return _editor(request, host, actor, session, form)


@router.get(f"{POST}/{{post_id:uuid}}/edit")
def edit_page(request: Request, host: HostDep, actor: Writer, post_id: UUID) -> Response:
    """Show the composer filled with a post."""
    with host.database.session(actor, readonly=True) as session:
        post = views.get_post(session, post_id)
        if post["status"] in ("posting", "posted"):
            flash(request, "This post cannot be changed any more. You can make a copy.", "info")
            return redirect(f"{POST}/{post_id}")
        form = ComposeForm.of(post, actor.timezone)
        return _editor(request, host, actor, session, form, post=post)


@router.post(f"{PAGE}/check")
def check(request: Request, host: HostDep, actor: Writer, form: Filled) -> Response:
    """Judge what is typed so far: counters, previews and checks, as fragments."""
    with host.database.session(actor, readonly=True) as session:
        context = _context(host, actor, session, form, form.parts())
    return render(request, "passivepost/compose/check.html", live=True, **context)


@router.post(PAGE)
def compose(request: Request, host: HostDep, actor: Writer, form: Filled) -> Response:
    """Save what was written: as a draft, or scheduled. Sent twice it makes one post."""
    if form.action.startswith(ARRANGING):
        return _again(request, host, actor, form.arranged())
    assert actor.space_id is not None
    ids = form.ids(actor.space_id)
    if made := _made_before(host, actor, ids):
        return _done(request, host, form, made)
    try:
        order = PostCreate.model_validate(_fields(form, actor) | {"platforms": form.platforms})
        allowed = allowance(host, actor.space_id)
        with host.database.session(actor) as session:
            made = service.create(session, host, actor, order, allowed, ids=ids)
    except IntegrityError:
        made = _made_before(host, actor, ids)
        if not made:
            raise
    except (MuseKitError, ValidationError) as error:
        return _refused(request, host, actor, form, error)
    return _done(request, host, form, made)


@router.post(f"{POST}/{{post_id:uuid}}/edit")
def edit(
    *, request: Request, host: HostDep, actor: Writer, post_id: UUID, form: Filled
) -> Response:
    """Change a post. What somebody else changed meanwhile is not overwritten."""
    with host.database.session(actor, readonly=True) as session:
        post = views.get_post(session, post_id)
    form = form.model_copy(update={"platforms": [post["platform"]], "post": str(post_id)})
    if form.action.startswith(ARRANGING):
        return _again(request, host, actor, form.arranged(), post=post)
    before = ComposeForm.of(post, actor.timezone)
    fields = _fields(form, actor)
    kept = form.action == "draft" or post["status"] in service.PLANNED
    if kept and post["scheduled_at"] is not None and (form.when, form.at) == ("at", before.at):
        fields = {k: v for k, v in fields.items() if k not in ("wall_time", "timezone")}
    if form.revision.isdecimal():
        fields["revision"] = int(form.revision)
    assert actor.space_id is not None
    try:
        order = PostUpdate.model_validate(fields)
        allowed = allowance(host, actor.space_id)
        with host.database.session(actor) as session:
            made = service.change(session, host, actor, post_id, order, allowed=allowed)
    except (MuseKitError, ValidationError) as error:
        if isinstance(error, ConflictError) and form.content() == before.content():
            return _done(request, host, form, [post])  # sent twice: it is as it should be
        return _refused(request, host, actor, form, error, post=post)
    return _done(request, host, form, [made])


def _fields(form: ComposeForm, actor: Actor) -> dict[str, Any]:
    draft = form.action == "draft"
    moment = form.moment(actor.timezone)
    if draft and form.when != "at":
        moment = {}
    return {"parts": form.content(), "status": "draft" if draft else "scheduled", **moment}


def _made_before(host: Host, actor: Actor, ids: dict[str, UUID]) -> list[PostOut]:
    """Return the posts that this very form has made already."""
    made = []
    with host.database.session(actor, readonly=True) as session:
        for post_id in ids.values():
            try:
                made.append(views.get_post(session, post_id))
            except NotFoundError:
                pass
    return made


def _done(request: Request, host: Host, form: ComposeForm, made: list[PostOut]) -> Response:
    """Say what was made, and go where it can be seen."""
    first = made[0]
    labels = ", ".join(look_of(host, post["platform"]).label for post in made)
    if first["status"] == "draft":
        flash(request, f"Saved as a draft for {labels}.")
    elif form.when == "now":
        knock(host, first["scheduled_at"])
        flash(request, f"On its way to {labels}.")
    else:
        flash(request, f"Scheduled for {labels}.")
    if len(made) == 1:
        return redirect(f"{POST}/{first['id']}")
    return redirect(POST if first["status"] == "draft" else QUEUE)


def _refused(
    request: Request,
    host: Host,
    actor: Actor,
    form: ComposeForm,
    error: MuseKitError | ValidationError,
    *,
    post: PostOut | None = None,
) -> Response:
    """Show the form again with everything typed, and what was wrong with it."""
    if isinstance(error, ValidationError):
        faults = {
            ".".join(str(each) for each in fault["loc"]): str(fault["msg"]).removeprefix(
                "Value error, "
            )
            for fault in error.errors()
        }
        return _again(request, host, actor, form, 422, post=post, errors=_worded(faults))
    if isinstance(error, InvalidError):
        faults = {key: said for key, said in errors_of(error).items() if key != "content"}
        alert = "" if _shown(faults) else error.detail
        return _again(
            request, host, actor, form, 422, post=post, errors=_worded(faults), alert=alert
        )
    title = "A limit of your plan is reached" if isinstance(error, LimitReachedError) else ""
    return _again(
        request, host, actor, form, error.status, post=post, alert=error.detail, alert_title=title
    )


def _shown(faults: dict[str, str]) -> bool:
    """True if each fault has a field of its own to stand at."""
    return bool(faults) and all(
        key.startswith(("parts.", "wall_time", "scheduled_at", "timezone")) for key in faults
    )


def _worded(faults: dict[str, str]) -> dict[str, str]:
    """Return faults by the form's own fields, in its words."""
    found: dict[str, str] = {}
    for key, said in faults.items():
        if key in ("wall_time", "scheduled_at", "timezone"):
            found["at"] = "Choose a day and time." if "missing" in said or "match" in said else (
                f"This {said.partition(' (')[0]}" + ("." if "later" not in said else ": choose"
                " a later one."))  # fmt: skip
        elif key.startswith("platforms"):
            found["platforms"] = "Choose at least one account."
        elif key.endswith(".url"):
            found[key] = "Use an address that begins with https:// or http://"
        else:
            found[key] = said[:1].upper() + said[1:]
    return found


def _again(
    request: Request,
    host: Host,
    actor: Actor,
    form: ComposeForm,
    status: int = 200,
    *,
    post: PostOut | None = None,
    **context: Any,
) -> Response:
    with host.database.session(actor, readonly=True) as session:
        return _editor(request, host, actor, session, form, status=status, post=post, **context)


def _editor(
    request: Request,
    host: Host,
    actor: Actor,
    session: Session,
    form: ComposeForm,
    *,
    status: int = 200,
    post: PostOut | None = None,
    **context: Any,
) -> Response:
    blank = {"errors": {}, "alert": "", "alert_title": "", "live": False, "post": post}
    found = _context(host, actor, session, form, form.parts())
    return render(request, "passivepost/compose.html", status=status, **(blank | found | context))


def _context(
    host: Host, actor: Actor, session: Session, form: ComposeForm, parts: list[dict[str, Any]]
) -> dict[str, Any]:
    rows = accounts.list_accounts(session)
    connected = {row["platform"]: row for row in rows}
    own = form.post_id()
    judged = targets(session, host, names=form.platforms, accounts=connected, parts=parts, own=own)
    offered = [
        (look_of(host, each.name), connected.get(each.name))
        for each in platforms_of(host).all()
        if not each.stub and (each.name in connected or each.name in form.platforms)
    ]
    return {
        "form": form,
        "parts": parts,
        "targets": judged,
        "offered": offered,
        "pieces": pieces,
        "may_publish": actor.may("social.posts.publish"),
    }
