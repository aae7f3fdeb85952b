"""The pages of webhooks. They stand under ``/account/webhooks`` and ``/organization/webhooks``.

Both show the webhooks of the space one is in; the list leads to the path that is the space's.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from musekit.errors import ConflictError, InvalidError, LimitReachedError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.listing import newest_first
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash
from musekit.kernel.web.forms import errors_of
from musekit.kernel.web.pages import redirect, render
from musekit.webhooks import acts, endpoints, forms, log, sealing, trying
from musekit.webhooks.endpoints import Wanted
from musekit.webhooks.forms import EndpointForm
from musekit.webhooks.here import asked_at, here
from musekit.webhooks.limits import TESTS
from musekit.webhooks.models import WebhookDelivery

router = APIRouter()

Reader = Annotated[Actor, requires("webhooks.read", browser=True)]
Keeper = Annotated[Actor, requires("webhooks.write", browser=True)]
#: Where an address is given: not by an operator who acts as somebody, for it outlives that.
Leading = Annotated[Actor, requires("webhooks.write", browser=True, in_person=True, bound=True)]
#: Where a secret is shown.
Recently = Annotated[Actor, requires("webhooks.write", recent=True)]
Trying = Annotated[Actor, requires("webhooks.write", browser=True, limit=TESTS)]
Text = Annotated[str, Form()]


@router.get("")
def webhooks_page(request: Request, host: HostDep, actor: Reader) -> Response:
    """List the webhooks of the space one is in."""
    place = here(host, actor)
    if asked_at(request) != place.base:
        return redirect(place.base)
    with host.database.session(actor, readonly=True) as session:
        rows = endpoints.listed(session, _space(actor))
    return render(request, "musekit/webhooks/list.html", here=place, rows=rows)


@router.get("/new")
def new_webhook_page(request: Request, host: HostDep, actor: Recently) -> Response:
    """Show the form for another one."""
    return _form(request, host, actor)


@router.post("")
def create_webhook(
    request: Request, host: HostDep, actor: Recently, form: Annotated[EndpointForm, Form()]
) -> Response:
    """Make it, and show its secret, this once: the answer is the page itself, no redirect."""
    try:
        row, secret = acts.create(request, host, actor, form.wanted())
    except InvalidError as error:
        return _form(request, host, actor, 422, given=form.model_dump(), errors=errors_of(error))
    except LimitReachedError as error:
        return _form(
            request, host, actor, error.status, given=form.model_dump(),
            errors={"": error.detail},
        )  # fmt: skip
    return _secret(request, host, actor, row, secret)


@router.get("/{endpoint_id}")
def webhook_page(
    request: Request, host: HostDep, actor: Reader, endpoint_id: UUID, after: str = ""
) -> Response:
    """Show a webhook: its state, its log, and the form to change it."""
    return _page(request, host, actor, endpoint_id, after=after)


@router.post("/{endpoint_id}")
def change_webhook(
    request: Request, host: HostDep, actor: Leading, endpoint_id: UUID, *,
    form: Annotated[EndpointForm, Form()],
) -> Response:  # fmt: skip
    """Change it."""
    try:
        acts.change(request, host, actor, endpoint_id, form.wanted())
    except InvalidError as error:
        return _page(
            request, host, actor, endpoint_id, 422, given=form.model_dump(),
            errors=errors_of(error),
        )  # fmt: skip
    flash(request, "The webhook is saved.")
    return redirect(f"{here(host, actor).base}/{endpoint_id}")


@router.post("/{endpoint_id}/switch")
def switch_webhook(
    request: Request, host: HostDep, actor: Keeper, endpoint_id: UUID, *, enabled: Text = ""
) -> Response:
    """Switch it on or off."""
    row = acts.change(request, host, actor, endpoint_id, Wanted(enabled=bool(enabled)))
    told = "is on. It is told what happens from now on" if row.enabled else "is off"
    flash(request, f"The webhook {told}.")
    return redirect(f"{here(host, actor).base}/{endpoint_id}")


@router.post("/{endpoint_id}/remove")
def remove_webhook(
    request: Request, host: HostDep, actor: Keeper, endpoint_id: UUID
) -> Response:  # fmt: skip
    """Take it away."""
    acts.remove(request, host, actor, endpoint_id)
    flash(request, "The webhook is taken away, with its log.")
    return redirect(here(host, actor).base)


@router.post("/{endpoint_id}/test")
def send_test(
    request: Request, host: HostDep, actor: Trying, endpoint_id: UUID, *, event: Text = ""
) -> Response:
    """Send a sample, and say how that went."""
    try:
        tried = trying.try_out(host, actor, endpoint_id, event)
    except (InvalidError, ConflictError) as error:
        flash(request, error.detail, "danger")
        return redirect(f"{here(host, actor).base}/{endpoint_id}")
    outcome = tried.outcome
    if outcome.delivered:
        flash(request, f"The receiver has answered {outcome.status} after {outcome.ms} ms.")
    else:
        flash(request, f"The test has failed after {outcome.ms} ms. Look at why.", "danger")
    return redirect(f"{here(host, actor).base}/{endpoint_id}/deliveries/{tried.delivery_id}")


@router.get("/{endpoint_id}/rotate")
def rotate_page(
    request: Request, host: HostDep, actor: Recently, endpoint_id: UUID
) -> Response:  # fmt: skip
    """Say what another secret means."""
    with host.database.session(actor, readonly=True) as session:
        row = endpoints.get(session, _space(actor), endpoint_id)
    return render(
        request, "musekit/webhooks/rotate.html", here=here(host, actor), row=row,
        until=sealing.rotating_until(host, row),
    )  # fmt: skip


@router.post("/{endpoint_id}/rotate")
def rotate_secret(
    request: Request, host: HostDep, actor: Recently, endpoint_id: UUID, *, at_once: Text = ""
) -> Response:
    """Make another secret, and show it, this once."""
    row, secret = acts.rotate(request, host, actor, endpoint_id, at_once=bool(at_once))
    return _secret(request, host, actor, row, secret)


@router.get("/{endpoint_id}/deliveries/{delivery_id}")
def delivery_page(
    request: Request, host: HostDep, actor: Reader, endpoint_id: UUID, delivery_id: UUID
) -> Response:
    """Show what was told, and how each try went."""
    with host.database.session(actor, readonly=True) as session:
        row = endpoints.get(session, _space(actor), endpoint_id)
        found = log.find(session, row.space_id, endpoint_id, delivery_id)
    return render(
        request, "musekit/webhooks/delivery.html", here=here(host, actor), row=row,
        delivery=found.delivery, message=found.message, tries=log.tries(found.delivery),
        body=json.dumps(found.message.payload, indent=2, ensure_ascii=False),
    )  # fmt: skip


@router.post("/{endpoint_id}/deliveries/{delivery_id}/again")
def send_again(
    request: Request, host: HostDep, actor: Trying, endpoint_id: UUID, delivery_id: UUID
) -> Response:
    """Tell it once more."""
    try:
        acts.again(host, actor, endpoint_id, delivery_id)
    except ConflictError as error:
        flash(request, error.detail, "danger")
    else:
        flash(request, "It is sent again, as the same message.")
    return redirect(f"{here(host, actor).base}/{endpoint_id}/deliveries/{delivery_id}")


def _space(actor: Actor) -> UUID:
    assert actor.space_id is not None
    return actor.space_id


def _form(request: Request, host: Host, actor: Actor, status: int = 200, **given: Any) -> Response:
    values = given.pop("given", None) or forms.blank()
    return render(
        request, "musekit/webhooks/new.html", status=status, here=here(host, actor),
        choices=forms.choices(host), given=values, **({"errors": {}} | given),
    )  # fmt: skip


def _secret(request: Request, host: Host, actor: Actor, row: Any, secret: str) -> Response:
    answer = render(
        request, "musekit/webhooks/secret.html", here=here(host, actor), row=row, secret=secret,
        until=sealing.rotating_until(host, row),
    )  # fmt: skip
    answer.headers["cache-control"] = "no-store"
    return answer


def _page(
    request: Request, host: Host, actor: Actor, endpoint_id: UUID, status: int = 200, *,
    after: str = "", **given: Any,
) -> Response:  # fmt: skip
    with host.database.session(actor, readonly=True) as session:
        row = endpoints.get(session, _space(actor), endpoint_id)
        found = newest_first(
            session, host, log.deliveries(row.space_id, row.id), WebhookDelivery.created_at,
            WebhookDelivery.id, after=after, size=20,
        )  # fmt: skip
        events = log.events_of(session, found.items)
    blank = {"given": forms.filled(row), "errors": {}}
    return render(
        request, "musekit/webhooks/endpoint.html", status=status, here=here(host, actor), row=row,
        items=found.items, next=found.next, events=events, until=sealing.rotating_until(host, row),
        choices=forms.choices(host, row.events), tests=forms.choices(host), **(blank | given),
    )  # fmt: skip
