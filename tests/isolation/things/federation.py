"""Accounts of people elsewhere."""

from __future__ import annotations

from uuid import UUID

from tests.isolation.world import SYSTEM, Person, World

from musekit.auth.federation import linking
from musekit.auth.federation.models import UserIdentity
from musekit.providers import Identity


def spare_identity(world: World, it: Person) -> UUID:
    """An identity of a person, of which they are told the id alone."""
    known = world.made.get((it.name, "identity"))
    with world.host.database.session(SYSTEM) as session:
        if known and session.get(UserIdentity, known):
            return known
        made = Identity(
            issuer="https://elsewhere.example", subject=f"{it.name}-{len(world.made)}",
            email=it.email, email_verified=True,
        )  # fmt: skip
        row = linking.link(session, it.user_id, "elsewhere", made)
        world.made[it.name, "identity"] = row.id
        return row.id
