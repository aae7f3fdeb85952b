"""The face of the language models: providers, settings, rights, routes, pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from musekit import hookimpl
from musekit.declarations import (
    AIProvider,
    Health,
    HealthCheck,
    Job,
    NavItem,
    Permission,
    RouteSet,
    SettingsSection,
)
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_register_ai_providers(host: Host) -> Iterable[AIProvider]:
    """Give OpenAI, xAI, Anthropic and whatever is compatible with OpenAI."""
    from musekit.ai.providers import known

    return known()


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give ``MUSEKIT_AI_…``."""
    from musekit.ai.settings import AISettings

    return [SettingsSection(model=AISettings)]


@hookimpl
def musekit_register_permissions() -> Iterable[Permission]:
    """Give who may ask a model, and who may choose it."""
    return [
        Permission(key="ai.use", label="Ask a language model", lowest_role="editor"),
        Permission(
            key="ai.settings.write", label="Choose the language model", lowest_role="admin"
        ),
    ]  # fmt: skip


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/ai…`` and ``/api/admin/ai…``."""
    from musekit.ai import admin_routes, routes, service_routes

    return [RouteSet(router=each.router) for each in (routes, service_routes, admin_routes)]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/organization/ai`` and ``/admin/ai``."""
    from musekit.ai import admin_pages, pages

    return [RouteSet(router=each.router) for each in (pages, admin_pages)]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the tab of an organization's own model, and the operator's page."""
    return [
        NavItem(
            label="AI", href="/admin/ai", group="This deployment", area="admin", operator=True,
            icon="sparkles", weight=50,
        ),
        NavItem(
            label="AI", href="/organization/ai", group="Organization", area="organization",
            icon="sparkles", weight=50, permission="ai.settings.write",
        )
    ]  # fmt: skip


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the job that closes the rows of calls whose process was killed."""
    return [Job(name="ai-sweep", handler=_sweep, every=300)]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of the settings."""
    return [HealthCheck(name="ai", check=_health)]


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Return the calls of a user: when, what for, and what they cost; texts are not kept."""
    from musekit.ai import ledger

    return {"ai_calls": ledger.of_user(session, user_id)}


def _sweep(run: JobRun) -> None:
    from musekit.ai import ledger, opening

    with run.host.database.session(opening.SYSTEM) as session:
        ledger.end_lost(session, opening.LOST_AFTER)


def _health(host: Host) -> Health:
    from musekit.ai.state import health

    return health(host)
