"""The face of sign-in: who is behind a request, and the routes and pages around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit import hookimpl
from musekit.declarations import (
    EmailTemplate,
    IdentityProvider,
    Job,
    NavItem,
    RouteSet,
    SettingsSection,
    Slot,
)
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun


@hookimpl
def musekit_resolve_actor(request: Request, host: Host) -> Actor | None:
    """Look at the bearer token or the session cookie."""
    from musekit.auth.resolve import actor_of

    return actor_of(request, host)


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/auth/…``."""
    from musekit.auth import data_routes, link_routes, routes, security_routes
    from musekit.auth.federation import routes as federation
    from musekit.auth.second_factors import passkey_routes
    from musekit.auth.second_factors import routes as factors

    found = (
        routes, link_routes, security_routes, data_routes, factors, passkey_routes, federation
    )  # fmt: skip
    return [RouteSet(router=each.router) for each in found]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/sign-up``, ``/sign-in``, ``/account…``, and the pages that mailed links lead to."""
    from musekit.auth import (
        data_pages,
        impersonation_pages,
        link_pages,
        pages,
        security_pages,
        set_up_pages,
    )
    from musekit.auth.federation import pages as federation
    from musekit.auth.second_factors import pages as factors
    from musekit.auth.second_factors import passkey_pages

    found = (
        pages, link_pages, security_pages, data_pages, set_up_pages, factors, passkey_pages,
        impersonation_pages, federation,
    )  # fmt: skip
    return [RouteSet(router=each.router) for each in found]


@hookimpl
def musekit_register_slots() -> Iterable[Slot]:
    """Give the banner of operators who act as somebody, and what new people are asked for."""
    return [
        Slot(place="shell.banner", template="musekit/auth/impersonation.html", context=_banner),
        Slot(
            place="dashboard.cards", template="musekit/auth/confirm-card.html",
            context=_unconfirmed, weight=10,
        ),
    ]  # fmt: skip


def _unconfirmed(host: Host, actor: Any) -> Mapping[str, Any] | None:
    from musekit.auth.verification import reminder

    return reminder(host, actor)


def _banner(host: Host, actor: Any) -> Mapping[str, Any] | None:
    from musekit.auth.impersonation_pages import banner

    return banner(host, actor)


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give ``MUSEKIT_AUTH_…``."""
    from musekit.auth.settings import AuthSettings

    return [SettingsSection(model=AuthSettings)]


@hookimpl
def musekit_register_identity_providers(host: Host) -> Iterable[IdentityProvider]:
    """Give Google, GitHub and the OpenID Connect providers that are set up."""
    from musekit.auth.federation.provider import configured
    from musekit.auth.settings import AuthSettings

    return configured(host.settings_of(AuthSettings))


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the jobs that mail links for new passwords, and delete accounts; both are rung for."""
    return [
        Job(name="password-reset", handler=_send_resets, retries=0, every=60),
        Job(name="account-delete", handler=_delete_accounts, retries=0, every=300),
    ]


def _send_resets(run: JobRun) -> None:
    from musekit.auth.reset import send_asked

    send_asked(run.host)


def _delete_accounts(run: JobRun) -> None:
    from musekit.auth.deletion import work

    work(run.host)


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the tabs of one's account."""
    entries = (
        ("Profile", "/account", "user"), ("Security", "/account/security", "shield-check"),
        ("API tokens", "/account/tokens", "key-round"),
        ("Sessions", "/account/sessions", "monitor"), ("Your data", "/account/export", "download"),
    )  # fmt: skip
    return [
        NavItem(label=label, href=href, group="Account", area="account", icon=icon, weight=weight)
        for weight, (label, href, icon) in enumerate(entries, 1)
    ]


@hookimpl
def musekit_register_email_templates() -> Iterable[EmailTemplate]:
    """Give the mails that prove a mailbox, and tell of a new password."""
    from musekit.auth.mails import TEMPLATES

    return TEMPLATES


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """The user, their spaces, and which sessions and tokens there are."""
    from musekit.auth.removal import export

    return export(session, user_id)
