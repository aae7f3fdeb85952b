"""``musekit users``."""

from __future__ import annotations

import json as json_module
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from musekit.cli.impersonations import impersonations
from musekit.cli.options import Json, yes_delete
from musekit.cli.output import as_json, fail, table

app = typer.Typer(
    help="List, make, export and delete users.", no_args_is_help=True, rich_markup_mode=None
)

app.command("impersonations")(impersonations)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the users, the oldest first."""
    from sqlalchemy import select

    from musekit.api import Actor, User
    from musekit.kernel.database.session import Database
    from musekit.kernel.serving import prepare

    database = Database(prepare())
    with database.session(Actor.system("command users list"), readonly=True) as session:
        rows = [
            {"id": str(user.id), "email": user.email, "name": user.name,
             "operator": user.is_operator, "created_at": user.created_at.isoformat()}
            for user in session.scalars(select(User).order_by(User.created_at, User.id))
        ]  # fmt: skip
    database.close()
    if json:
        as_json(rows)
    else:
        table(["email", "name", "operator", "created_at", "id"], rows)


@app.command()
def create(
    email: str,
    name: Annotated[str, typer.Option(help="Name shown.")] = "",
    operator: Annotated[bool, typer.Option(help="May see the admin pages.")] = False,
    json: Json = False,
) -> None:
    """Make a user with a personal space. The password is asked for, or read from a pipe."""
    from musekit.api import Actor
    from musekit.auth import service
    from musekit.kernel.build import build_host
    from musekit.kernel.serving import prepare

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        fail("No password was given. Nothing was made.")
    host = build_host(prepare())
    try:
        with host.database.session(Actor.system("command users create")) as session:
            user, space = service.sign_up(session, email, password, name)
            user.is_operator = operator
            session.flush()
            made = {"id": str(user.id), "space_id": str(space.id), "email": user.email}
            user_id, space_id = user.id, space.id
        host.registry.hooks.on_user_created(host=host, user_id=user_id, space_id=space_id)
    finally:
        host.close()
    if json:
        as_json(made)
    else:
        sys.stdout.write(f"{made['email']} can sign in now.\n")


@app.command()
def export(
    email: str,
    output: Annotated[Path | None, typer.Option(help="File to write to, readable by you.")] = None,
) -> None:
    """Export all that is kept of a user as JSON: no passwords, tokens or other secrets."""
    from musekit.api import Actor
    from musekit.auth import journal, removal
    from musekit.kernel.build import open_host

    with open_host() as host:
        actor = Actor.system("command users export")
        with host.database.session(actor) as session:
            user_id = removal.find(session, email).id
            found = host.registry.hooks.export_user_data(session=session, user_id=user_id)
            journal.note(session, actor, "export.made", target=("user", user_id))
    if output is None:
        as_json(found)
        return
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        json_module.dump(found, opened, default=str, ensure_ascii=False, indent=2)
    sys.stdout.write(f"Written to {output}.\n")


@app.command()
def delete(
    email: str,
    confirmed: Annotated[str, yes_delete("EMAIL", "the address")] = "",
) -> None:
    """Delete a user with their personal space and all that is in it. `export` comes first."""
    from musekit.api import Actor
    from musekit.auth import deletion, journal, removal
    from musekit.kernel.build import open_host
    from musekit.organizations import events

    actor = Actor.system("command users delete")
    with open_host() as host:
        with host.database.session(actor, readonly=True) as session:
            user = removal.find(session, email)
            address, user_id = user.email, user.id
            if confirmed.strip().casefold() != user.email_key:
                fail(
                    f"Nothing was deleted. With --yes-delete {address} this deletes {address},"
                    " the personal space and all that is in it, for good."
                )
        if not deletion.end_payments(host, user_id):
            fail("Nothing was deleted: their plans could not be ended at Stripe. Try again later.")
        with host.database.session(actor) as session:
            events.leaves_all(session, host, user_id)
            removal.remove(session, user_id)
            journal.note(session, actor, "user.deleted", target=("user", user_id))
        host.registry.hooks.on_user_deleted(host=host, user_id=user_id)
    sys.stdout.write(f"{address} is deleted, with all that belonged to the account.\n")


@app.command("set-operator")
def set_operator(
    email: str, off: Annotated[bool, typer.Option("--off", help="Take the right away.")] = False
) -> None:
    """Let a user see the admin pages of this deployment."""
    from musekit.api import Actor
    from musekit.auth import journal, removal
    from musekit.kernel.database.session import Database
    from musekit.kernel.serving import prepare

    actor = Actor.system("command users set-operator")
    database = Database(prepare())
    with database.session(actor) as session:
        user = removal.find(session, email)
        if user.is_operator is off:
            user.is_operator = not off
            act = "user.operator_taken" if off else "user.made_operator"
            journal.note(session, actor, act, target=("user", user.id))
    database.close()
    sys.stdout.write(f"{email} is {'no longer' if off else 'now'} an operator.\n")


@app.command()
def disable(
    email: str,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    json: Json = False,
) -> None:
    """Let nobody sign in as a user. Nothing of theirs is deleted, and what is due goes out."""
    _open_or_shut(email, reason, json=json, shut=True)


@app.command()
def enable(email: str, json: Json = False) -> None:
    """Let a disabled user sign in again."""
    _open_or_shut(email, "", json=json, shut=False)


def _open_or_shut(email: str, reason: str, *, json: bool, shut: bool) -> None:
    from musekit.api import Actor
    from musekit.auth import closing, removal
    from musekit.errors import MuseKitError
    from musekit.kernel.database.session import Database
    from musekit.kernel.serving import prepare

    actor = Actor.system(f"command users {'disable' if shut else 'enable'}")
    database = Database(prepare())
    try:
        with database.session(actor) as session:
            user_id = removal.find(session, email).id
            if shut:
                user = closing.disable(session, actor, user_id, reason=reason)
            else:
                user = closing.enable(session, actor, user_id)
            said = {"id": str(user.id), "email": user.email, "disabled": shut}
    except MuseKitError as error:
        fail(error.detail)
    finally:
        database.close()
    if json:
        as_json(said)
    else:
        can = "cannot sign in any more; browsers are signed out" if shut else "can sign in again"
        sys.stdout.write(f"{said['email']} {can}.\n")


@app.command("drop-second-factors")
def drop_second_factors(email: str, json: Json = False) -> None:
    """Let somebody in by their password alone who has lost phone, codes and passkeys.

    Make sure that it is them who asks. They get a mail about it, and their browsers are signed out.
    """
    from musekit.api import Actor
    from musekit.auth import removal
    from musekit.auth.second_factors import service
    from musekit.kernel.build import open_host

    actor = Actor.system("command users drop-second-factors")
    with open_host() as host, host.database.session(actor) as session:
        user = removal.find(session, email)
        service.let_back_in(session, host, actor, user.id)
        said = {"id": str(user.id), "email": user.email}
    if json:
        as_json(said)
    else:
        sys.stdout.write(f"{said['email']} can sign in by the password alone.\n")


@app.command("set-up-link")
def set_up_link(json: Json = False) -> None:
    """Make the link by which the first operator is made; it works once, for a day."""
    from musekit.auth import set_up
    from musekit.errors import MuseKitError
    from musekit.kernel.build import open_host

    with open_host() as host:
        try:
            url = set_up.offer(host)
        except MuseKitError as error:
            fail(error.detail)
    if json:
        as_json({"url": url})
    else:
        sys.stdout.write(f"{url}\n")
