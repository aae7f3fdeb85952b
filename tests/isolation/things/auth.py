"""What people type to come in; their spare tokens and sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.isolation.world import PASSWORD, SYSTEM, Person, World

from musekit.api import new_id
from musekit.auth import sessions
from musekit.auth.models import ApiToken, UserSession
from musekit.auth.secrets import digest, new_token


def credentials(world: World, it: Person) -> dict[str, Any]:
    """An address, and a password that is not its password."""
    return {"email": it.email, "password": PASSWORD + "?"}


def proof(world: World, it: Person) -> dict[str, Any]:
    """A password that is not theirs: the right one would give their browser another cookie."""
    return {"password": PASSWORD + "?"}


def forgetful(world: World, it: Person) -> dict[str, Any]:
    """The address of who has forgotten a password: whoever asks learns nothing of it."""
    return {"email": it.email}


def choice(world: World, it: Person) -> dict[str, Any]:
    """A new password by a link that is nobody's."""
    return {"link": "x" * 43, "password": "a pelican under umbrellas"}


def newcomer(world: World, it: Person) -> dict[str, Any]:
    """An address that has an account already: whoever asks must not come in by it."""
    return {"email": it.email, "password": PASSWORD, "name": "x"}


def spare_token(world: World, it: Person) -> UUID:
    """A further API token of a person, of which they are told the id alone."""
    known = world.made.get((it.name, "token"))
    with world.host.database.session(SYSTEM) as session:
        row = session.get(ApiToken, known) if known else None
        if row is None or row.revoked_at is not None:
            secret = new_token()
            row = ApiToken(
                id=new_id(), user_id=it.user_id, space_id=it.space_id, name="spare",
                prefix=secret[:14], secret_hash=digest(secret), scopes=["*"],
            )  # fmt: skip
            session.add(row)
            it.secrets.add(secret)
        world.made[it.name, "token"] = row.id
        return row.id


def spare_session(world: World, it: Person) -> UUID:
    """A further browser session of a person."""
    known = world.made.get((it.name, "session"))
    with world.host.database.session(SYSTEM) as session:
        if known and session.get(UserSession, known):
            return known
        row, secret = sessions.start(session, it.user_id, it.space_id, days=1)
        it.secrets.add(secret)
        world.made[it.name, "session"] = row.id
        return row.id
