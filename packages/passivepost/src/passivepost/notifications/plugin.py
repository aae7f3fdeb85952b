"""The face of notifications: mails, events of webhooks, and the jobs that tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musekit import declarations as d
from musekit import hookimpl

if TYPE_CHECKING:
    from musekit.api import JobRun


@hookimpl
def musekit_register_email_templates() -> Iterable[d.EmailTemplate]:
    """Give the mails about posts that failed or are in doubt, and about lost accounts."""
    from passivepost.notifications.mails import TEMPLATES

    return TEMPLATES


@hookimpl
def musekit_register_webhook_events() -> Iterable[d.WebhookEvent]:
    """Give what other programs may be told of posts and accounts."""
    from passivepost.notifications.events import EVENTS

    return EVENTS


@hookimpl
def musekit_register_jobs() -> Iterable[d.Job]:
    """Give the jobs that tell: soon, and of what was missed."""
    return [
        d.Job(name="passivepost-tell", handler=_tell, every=30, retries=0),
        d.Job(name="passivepost-tell-late", handler=_late, every=3600, retries=0),
    ]


def _tell(run: JobRun) -> None:
    from passivepost.notifications.telling import tell

    tell(run)


def _late(run: JobRun) -> None:
    from passivepost.notifications.telling import tell_late

    tell_late(run)
