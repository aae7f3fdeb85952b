"""The face of mail: its settings, the job that sends, and the check of what is stuck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from musekit import hookimpl
from musekit.declarations import (
    Command,
    EmailTemplate,
    Health,
    HealthCheck,
    Job,
    NavItem,
    RouteSet,
    SettingsSection,
    Slot,
)
from musekit.kernel.host import Host
from musekit.kernel.queue.jobs import JobRun

if TYPE_CHECKING:
    import typer

_COMMAND = "Try how mail leaves, list the outbox, send failed mails again."


@hookimpl
def musekit_register_settings() -> Iterable[SettingsSection]:
    """Give ``MUSEKIT_EMAIL_…``."""
    from musekit.email.settings import EmailSettings

    return [SettingsSection(model=EmailSettings)]


@hookimpl
def musekit_register_pages(host: Host) -> Iterable[RouteSet]:
    """Give ``/unsubscribe`` and ``/account/notifications``."""
    from musekit.email import pages, preference_pages

    return [RouteSet(router=pages.router), RouteSet(router=preference_pages.router)]


@hookimpl
def musekit_register_navigation() -> Iterable[NavItem]:
    """Give the tab of notifications."""
    return [
        NavItem(
            label="Notifications", href="/account/notifications", group="Account", icon="bell",
            area="account", weight=4,
        )
    ]  # fmt: skip


@hookimpl
def musekit_register_slots() -> Iterable[Slot]:
    """Say, where a mail is waited for, that none is sent here."""
    return [Slot(place="mail.waited-for", template="musekit/email/kept.html", context=_kept)]


def _kept(host: Host, actor: Any) -> Mapping[str, Any] | None:
    from musekit.email.settings import EmailSettings

    return {} if host.settings_of(EmailSettings).keeps_all else None


@hookimpl
def musekit_register_email_templates() -> Iterable[EmailTemplate]:
    """Give the mail for a try."""
    return [
        EmailTemplate(
            key="mail-works",
            label="A mail for a try",
            template="musekit/email/mail-works",
            sample=lambda: {"to": "ada@example.com"},
        )
    ]


@hookimpl
def musekit_export_user_data(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """Mails of a person, and of what they want none."""
    from musekit.email.preferences import export

    return {"email": export(session, user_id)}


@hookimpl
def musekit_register_routes(host: Host) -> Iterable[RouteSet]:
    """Give ``/api/email``."""
    from musekit.email.routes import router

    return [RouteSet(router=router)]


@hookimpl
def musekit_register_jobs() -> Iterable[Job]:
    """Give the job that sends; it is rung for when mail is queued."""
    return [Job(name="email-deliver", handler=_deliver, retries=0, every=30)]


@hookimpl
def musekit_register_commands() -> Iterable[Command]:
    """Give ``musekit email``."""
    return [Command(name="email", help=_COMMAND, load=_commands)]


@hookimpl
def musekit_register_health_checks() -> Iterable[HealthCheck]:
    """Give the check of mail."""
    return [HealthCheck(name="email", check=_health)]


def _deliver(run: JobRun) -> None:
    from musekit.email.delivery import deliver
    from musekit.email.settings import EmailSettings
    from musekit.email.turns import turns_of

    host = run.host
    turns = turns_of(host, host.settings_of(EmailSettings).at_once)
    turns.run(lambda: deliver(host, stopping=host.stopping.is_set))


def _commands() -> typer.Typer:
    from musekit.email.commands import app

    return app


def _health(host: Host) -> Health:
    from musekit.email.health import health

    return health(host)
