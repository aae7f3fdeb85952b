"""What webhooks are told of organizations: ids, and no names of people or of other clients."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.declarations import WebhookEvent
from musekit.kernel.host import Host
from musekit.spaces.models import Space, SpaceMember
from musekit.webhooks.emitting import Happened, emit_all

_SAMPLE = "01890000-0000-7000-8000-00000000000"
EVENTS = (
    WebhookEvent(
        key="member.joined", label="Somebody has joined the organization",
        sample={"organization_id": _SAMPLE + "1", "user_id": _SAMPLE + "2", "role": "editor"},
    ),
    WebhookEvent(
        key="member.left", label="Somebody has left the organization, or was taken out",
        sample={"organization_id": _SAMPLE + "1", "user_id": _SAMPLE + "2"},
    ),
    WebhookEvent(
        key="space.created", label="The organization has another space",
        sample={"organization_id": _SAMPLE + "1", "space_id": _SAMPLE + "3"},
    ),
)  # fmt: skip


def spaces_with(session: Session, organization_id: UUID, user_id: UUID) -> Collection[UUID]:
    """Return the spaces of an organization that somebody is in."""
    return session.scalars(
        select(Space.id)
        .join(SpaceMember, SpaceMember.space_id == Space.id)
        .where(Space.organization_id == organization_id, SpaceMember.user_id == user_id)
    ).all()


def joined(session: Session, host: Host, organization_id: UUID, user_id: UUID, role: str) -> None:
    """Tell the spaces that somebody is in now; in the unit of work in which they joined."""
    data = {"organization_id": organization_id, "user_id": user_id, "role": role}
    _tell(session, host, spaces_with(session, organization_id, user_id), "member.joined", data)


def left(
    session: Session, host: Host, organization_id: UUID, user_id: UUID, spaces: Collection[UUID]
) -> None:
    """Tell the spaces that somebody was in; in the unit of work in which they left."""
    data = {"organization_id": organization_id, "user_id": user_id}
    _tell(session, host, spaces, "member.left", data)


def leaves_all(session: Session, host: Host, user_id: UUID) -> None:
    """Tell all spaces of organizations that somebody is in, whose account is about to go."""
    rows = session.execute(
        select(Space.organization_id, Space.id)
        .join(SpaceMember, SpaceMember.space_id == Space.id)
        .where(Space.organization_id.is_not(None), SpaceMember.user_id == user_id)
    )
    emit_all(
        session, host,
        [
            Happened(
                space_id=space_id, event="member.left",
                data={"organization_id": organization_id, "user_id": user_id},
            )
            for organization_id, space_id in rows
        ],
    )  # fmt: skip


def space_created(session: Session, host: Host, organization_id: UUID, space_id: UUID) -> None:
    """Tell the other spaces of an organization; in the unit of work of the act."""
    others = session.scalars(
        select(Space.id).where(Space.organization_id == organization_id, Space.id != space_id)
    ).all()
    data = {"organization_id": organization_id, "space_id": space_id}
    _tell(session, host, others, "space.created", data)


def _tell(
    session: Session, host: Host, spaces: Collection[UUID], event: str, data: Mapping[str, object]
) -> None:
    emit_all(
        session, host, [Happened(space_id=each, event=event, data=data) for each in spaces]
    )  # fmt: skip
