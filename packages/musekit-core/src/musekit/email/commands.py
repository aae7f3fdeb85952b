"""``musekit email``: a mail for a try, the outbox, and failed mails once more."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from musekit.cli.options import Json
from musekit.cli.output import as_json, fail, say, table

if TYPE_CHECKING:
    from musekit.email.models import OutboxMail
    from musekit.kernel.host import Host

app = typer.Typer(
    help="Try how mail leaves, list the outbox, send failed mails again.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip
_STATES = ("queued", "sending", "sent", "failed", "suppressed")


@app.command("send-test")
def send_test(
    address: str,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the outcome.", min=0)] = 60,
    json: Json = False,
) -> None:
    """Send a mail to ADDRESS the way all mail goes, and say what came of it.

    Ends with status 1 unless the mail has left.
    """
    from musekit.kernel.build import open_host

    with open_host() as host:
        row = _tried(host, address, wait)
        told = _told(row)
        provider = row.provider
    if json:
        as_json(told)
    elif row.state == "sent" and provider == "outbox":
        say(
            "Mail is kept here and sent to nobody, for MUSEKIT_EMAIL_PROVIDER is outbox."
            " The admin pages show it under E-mail."
        )
    elif row.state == "sent":
        say(f"{address}: taken by {provider}, {row.provider_ref or 'which said no more'}.")
    else:
        say(f"{address}: {row.state}; {row.last_error or 'nobody has tried to send it yet'}.")
    if row.state != "sent":
        raise typer.Exit(1)


def _tried(host: Host, address: str, wait: float) -> OutboxMail:
    from musekit.api import Actor
    from musekit.auth.accounts import checked_email
    from musekit.email import service
    from musekit.email.delivery import deliver
    from musekit.email.mail import Address
    from musekit.email.models import OutboxMail

    actor = Actor.system("command email send-test")
    to = Address(email=checked_email(address))
    with host.database.session(actor) as session:
        made = service.queue(session, host, "mail-works", to=to, context={"to": to.email})
    if made is None:
        fail(
            f"Nothing is sent to {address}: it has bounced, complained or was shut out."
            " The admin pages list why, under E-mail, and open it again."
        )
    end = time.monotonic() + wait
    while True:
        deliver(host, only=made)
        with host.database.session(actor, readonly=True) as session:
            row = session.get_one(OutboxMail, made)
        # A worker may have it in its hands; what has an error is told at once.
        if row.state not in ("queued", "sending") or row.last_error or time.monotonic() > end:
            return row
        time.sleep(0.2)


@app.command()
def outbox(
    state: Annotated[str, typer.Option(help="Only mails in this state.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """List mails, the newest first."""
    from sqlalchemy import select

    from musekit.api import Actor
    from musekit.email.models import OutboxMail
    from musekit.kernel.database.session import Database
    from musekit.kernel.serving import prepare

    if state and state not in _STATES:
        fail(f"There is no state “{state}”. Mails are {', '.join(_STATES)}.")
    query = select(OutboxMail).order_by(OutboxMail.created_at.desc(), OutboxMail.id.desc())
    if state:
        query = query.where(OutboxMail.state == state)
    database = Database(prepare())
    with database.session(Actor.system("command email outbox"), readonly=True) as session:
        rows = [_told(row) for row in session.scalars(query.limit(limit))]
    database.close()
    if json:
        as_json(rows)
    else:
        table(["created_at", "state", "to", "template", "attempts", "last_error", "id"], rows)


@app.command()
def retry(
    mails: Annotated[list[UUID] | None, typer.Argument(help="Ids of failed mails.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All but those that may have arrived.")
    ] = False,
    json: Json = False,
) -> None:
    """Send failed mails again from now on. A worker does it, or the web process."""
    if bool(mails) == failed:
        fail("Name mails by their id, or say --failed.")
    from musekit.api import Actor
    from musekit.email import outbox as queue
    from musekit.email.service import JOB
    from musekit.kernel.build import open_host

    with open_host() as host:
        with host.database.session(Actor.system("command email retry")) as session:
            ids = mails or queue.failed(session)
            done = [each for each in ids if queue.retry(session, each)]
        if done:
            host.broker.enqueue(JOB)
    if json:
        as_json({"queued": done})
    else:
        sys.stdout.write(f"{len(done)} queued again.\n")
    if mails and len(done) < len(mails):
        say("The others have not failed, or their text is gone.")
        raise typer.Exit(1)


def _told(row: OutboxMail) -> dict[str, Any]:
    return {
        "id": str(row.id), "created_at": row.created_at.isoformat(), "state": row.state,
        "to": row.to_email, "template": row.template, "subject": row.subject,
        "attempts": row.attempts, "uncertain": row.uncertain, "provider": row.provider,
        "reference": row.provider_ref, "last_error": row.last_error or "",
    }  # fmt: skip
