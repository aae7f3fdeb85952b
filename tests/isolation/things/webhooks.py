"""Webhooks of people, with something that was told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.isolation.world import SYSTEM, Person, World, mark

from musekit.webhooks import emitting, endpoints
from musekit.webhooks.models import WebhookDelivery, WebhookEndpoint


def endpoint(world: World, it: Person) -> UUID:
    """A webhook of the person's space; made again when it is gone."""
    known = world.made.get((it.name, "webhook"))
    with world.host.database.session(SYSTEM) as session:
        row = session.get(WebhookEndpoint, known) if known else None
        if row is None:
            wanted = endpoints.Wanted(
                url="https://hooks.invalid/", description=mark(it), events=["*"]
            )  # fmt: skip
            row, secret = endpoints.create(
                session, world.host, it.space_id, wanted, by=it.user_id
            )  # fmt: skip
            it.secrets.add(secret)
        # The guard refuses it before any name is looked up.
        row.url = f"https://127.0.0.1/{mark(it)}"
        row.enabled, row.disabled_reason = True, None
        world.made[it.name, "webhook"] = row.id
        return row.id


def room(world: World, it: Person) -> None:
    """Make room for further webhooks in the person's space: there may be a few only."""
    with world.host.database.session(SYSTEM) as session:
        kept = {value for (_, kind), value in world.made.items() if kind == "webhook"}
        for row in endpoints.listed(session, it.space_id)[3:]:
            if row.id not in kept:
                session.delete(row)


def wanted(world: World, it: Person) -> dict[str, Any]:
    """A request for another webhook."""
    room(world, it)
    return {"url": "https://hooks.invalid/in", "events": ["member.joined"]}


def delivery(world: World, it: Person) -> UUID:
    """Something that was told there, and has failed for good."""
    at = endpoint(world, it)
    known = world.made.get((it.name, "delivery"))
    with world.host.database.session(SYSTEM) as session:
        row = session.get(WebhookDelivery, known) if known else None
        if row is None or row.endpoint_id != at:
            there = session.get_one(WebhookEndpoint, at)
            message = emitting.written(
                it.space_id, "member.left", {"user_id": mark(it)}, there.created_at
            )
            session.add(message)
            session.flush()
            row = emitting.waiting(there, message)
            session.add(row)
        row.state = "failed"
        world.made[it.name, "delivery"] = row.id
        return row.id
