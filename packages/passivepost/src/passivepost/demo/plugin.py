"""The demo, as PassivePost adds it to ``musekit up --demo``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from musekit import declarations as d
from musekit import hookimpl

if TYPE_CHECKING:
    from uuid import UUID

    from musekit.api import Host


@hookimpl
def musekit_register_settings() -> Iterable[d.SettingsSection]:
    """Who the sample person is."""
    from passivepost.demo.settings import DemoSettings

    return [d.SettingsSection(model=DemoSettings)]


@hookimpl
def musekit_on_demo(host: Host, base_url: str) -> Mapping[str, Any] | None:
    """Fill the deployment with a sample account and its posts, once."""
    from passivepost.demo.seeding import seed

    return seed(host, base_url)


@hookimpl
def musekit_resolve_tier(host: Host, product: str, space_id: UUID) -> str | None:
    """In a demo every space has the middle tier: the free floor's ten posts a day are soon used."""
    from passivepost.tiers import PRODUCT

    return "tier_2" if host.settings.mode == "demo" and product == PRODUCT else None


@hookimpl
def musekit_on_user_created(host: Host, user_id: UUID, space_id: UUID) -> None:
    """In a demo whoever signs up finds a draft to begin with."""
    if host.settings.mode == "demo":
        from passivepost.demo.welcome import leave_draft

        leave_draft(host, user_id, space_id)


@hookimpl
def musekit_on_user_deleted(host: Host, user_id: UUID) -> None:
    """In a demo the sample person may be deleted: the next start then makes them anew."""
    if host.settings.mode == "demo":
        from passivepost.demo.seeding import forget

        forget(host)
