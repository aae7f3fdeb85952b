"""Tiers given for a time: that one has ended is kept to be told of, once, by a job.

Nothing is written when a time is over. How far the job has looked stands in a row of
``organization_settings`` that belongs to nobody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.organizations.models import OrganizationSettings
from musekit.products import tiers, untold
from musekit.products.models import ProductGrant
from musekit.products.owners import Owner, spaces_of

_SYSTEM = Actor.system("plans")
_SCOPE = "grants-ended"
#: Grants looked at in one run; the rest in the next.
BATCH = 200


def keep(host: Host) -> list[UUID]:
    """Keep what has ended since the last look; return what is to be told (`telling.tell`)."""
    defined = {each.key: tiers.definitions(host, each.key) for each in host.registry.products}
    defaults = {each.key: each.default_tier for each in host.registry.products}
    with host.database.session(_SYSTEM, readonly=True) as session:
        since = _since(session.scalar(_row()))
        if since is not None and not _ended(session, since):
            return []
    with host.database.session(_SYSTEM) as session:
        _begin(session, host)
        row = session.scalar(_row().with_for_update())
        assert row is not None
        since = _since(row)
        assert since is not None
        found = _ended(session, since)
        kept = []
        for each in found:
            known = {tier.key for tier in defined.get(each.product, ())}
            before = each.tier if each.tier in known else defaults.get(each.product, "")
            spaces = spaces_of(session, Owner(each.user_id, each.organization_id))
            kept.append(untold.keep_spaces(session, each.product, dict.fromkeys(spaces, before)))
        if found and found[-1].ends_at is not None:
            row.settings = {"until": found[-1].ends_at.isoformat()}
    return kept


def _ended(session: Session, since: datetime) -> list[ProductGrant]:
    return list(
        session.scalars(
            select(ProductGrant)
            .where(ProductGrant.ends_at > since, ProductGrant.ends_at <= utc_now())
            .order_by(ProductGrant.ends_at, ProductGrant.id)
            .limit(BATCH)
        )
    )


def _begin(session: Session, host: Host) -> None:
    """Look from now on, where nobody has looked before."""
    insert: Any = postgresql.insert if host.database.is_postgres else sqlite.insert
    row = {
        "id": new_id(), "scope": _SCOPE, "settings": {"until": utc_now().isoformat()},
        "updated_at": utc_now(),
    }  # fmt: skip
    session.execute(
        insert(OrganizationSettings).values(row).on_conflict_do_nothing(index_elements=["scope"])
    )


def _row() -> Any:
    return select(OrganizationSettings).where(OrganizationSettings.scope == _SCOPE)


def _since(row: OrganizationSettings | None) -> datetime | None:
    return datetime.fromisoformat(row.settings["until"]) if row is not None else None
