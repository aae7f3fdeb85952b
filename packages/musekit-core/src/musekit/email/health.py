"""How mail is: what could not be sent, what waits for long, and whether anything leaves at all."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from musekit.declarations import Health
from musekit.email.models import OutboxMail
from musekit.email.outbox import OPEN
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host

_ACTOR = Actor.system("email")
#: A mail that waits for longer says that the way out is shut.
LONG = timedelta(minutes=15)
RECENT = timedelta(days=1)


def health(host: Host) -> Health:
    """Judge from the outbox; calls no network."""
    settings = host.settings_of(EmailSettings)
    if settings.provider == "outbox" and host.settings.mode == "production":
        return Health(
            status="warn", detail="mail is kept here and sent to nobody",
            advice="Set MUSEKIT_EMAIL_PROVIDER to smtp or resend, with MUSEKIT_EMAIL_SENDER.",
        )  # fmt: skip
    if settings.sends_in_the_clear:
        return Health(
            status="warn", detail="mail, and the login for it, leave unencrypted",
            advice="Set MUSEKIT_EMAIL_SMTP_SECURITY to starttls or tls.",
        )  # fmt: skip
    now = utc_now()
    with host.database.session(_ACTOR, readonly=True) as session:
        stuck = session.scalar(
            select(func.count()).where(
                OutboxMail.state.in_(OPEN), OutboxMail.created_at < now - LONG
            )
        )
        failed = session.scalar(
            select(func.count()).where(
                OutboxMail.state == "failed", OutboxMail.created_at > now - RECENT
            )
        )
    if stuck:
        return Health(
            status="warn", detail=f"{stuck} mails wait for more than a quarter of an hour",
            advice="See their last error in the outbox, and whether a worker runs."
            " `musekit email send-test ADDRESS` tries the way out.",
        )  # fmt: skip
    if failed:
        return Health(
            status="warn", detail=f"{failed} mails of the last day could not be sent",
            advice="See their last error in the outbox; what failed can be sent again there.",
        )  # fmt: skip
    if settings.provider == "resend" and not settings.webhook_keys:
        return Health(
            status="warn", detail="Resend tells nobody here of mails that bounce",
            advice="Point a webhook of Resend to /api/email/resend/webhook, and set"
            " MUSEKIT_EMAIL_RESEND_WEBHOOK_SECRET to its signing secret.",
        )  # fmt: skip
    return Health(status="ok")
