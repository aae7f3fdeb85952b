"""What this deployment has for PassivePost, what it lacks, and how that is mended.

Of secrets it is told only whether they are set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.api import Host, SocialAccount
from passivepost import health
from passivepost.accounts.models import PlatformHealth
from passivepost.accounts.oauth import redirect_uri
from passivepost.accounts.registry import is_configured, platforms_of
from passivepost.pages.looks import Look, look_of
from passivepost.sdk.capabilities import NotAvailable, OAuth
from passivepost.sdk.content import Feature
from passivepost.sdk.platform import Platform
from passivepost.settings import PassivePostSettings

#: Of the settings of a platform those that its network gives out.
_KEYS = ("client_id", "client_secret")
#: Shorter ones can be guessed (the cron endpoints are then not there).
SHORTEST_SECRET = 32


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a platform: the variable that it is read from."""

    variable: str
    meaning: str
    is_set: bool
    needed: bool


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network, as the operator has to know it."""

    look: Look
    plugin: str
    state: Literal["ready", "unset", "unavailable"]
    reason: str = ""  #: why it is not available
    keys: Sequence[Key] = ()
    callback: str = ""  #: address to register with the network, where it connects by redirect
    register_url: str = ""  #: where its keys are given out
    accounts: int = 0
    broken: int = 0  #: accounts that have to be connected again
    health: str = "unknown"
    detail: str = ""
    checked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """One thing about the deployment: how it is, and what to do if it is not well."""

    label: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    advice: str = ""
    href: str = ""


def networks(session: Session, host: Host) -> list[Network]:
    """Return all networks: what can be connected first, stubs last. Runs as the system."""
    counted = {
        row.platform: (row.n, row.n - int(row.valid or 0))
        for row in session.execute(
            select(
                SocialAccount.platform, func.count().label("n"),
                func.count().filter(SocialAccount.is_valid).label("valid"),
            ).group_by(SocialAccount.platform)
        )
    }  # fmt: skip
    seen = {row.platform: row for row in session.scalars(select(PlatformHealth))}
    return [
        _network(host, each, counted.get(each.name, (0, 0)), seen.get(each.name))
        for each in platforms_of(host).all()
    ]


def _network(
    host: Host, platform: Platform, counted: tuple[int, int], seen: PlatformHealth | None
) -> Network:
    plugin, connection = platforms_of(host).plugin_of(platform.name), platform.connection
    away = platform.stub or isinstance(connection, NotAvailable)
    ready = is_configured(platform)
    by_redirect = isinstance(connection, OAuth) and not away
    return Network(
        look=look_of(host, platform.name), plugin=plugin,
        state="unavailable" if away else "ready" if ready else "unset",
        reason=connection.reason if isinstance(connection, NotAvailable) else "",
        keys=list(_keys(host, plugin)) if by_redirect else (),
        callback=redirect_uri(host, platform.name) if by_redirect else "",
        register_url=connection.register_url if isinstance(connection, OAuth) else "",
        accounts=counted[0], broken=counted[1],
        health=seen.status if seen and not away else "unknown",
        detail=seen.detail if seen and not away else "",
        checked_at=seen.checked_at if seen and not away else None,
    )  # fmt: skip


def _keys(host: Host, plugin: str) -> Iterator[Key]:
    """Yield the keys that a platform's package reads, of its settings classes."""
    for model, instance in host.sections.items():
        prefix = str(model.model_config.get("env_prefix") or "")
        if host.registry.owner_of(f"settings {prefix.upper()}") != plugin:
            continue
        for name in _KEYS:
            if name in model.model_fields:
                value = getattr(instance, name)
                bare = value.get_secret_value() if isinstance(value, SecretStr) else value
                yield Key(
                    variable=f"{prefix}{name}".upper(), is_set=bool(bare),
                    meaning=model.model_fields[name].description or "",
                    needed=name == "client_id",
                )  # fmt: skip


def points(host: Host) -> list[Point]:
    """Return what else the product needs. Opens units of its own."""
    found = [_publisher(host), _cron(host), _address(host), _encryption(host), _late(host)]
    return [*found, _trends(host), _demo(host)]


def _publisher(host: Host) -> Point:
    found = health.check_publisher(host)
    return Point(
        label="Publishing", status=found.status, advice=found.advice,
        detail=found.detail or "No due post lies untaken.",
    )  # fmt: skip


def _cron(host: Host) -> Point:
    secret = host.settings.cron_secret
    length = len(secret.get_secret_value()) if secret is not None else 0
    url = f"{host.settings.public_url.rstrip('/')}/api/social/cron/process-scheduled"
    if length >= SHORTEST_SECRET:
        return Point(label="Cron", status="ok", detail=f"{url} answers to who has the secret.")
    if not length:
        return Point(
            label="Cron", status="ok",
            detail="Off: no secret is set. It is needed only where no worker runs.",
            advice=f"To publish by cron, set MUSEKIT_CRON_SECRET to {SHORTEST_SECRET} characters or"
            f" more and have {url} called every minute with it as bearer token.",
        )  # fmt: skip
    return Point(
        label="Cron", status="warn", detail="Off: the secret is too short, it could be guessed.",
        advice=f"Set MUSEKIT_CRON_SECRET to {SHORTEST_SECRET} characters or more, then restart.",
    )  # fmt: skip


def _address(host: Host) -> Point:
    url = host.settings.public_url
    if url.startswith("https://") or host.settings.mode != "production":
        return Point(label="Public address", status="ok", detail=url)
    return Point(
        label="Public address", status="warn", detail=f"{url} is not https.",
        advice="Networks send people back to https addresses only: set MUSEKIT_PUBLIC_URL.",
    )  # fmt: skip


def _encryption(host: Host) -> Point:
    secret = host.settings.social_encryption_key
    if secret is not None and secret.get_secret_value().strip():
        return Point(
            label="Encryption of tokens", status="ok",
            detail="The key ring comes from SOCIAL_ENCRYPTION_KEY.",
        )  # fmt: skip
    return Point(
        label="Encryption of tokens", status="ok",
        detail="The key was made here and lies in the data directory, under secrets/.",
        advice="Keep a copy of it apart from the database: without it every account has to be"
        " connected again.",
    )  # fmt: skip


def _late(host: Host) -> Point:
    settings = host.settings_of(PassivePostSettings)
    done = {
        "ask": "wait for somebody to decide", "publish": "go out all the same",
        "skip": "are not sent",
    }[settings.late_policy]  # fmt: skip
    return Point(
        label="Late posts", status="ok",
        detail=f"Posts more than {settings.late_minutes:g} minutes late {done}"
        " (PASSIVEPOST_LATE_MINUTES, PASSIVEPOST_LATE_POLICY).",
    )  # fmt: skip


def _trends(host: Host) -> Point:
    offering = [
        each.label
        for each in platforms_of(host).all()
        if Feature.TRENDS in each.features and not each.stub and is_configured(each)
    ]
    hours = host.settings_of(PassivePostSettings).trend_seconds / 3600
    return Point(
        label="Trends", status="ok",
        detail=f"Looked for every {hours:g} hours (PASSIVEPOST_TREND_SECONDS) on"
        f" {', '.join(offering)}." if offering
        else "No network that is set up here offers a search for trends.",
    )  # fmt: skip


def _demo(host: Host) -> Point:
    if host.settings.mode != "demo":
        return Point(label="Demo data", status="ok", detail="None: this is no demo.")
    return Point(
        label="Demo data", status="ok",
        detail="This is a demo: the sample account and its network are made up.",
        advice="Start without --demo, on another data directory, for real work.",
    )  # fmt: skip
