"""The audit log: who did what, in the same unit of work as the act, so that neither is alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.audit.models import AuditEntry
from musekit.kernel.actors import Actor
from musekit.kernel.logs import is_secret_name
from musekit.kernel.ratelimit.keys import address_of
from musekit.kernel.web.requests import request_id

if TYPE_CHECKING:
    from starlette.requests import Request

Scalar = str | int | float | bool | UUID | None


def record(
    session: Session,
    actor: Actor,
    action: str,
    *,
    target: tuple[str, object] | None = None,
    detail: Mapping[str, Scalar] | None = None,
    space_id: UUID | None = None,
    organization_id: UUID | None = None,
    request: Request | None = None,
) -> None:
    """Add an entry. It stays if, and only if, the unit of work is committed.

    Args:
        session: the one of the act: of the system, or of the actor for an act in their space.
        actor: who acts; for the system its name stands in the entry.
        action: ``<thing>.<what happened>``, such as ``member.invited``.
        target: what it was done to: (kind, id), such as ``("organization", organization.id)``.
        detail: what helps to understand it later: scalars that the caller chooses, never whole
            objects, secrets or e-mail addresses.
        space_id: where; None: the actor's space.
        organization_id: the organization it concerns, whose admins may read the entry.
        request: gives the address and the request id.

    Raises:
        ValueError: the action has another shape, or a detail is named like a secret.
        TenancyError: the session is not the system's, and the entry not about its own actor.
    """
    thing, _, verb = action.partition(".")
    if not (thing and verb):
        raise ValueError(f"“{action}” is not of the shape <thing>.<what happened>")
    if secret := [name for name in detail or () if is_secret_name(name)]:
        raise ValueError(f"an audit entry holds no secret: {', '.join(secret)}")
    kind, key = target or ("", "")
    session.add(
        AuditEntry(
            actor_kind=actor.kind, actor_user_id=actor.user_id,
            impersonator_id=actor.impersonator_id, token_id=actor.token_id, via=actor.via,
            in_space_id=space_id or actor.space_id, in_organization_id=organization_id,
            action=action, target_kind=kind, target_id=str(key),
            detail=_plain(actor, detail or {}),
            ip=address_of(request) if request is not None else "",
            request_id=request_id(request.scope) if request is not None else "",
        )
    )  # fmt: skip


def _plain(
    actor: Actor, detail: Mapping[str, Scalar]
) -> dict[str, str | int | float | bool | None]:
    plain = {
        name: str(value) if isinstance(value, UUID) else value for name, value in detail.items()
    }
    return {"system": actor.name, **plain} if actor.is_system else plain
