"""Spaces of people."""

from __future__ import annotations

from uuid import UUID

from tests.isolation.world import Person, World


def spare_space(world: World, it: Person) -> UUID:
    """A space that the person belongs to."""
    return it.space_id


def named(world: World, it: Person) -> dict[str, str]:
    """A request that names such a space."""
    return {"space_id": str(it.space_id)}
