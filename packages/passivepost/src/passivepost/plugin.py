"""The face of PassivePost: what it gives to the host. Everything else is imported when used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from musekit import declarations as d
from musekit import hookimpl

if TYPE_CHECKING:
    from uuid import UUID

    import pluggy
    from sqlalchemy.orm import Session

    from musekit.api import Host

#: Further modules of this package with hooks: one per feature that brings its own.
musekit_features = (
    "passivepost.notifications.plugin",
    "passivepost.scaffold.plugin",
    "passivepost.setup.plugin",
    "passivepost.demo.plugin",
)


@hookimpl
def musekit_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Let platform packages register."""
    from passivepost import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@hookimpl
def musekit_register_products() -> Iterable[d.Product]:
    """The one product."""
    from passivepost.declared import products

    return products()


@hookimpl
def musekit_register_settings() -> Iterable[d.SettingsSection]:
    """Intervals and limits; fine tuning of the publisher."""
    from passivepost.declared import settings

    return settings()


@hookimpl
def musekit_register_migrations() -> Iterable[d.Migrations]:
    """Tables, and the two columns on ``social_posts``."""
    from passivepost.declared import MIGRATIONS

    return MIGRATIONS


@hookimpl
def musekit_register_permissions() -> Iterable[d.Permission]:
    """Rights to posts and accounts."""
    from passivepost.declared import PERMISSIONS

    return PERMISSIONS


@hookimpl
def musekit_register_tiers() -> Iterable[d.Tier]:
    """The free floor and two above it."""
    from passivepost.tiers import TIERS

    return TIERS


@hookimpl
def musekit_register_jobs() -> Iterable[d.Job]:
    """The four jobs of the reference."""
    from passivepost.declared import jobs

    return jobs()


@hookimpl
def musekit_register_worker_services() -> Iterable[d.WorkerService]:
    """The publisher."""
    from passivepost.declared import services

    return services()


@hookimpl
def musekit_register_health_checks() -> Iterable[d.HealthCheck]:
    """Platforms, and whether anybody publishes."""
    from passivepost.declared import health_checks

    return health_checks()


@hookimpl
def musekit_register_navigation() -> Iterable[d.NavItem]:
    """Entries of the sidebar."""
    from passivepost.declared import NAVIGATION

    return NAVIGATION


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[d.RouteSet]:
    """The JSON API under ``/api/social``. Collects the platforms, too."""
    from passivepost.declared import routes

    return routes(host)


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[d.RouteSet]:
    """The pages under ``/dashboard/social``."""
    from passivepost.declared import pages

    return pages()


@hookimpl
def musekit_register_slots() -> Iterable[d.Slot]:
    """The card on the dashboard, and the button that composes from anywhere."""
    from passivepost.declared import SLOTS

    return SLOTS


@hookimpl
def musekit_on_subscription_changed(host: Host, product: str, space_ids: Sequence[UUID]) -> None:
    """Posts that were held for a larger plan are looked at again."""
    from passivepost.tiers import PRODUCT

    if product == PRODUCT:
        from passivepost.tier.changed import resume

        resume(host, space_ids)


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Accounts, without their tokens, and posts."""
    from passivepost.export import export

    return export(session, user_id)
