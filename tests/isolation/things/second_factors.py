"""Passkeys of people."""

from __future__ import annotations

from uuid import UUID

from tests.isolation.world import SYSTEM, Person, World

from musekit.api import new_id
from musekit.auth.second_factors.models import Passkey


def spare_passkey(world: World, it: Person) -> UUID:
    """A passkey of a person, of which they are told the id alone."""
    known = world.made.get((it.name, "passkey"))
    with world.host.database.session(SYSTEM) as session:
        if known and session.get(Passkey, known):
            return known
        key = new_id()
        row = Passkey(
            id=key, user_id=it.user_id, credential_id=key.bytes, public_key=b"x", name="spare"
        )
        session.add(row)
        world.made[it.name, "passkey"] = key
        return key
