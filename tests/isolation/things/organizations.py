"""Organizations of people, and invitations to them."""

from __future__ import annotations

import secrets
from uuid import UUID

from tests.isolation.world import SYSTEM, Person, World

from musekit.api import new_id
from musekit.auth.secrets import digest
from musekit.kernel.database.types import db_after
from musekit.organizations import service
from musekit.organizations.models import Invitation


def organization(world: World, it: Person) -> UUID:
    """An organization of the person; their browser is at home, in no space of it."""
    known = world.made.get((it.name, "organization"))
    if known is None:
        with world.host.database.session(SYSTEM) as session:
            known = service.create(session, it.user_id, f"organization of {it.name}")[0].id
        world.made[it.name, "organization"] = known
    return known


def client_space(world: World, it: Person) -> UUID:
    """The first space of it."""
    with world.host.database.session(SYSTEM, readonly=True) as session:
        return service.spaces(session, organization(world, it))[0].id


def invitation(world: World, it: Person) -> UUID:
    """An open invitation to it."""
    known = world.made.get((it.name, "invitation"))
    if known is None:
        known = new_id()
        with world.host.database.session(SYSTEM) as session:
            session.add(
                Invitation(
                    id=known, organization_id=organization(world, it), email="guest@example.org",
                    email_key="guest@example.org", role="editor", expires_at=db_after(3600),
                    token_hash=digest(secrets.token_urlsafe(32)),
                )
            )  # fmt: skip
        world.made[it.name, "invitation"] = known
    return known
