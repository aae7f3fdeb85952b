"""The face of billing: routes, permissions, settings and the jobs that ask Stripe."""

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
    Slot,
)
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give ``MUSEKIT_BILLING_…``."""
    from musekit.billing.settings import BillingSettings

    return [SettingsSection(model=BillingSettings)]


@hookimpl
def musekit_register_permissions() -> Iterable[Permission]:
    """Give who may see what is paid, and who may buy."""
    return [
        Permission(key="billing.read", label="See plans and payments", lowest_role="admin"),
        Permission(key="billing.write", label="Buy, change and cancel plans", lowest_role="owner"),
    ]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/billing…`` and ``/api/admin/billing…``."""
    from musekit.billing import admin_routes, routes

    return [RouteSet(router=each.router) for each in (routes, admin_routes)]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/pricing``, ``/billing…`` and ``/admin/billing…``."""
    from musekit.billing import act_pages, admin_pages, pages

    return [RouteSet(router=each.router) for each in (pages, act_pages, admin_pages)]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the entries of the space's payments, and of the operator's pages about all of them."""
    return [
        NavItem(
            label="Billing", href="/billing", group="Overview", icon="credit-card", weight=90,
            permission="billing.read",
        ),
        NavItem(
            label="Billing", href="/admin/billing", group="Administration", area="admin",
            operator=True, icon="credit-card", weight=5,
        ),
    ]  # fmt: skip


@hookimpl
def musekit_register_slots() -> Iterable[Slot]:
    """Give the plans of the page that says what is installed."""
    return [Slot(place="landing", template="musekit/billing/landing.html", context=_landing)]


@hookimpl
def musekit_register_email_templates() -> Iterable[EmailTemplate]:
    """Give what tells of plans, payments and trials."""
    from musekit.billing.mails import TEMPLATES

    return TEMPLATES


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of what Stripe needs, and of what is left undone."""
    return [HealthCheck(name="billing", check=_health)]


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the fetching of what changed; events ring for it."""
    return [
        Job(name="billing-sync", handler=_sync, retries=0, every=60),
        Job(name="billing-events", handler=_events, retries=0, every=60),
    ]


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Return what a user pays and has begun to buy."""
    from musekit.billing import exporting

    return {"billing": exporting.of_user(session, user_id)}


def _landing(host: Host, actor: Any) -> Mapping[str, Any]:
    from musekit.billing import catalogue

    return {"shelves": catalogue.shelves(host)}


def _sync(run: JobRun) -> None:
    if _configured(run.host):
        from musekit.billing import sync, telling

        sync.drain(run.host)
        telling.leftovers(run.host)


def _events(run: JobRun) -> None:
    if _configured(run.host):
        from musekit.billing import leftovers

        leftovers.settle(run.host)
        leftovers.refresh(run.host)
        leftovers.sweep(run.host)


def _configured(host: Host) -> bool:
    from musekit.billing.settings import BillingSettings

    return host.settings_of(BillingSettings).is_configured


def _health(host: Host) -> Health:
    from musekit.billing import state

    return state.health(host)
