"""What `musekit doctor` warns of: a deployment starts with it, and will not do what is expected.

Each advisor looks at one thing and yields what it found. They run in doctor's child process, each
guarded: one that fails is a finding itself. To add one, write it and put it into `ADVISORS`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from time import time as now
from urllib.parse import urlsplit

from sqlalchemy import select, text

from musekit.auth.models import User
from musekit.auth.settings import AuthSettings
from musekit.billing.settings import BillingSettings
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.advice import Fault
from musekit.kernel.host import Host
from musekit.kernel.variables import names_of
from musekit.products import definitions

_SYSTEM = Actor.system("command doctor")
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
#: Seconds; clocks further apart make leases and codes end early or late.
MOST_SKEW = 2.0
#: Variables that begin like ours and are read by no settings class.
_READ_ELSEWHERE = ("MUSEKIT_TEST_", "MUSEKIT_SPECS_DIR", "MUSEKIT_SCREENSHOTS")


def mail_stays_here(host: Host) -> Iterator[Fault]:
    """Warn of mail that nobody gets."""
    if host.settings_of(EmailSettings).provider != "outbox":
        return
    if host.settings_of(AuthSettings).verify_email == "required":
        yield Fault(
            "nobody-comes-in",
            "Addresses must be confirmed before anybody comes in, and mail is sent to nobody.",
            "Set MUSEKIT_EMAIL_PROVIDER to smtp or resend, or MUSEKIT_AUTH_VERIFY_EMAIL to asked.",
        )
    elif host.settings.mode == "production":
        yield Fault(
            "mail-stays-here",
            "Mail is sent to nobody: links to confirm an address or to choose a password can only"
            " be read under /admin/email.",
            "Set MUSEKIT_EMAIL_PROVIDER to smtp or resend.",
        )


def nobody_operates(host: Host) -> Iterator[Fault]:
    """Warn of a deployment whose admin pages nobody can open."""
    with host.database.session(_SYSTEM, readonly=True) as session:
        found = session.scalar(
            select(User.id)
            .where(User.is_operator, User.disabled_at.is_(None), User.deleting_at.is_(None))
            .limit(1)
        )
    if found is None:
        yield Fault(
            "no-operator", "Nobody is the operator, so nobody sees the admin pages.",
            "Run `musekit users set-operator EMAIL`, or follow the link that `musekit up` prints.",
        )  # fmt: skip


def plain_http(host: Host) -> Iterator[Fault]:
    """Warn of cookies that travel readable."""
    url = urlsplit(host.settings.public_url)
    if (
        host.settings.mode == "production"
        and url.scheme == "http"
        and url.hostname is not None
        and url.hostname not in _LOCAL
    ):
        yield Fault(
            "plain-http",
            f"People reach this deployment by {host.settings.public_url}: whoever listens on the"
            " way reads passwords and cookies.",
            "Put a reverse proxy with a certificate in front, and set MUSEKIT_PUBLIC_URL to https.",
        )


def redis_away(host: Host) -> Iterator[Fault]:
    """Warn of a Redis that is set and does not answer."""
    if not host.settings.redis_url:
        return
    import redis

    client = redis.Redis.from_url(
        host.settings.redis_url, socket_timeout=5, socket_connect_timeout=5
    )
    try:
        client.ping()
    except redis.RedisError as error:
        yield Fault(
            "redis-away", f"Redis does not answer ({type(error).__name__}).",
            "Look at MUSEKIT_REDIS_URL and its server. Meanwhile jobs run when they are due, and"
            " limits are counted in each process, those of sign-in in the database.",
        )  # fmt: skip
    finally:
        client.close()


def stripe_half_way(host: Host) -> Iterator[Fault]:
    """Warn of a shop that takes no money, or never hears that it did."""
    settings = host.settings_of(BillingSettings)
    if not settings.is_configured:
        return
    if not settings.webhook_secrets:
        yield Fault(
            "no-stripe-webhook",
            "Stripe has no way to tell what was paid: a plan begins and ends late.",
            "Make a webhook endpoint to /api/billing/stripe/webhook at Stripe, and put its signing"
            " secret into STRIPE_WEBHOOK_SECRET.",
        )
    if host.settings.mode == "production" and not settings.is_live:
        yield Fault(
            "stripe-test-key", "The key of Stripe is one for tests: nobody pays.",
            "Use the live key in STRIPE_SECRET_KEY, with the webhook secret of live mode.",
        )  # fmt: skip


def clocks_apart(host: Host) -> Iterator[Fault]:
    """Warn of a database whose clock goes otherwise: leases are kept by its clock."""
    if not host.database.is_postgres:
        return
    with host.database.session(_SYSTEM, readonly=True) as session:
        before = now()
        answer = session.connection().scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
        there, after = float(answer or 0), now()
    apart = max(before - there, there - after)
    if apart > MOST_SKEW:
        yield Fault(
            "clock-skew",
            f"The clocks of this machine and of the database are {apart:.0f} s"
            " apart: posts go out early or late, and codes of authenticator apps fail.",
            "Let both follow a time server (chrony, systemd-timesyncd).",
        )


def tiers_unusable(host: Host) -> Iterator[Fault]:
    """Warn of tiers that the operator defined and that cannot be read."""
    for product in host.registry.products:
        _, source = definitions.defined(host, product)
        if "not usable" in source:
            yield Fault(
                "tiers-unusable",
                f"The tiers of {product.name} are as its plugin declares them, for {source}.",
                f"Correct them under /admin/products/{product.key}/tiers.",
            )


def unread_variables(host: Host) -> Iterator[Fault]:
    """Warn of variables that begin like ours and that nothing reads: most are misspelt."""
    models = {type(host.settings), *host.sections}
    known = {name for model in models for _, names in names_of(model) for name in names}
    for name in sorted(os.environ):
        upper = name.upper()
        if not upper.startswith("MUSEKIT_") or upper in known or upper.startswith(_READ_ELSEWHERE):
            continue
        near = difflib.get_close_matches(upper, known, 1, 0.8)
        yield Fault(
            "unread-variable", f"{name} is set, and nothing reads it.",
            f"Did you mean {near[0]}?" if near else "Unset it, or install the plugin it is for.",
        )  # fmt: skip


ADVISORS: tuple[Callable[[Host], Iterator[Fault]], ...] = (
    mail_stays_here, nobody_operates, plain_http, redis_away, stripe_half_way, clocks_apart,
    tiers_unusable, unread_variables,
)  # fmt: skip


def all_of(host: Host) -> list[Fault]:
    """Return what all advisors found."""
    found: list[Fault] = []
    for advisor in ADVISORS:
        try:
            found += advisor(host)
        except Exception as error:  # one that cannot look must not hide what the others see
            cause = f"“{advisor.__name__}” could not be looked at: {type(error).__name__}."
            found.append(Fault("advisor", cause, "See what else stands here, then ask again."))
    return found
