"""The face of outgoing webhooks: rights, settings, routes, pages, jobs, the mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from musekit import hookimpl
from musekit.declarations import (
    EmailTemplate,
    Health,
    HealthCheck,
    Job,
    NavItem,
    Permission,
    RouteSet,
    SettingsSection,
)
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give ``MUSEKIT_WEBHOOK_…``."""
    from musekit.webhooks.settings import WebhookSettings

    return [SettingsSection(model=WebhookSettings)]


@hookimpl
def musekit_register_permissions() -> Iterable[Permission]:
    """Give who may see webhooks, and who may change them."""
    return [
        Permission(key="webhooks.read", label="See webhooks", lowest_role="admin"),
        Permission(key="webhooks.write", label="Manage webhooks", lowest_role="admin"),
    ]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/webhooks…`` and ``/api/admin/webhooks…``."""
    from musekit.webhooks import admin_routes, routes

    return [RouteSet(router=each.router) for each in (routes, admin_routes)]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give the pages, under both paths, and the operator's."""
    from musekit.webhooks import admin_pages, pages
    from musekit.webhooks.here import ACCOUNT, ORGANIZATION

    return [
        *(RouteSet(router=pages.router, prefix=prefix) for prefix in (ACCOUNT, ORGANIZATION)),
        RouteSet(router=admin_pages.router),
    ]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the tab among one's account, that of an organization, and the operator's page."""
    return [
        NavItem(
            label="Webhooks", href="/account/webhooks", group="Account", area="account",
            icon="webhook", weight=60, permission="webhooks.read",
        ),
        NavItem(
            label="Webhooks", href="/organization/webhooks", group="Organization",
            area="organization", icon="webhook", weight=60, permission="webhooks.read",
        ),
        NavItem(
            label="Webhooks", href="/admin/webhooks", group="This deployment", area="admin",
            operator=True, icon="webhook", weight=60,
        ),
    ]  # fmt: skip


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the job that delivers, rung for when something has happened, and the sweep."""
    return [
        Job(name="webhook-deliver", handler=_deliver, retries=0, every=30),
        Job(name="webhook-sweep", handler=_sweep, retries=0, every=3600),
    ]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of what waits."""
    return [HealthCheck(name="webhooks", check=_health)]


@hookimpl
def musekit_register_email_templates() -> Iterable[EmailTemplate]:
    """Give the mail that says that a webhook was switched off."""
    from musekit.webhooks.mails import TEMPLATES

    return TEMPLATES


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Return the webhooks of a user's own space; those of organizations are theirs."""
    from musekit.webhooks import endpoints

    return {"webhooks": endpoints.of_user(session, user_id)}


def _deliver(run: JobRun) -> None:
    from musekit.webhooks.delivery import deliver

    deliver(run.host, stopping=run.host.stopping.is_set)


def _sweep(run: JobRun) -> None:
    from musekit.webhooks import log
    from musekit.webhooks.settings import WebhookSettings

    days = run.host.settings_of(WebhookSettings).keep_days
    while True:
        with run.host.database.session(Actor.system("webhooks")) as session:
            if log.sweep(session, days) < log.SWEPT:
                return


def _health(host: Host) -> Health:
    from musekit.webhooks.health import health

    return health(host)
