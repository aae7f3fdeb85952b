"""``musekit users``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from musekit.cli.output import as_json, fail, table

app = typer.Typer(help="List and make users.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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


@app.command("set-operator")
def set_operator(
    email: str, off: Annotated[bool, typer.Option("--off", help="Take the right away.")] = False
) -> None:
    """Let a user see the admin pages of this deployment."""
    from sqlalchemy import select

    from musekit.api import Actor, User
    from musekit.kernel.database.session import Database
    from musekit.kernel.serving import prepare

    database = Database(prepare())
    with database.session(Actor.system("command users set-operator")) as session:
        user = session.scalar(select(User).where(User.email == email.strip().lower()))
        if user is None:
            fail(f"There is no user {email}. `musekit users list` shows them.")
        user.is_operator = not off
    database.close()
    sys.stdout.write(f"{email} is {'no longer' if off else 'now'} an operator.\n")
