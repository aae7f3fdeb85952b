"""What the edges do with an organization itself: name, settings, owner, end. With entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request

from musekit.audit import service as audit
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations import ending, ownership, preferences, service
from musekit.organizations.models import Organization


def change(
    request: Request, host: Host, actor: Actor, organization: Organization, *,
    name: str | None = None, settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Change the name, some settings, or both at once; return the settings then.

    Raises:
        InvalidError: see `service.rename` and `preferences.change`.
    """
    assert actor.user_id is not None
    about: dict[str, Any] = {
        "target": ("organization", organization.id), "organization_id": organization.id,
        "request": request,
    }  # fmt: skip
    with host.database.session(SYSTEM) as session:
        if name is not None and name != organization.name:
            service.rename(session, organization.id, name)
            audit.record(session, actor, "organization.renamed", **about)
        if settings:
            audit.record(
                session, actor, "organization.settings_changed",
                detail={"settings": ", ".join(sorted(settings))[:200]}, **about,
            )  # fmt: skip
            return preferences.change(session, host, organization.id, settings, by=actor.user_id)
        return preferences.of(session, organization.id)


def transfer(
    request: Request, host: Host, actor: Actor, organization: Organization, *, to: UUID
) -> User:
    """Hand the organization over; see `ownership.transfer`."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        heir = ownership.transfer(session, host, organization.id, to=to, by=actor.user_id)
        audit.record(
            session, actor, "organization.transferred", target=("user", to),
            organization_id=organization.id, request=request,
        )  # fmt: skip
    return heir


def close(
    request: Request, host: Host, actor: Actor, organization: Organization, *, name: str
) -> None:
    """Close the organization, and have it deleted; see `ending.begin`."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        ending.begin(session, host, organization.id, name=name, by=actor.user_id)
        audit.record(
            session, actor, "organization.closed", target=("organization", organization.id),
            organization_id=organization.id, request=request,
        )  # fmt: skip
    host.broker.enqueue(ending.JOB)
