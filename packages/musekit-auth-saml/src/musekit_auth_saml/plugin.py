"""The face of SAML: what it gives to the host. Everything else is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from musekit import declarations as d
from musekit import hookimpl
from musekit.api import Actor, Host, JobRun


@hookimpl
def musekit_register_settings() -> Iterable[d.SettingsSection]:
    """Give ``MUSEKIT_AUTH_SAML_…``."""
    from musekit_auth_saml.settings import SamlSettings

    return [d.SettingsSection(model=SamlSettings)]


@hookimpl
def musekit_register_migrations() -> Iterable[d.Migrations]:
    """Own four tables."""
    return [d.Migrations(tables=("saml_connections", "saml_domains", "saml_flows", "saml_replays"))]


@hookimpl
def musekit_register_identity_providers(host: Host) -> Iterable[d.IdentityProvider]:
    """Give the one way to sign in by which all connections are reached."""
    from musekit_auth_saml.provider import SamlProvider

    return [SamlProvider()]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[d.RouteSet]:
    """Give ``/sign-in/saml…``, ``/organization/saml…`` and ``/admin/saml…``."""
    from musekit_auth_saml import admin_pages, organization_pages, sign_in_pages

    return [
        d.RouteSet(router=each.router) for each in (sign_in_pages, organization_pages, admin_pages)
    ]


@hookimpl
def musekit_register_navigation() -> Iterable[d.NavItem]:
    """Give a tab of the organization, and an entry of the operator."""
    return [
        d.NavItem(
            label="Single sign-on", href="/organization/saml", group="Organization", icon="log-in",
            area="organization", weight=20, permission="organization.settings.write",
        ),
        d.NavItem(
            label="Single sign-on", href="/admin/saml", group="Administration", icon="log-in",
            area="admin", weight=40, operator=True,
        ),
    ]  # fmt: skip


@hookimpl
def musekit_register_slots() -> Iterable[d.Slot]:
    """Give the way in on the sign-in page."""
    return [
        d.Slot(place="sign-in.ways", template="musekit_auth_saml/way-in.html", context=_nothing)
    ]


def _nothing(host: Host, actor: Actor | None) -> Mapping[str, Any]:
    return {}


@hookimpl
def musekit_register_health_checks() -> Iterable[d.HealthCheck]:
    """Look for xmlsec1, and for keys that end."""
    from musekit_auth_saml import health

    return [
        d.HealthCheck(name="saml-xmlsec1", check=health.check_program),
        d.HealthCheck(name="saml-certificates", check=health.check_certificates),
    ]


@hookimpl
def musekit_register_jobs() -> Iterable[d.Job]:
    """Give the job that deletes what is over."""
    return [d.Job(name="saml-sweep", handler=_sweep, retries=0, every=900)]


def _sweep(run: JobRun) -> None:
    from musekit_auth_saml import flows
    from musekit_auth_saml.answering import SYSTEM

    with run.host.database.session(SYSTEM) as session:
        flows.sweep(session)
