"""The face of plans: what a space may use and what it has used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from musekit import hookimpl
from musekit.declarations import (
    EmailTemplate,
    Health,
    HealthCheck,
    Job,
    Permission,
    Product,
    RouteSet,
    Slot,
    Tier,
    WebhookEvent,
)
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_register_products() -> Iterable[Product]:
    """Give what stands in for a product where none is installed."""
    from musekit.products.workspace import PRODUCT

    return [PRODUCT]


@hookimpl
def musekit_register_tiers() -> Iterable[Tier]:
    """Give its tiers."""
    from musekit.products.workspace import TIERS

    return TIERS


@hookimpl
def musekit_register_permissions() -> Iterable[Permission]:
    """Give the right to see plans and their use."""
    return [
        Permission(key="usage.read", label="See the plan and what is used", lowest_role="viewer")
    ]


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/usage``."""
    from musekit.products.routes import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_register_slots() -> Iterable[Slot]:
    """Give the card of the dashboard: the plan, and what is used of it."""
    return [
        Slot(
            place="dashboard.cards", template="musekit/products/card.html", context=_card, weight=90
        )
    ]  # fmt: skip


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the jobs that end reservations, tell of limits that are near, and of other plans."""
    return [
        Job(name="usage-sweep", handler=_sweep, every=300),
        Job(name="usage-warnings", handler=_warn, every=60),
        Job(name="plans-tell", handler=_tell, retries=0, every=60),
    ]


@hookimpl
def musekit_register_email_templates() -> Iterable[EmailTemplate]:
    """Give the mail that tells of a limit that is near."""
    from musekit.products.mails import TEMPLATES

    return TEMPLATES


@hookimpl
def musekit_register_webhook_events() -> Iterable[WebhookEvent]:
    """Give what webhooks may be told of plans."""
    from musekit.products.events import EVENTS

    return EVENTS


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of the operator's tier definitions."""
    return [HealthCheck(name="tier definitions", check=_definitions)]


def _card(host: Host, actor: Any) -> Mapping[str, Any] | None:
    from musekit.products.service import card

    return card(host, actor)


def _sweep(run: JobRun) -> None:
    from musekit.products.jobs import sweep

    sweep(run)


def _warn(run: JobRun) -> None:
    from musekit.products.warning import warn

    warn(run.host)


def _tell(run: JobRun) -> None:
    from musekit.products.telling import leftovers

    leftovers(run.host)


def _definitions(host: Host) -> Health:
    """Say which products' tiers are not those that the operator has defined."""
    from musekit.products.definitions import defined

    bad = [
        f"{product.name}: {whence}"
        for product in host.registry.products
        if "not usable" in (whence := defined(host, product)[1])
    ]
    if not bad:
        return Health(status="ok")
    return Health(
        status="warn", detail="; ".join(bad),
        advice="Correct them in the admin pages; until then those of the product hold.",
    )  # fmt: skip
