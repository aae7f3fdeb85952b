"""Organizations, as the operator sees them: who belongs to them and what they may use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.errors import NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, counted, holding, newest_first
from musekit.organizations.models import Organization, OrganizationMember
from musekit.spaces.models import Space

State = Literal["all", "closing"]


class Size(NamedTuple):
    """How many people and spaces an organization has."""

    members: int = 0
    spaces: int = 0


def page(
    session: Session, host: Host, *, search: str = "", state: State = "all", after: str = ""
) -> Listed[Organization]:
    """Return organizations whose name holds a text, the newest first. Runs as the system."""
    query = select(Organization).where(*_filters(search, state))
    return newest_first(
        session, host, query, Organization.created_at, Organization.id, after=after
    )  # fmt: skip


def count(session: Session, *, search: str = "", state: State = "all") -> str:
    """Return how many those are, in words where there are very many."""
    return counted(session, select(Organization.id).where(*_filters(search, state)))


def one(session: Session, organization_id: UUID) -> Organization:
    """Return an organization; NotFoundError if there is none."""
    found = session.get(Organization, organization_id)
    if found is None:
        raise NotFoundError("There is no such organization.")
    return found


def sizes(session: Session, organizations: Iterable[Organization]) -> dict[UUID, Size]:
    """Return how large each of some organizations is."""
    ids = [each.id for each in organizations]
    members = _by_organization(session, OrganizationMember, ids)
    spaces = _by_organization(session, Space, ids)
    return {each: Size(members.get(each, 0), spaces.get(each, 0)) for each in ids}


def _by_organization(session: Session, model: Any, ids: list[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        select(model.organization_id, func.count())
        .where(model.organization_id.in_(ids))
        .group_by(model.organization_id)
    )
    return {row[0]: row[1] for row in rows}


def _filters(search: str, state: State) -> list[Any]:
    found: list[Any] = [Organization.deleting_at.is_not(None)] if state == "closing" else []
    return found + holding(search, Organization.name, Organization.slug)
