"""What this deployment must not start with. Each refusal names the setting and what to do.

`musekit doctor` asks the same, but collects (`Judgement`) instead of refusing.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from musekit.kernel import weak_secrets
from musekit.kernel.advice import Fault, Judgement, UnsafeError
from musekit.kernel.crypto import belonging
from musekit.kernel.database.checks import check_roles, check_sqlite
from musekit.kernel.discovery import CORE
from musekit.kernel.variables import Secret, secrets_of

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.settings import CoreSettings

logger = logging.getLogger(__name__)

_TRUE = frozenset({"1", "true", "yes", "on"})
_EVERYBODY = frozenset({"*", "0.0.0.0/0", "::/0"})
_BOOTSTRAP = (
    "Give each of the three logins its address (MUSEKIT_DATABASE_URL, …_SYSTEM_URL, …_OWNER_URL),"
    " then run `musekit migrate --bootstrap-roles ADMIN_URL`, which makes them."
)


def check_settings(settings: CoreSettings, judgement: Judgement | None = None) -> None:
    """Refuse settings that are unsafe, before anything is opened.

    Args:
        judgement: collects the faults instead.

    Raises:
        UnsafeError: naming every fault at once.
    """
    faults = [*weak_secrets.of_core(settings), *_queue(settings)]
    if settings.mode == "production":
        faults += [*_production(settings), *_proxies(settings)]
    _settle(faults, judgement)


def check_services(host: Host, judgement: Judgement | None = None) -> None:
    """Refuse services and secrets that would lose messages, or let tenants see each other.

    What a plugin's settings have that is no secret puts that plugin out, not the host.

    Args:
        judgement: collects the faults instead, and has all that is encrypted looked at.

    Raises:
        UnsafeError: naming every fault at once.
    """
    settings = host.settings
    faults = [*_sections(host), *check_sqlite(host.database)]
    if settings.queue_backend == "redis":
        faults += _eviction(settings)
    logins = check_roles(host.database)
    strange: list[Fault] = []
    if not logins:  # else the system's login may not even see the rows
        strange = belonging.check(
            host.database, host.keyring, adopt=settings.adopt_database,
            sample=belonging.SAMPLE if judgement is None else None,
        )  # fmt: skip
    refused = {"production": [*logins, *strange], "test": logins}.get(settings.mode, [])
    unsafe = [each for each in (*logins, *strange) if each not in refused]
    for fault in unsafe:
        logger.warning("In production this would be refused: %s", fault)
    _settle([*faults, *refused], judgement, unsafe)


def _settle(
    faults: list[Fault], judgement: Judgement | None, warned: list[Fault] | None = None
) -> None:
    if judgement is not None:
        judgement.refused += faults
        judgement.warned += warned or []
    elif faults:
        raise UnsafeError(faults)


def _queue(settings: CoreSettings) -> Iterator[Fault]:
    if settings.queue_backend == "redis" and not settings.redis_url:
        yield Fault(
            "queue-address", "MUSEKIT_QUEUE_BACKEND is redis, but MUSEKIT_REDIS_URL is empty.",
            "Set it to the address of the server, such as redis://:password@redis:6379/0.",
        )  # fmt: skip
    if settings.queue_backend == "postgres" and not settings.is_postgres:
        yield Fault(
            "queue-address", "MUSEKIT_QUEUE_BACKEND is postgres, but MUSEKIT_DATABASE_URL is not.",
            "Use sqlite or redis for the queue, or PostgreSQL for the database.",
        )  # fmt: skip


def _production(settings: CoreSettings) -> Iterator[Fault]:
    if os.environ.get("MUSE_DEBUG_MODE", "").strip().lower() in _TRUE:
        yield Fault(
            "debug-mode", "MUSE_DEBUG_MODE is on in production.",
            "Unset it, or set MUSEKIT_MODE to development.",
        )  # fmt: skip
    url = urlsplit(settings.public_url)
    if "public_url" not in settings.model_fields_set or not url.hostname:
        yield Fault(
            "public-url", "MUSEKIT_PUBLIC_URL is not set.",
            "It is the address people use, such as https://social.example.com; sign-in links and"
            " OAuth returns are made from it.",
        )  # fmt: skip
    if "*" in settings.trusted_hosts:
        yield Fault(
            "any-host", "MUSEKIT_TRUSTED_HOSTS has “*” in production.",
            "Name the hosts: links in mails would lead wherever a forged Host header says.",
        )  # fmt: skip
    if settings.is_postgres and not settings.database_system_url:
        yield Fault("system-login", "MUSEKIT_DATABASE_SYSTEM_URL is not set.", _BOOTSTRAP)


def _proxies(settings: CoreSettings) -> Iterator[Fault]:
    """Judge whose word is taken for where a request came from: limits and logs go by it."""
    named = settings.trusted_proxies
    if _EVERYBODY.intersection(named):
        yield Fault(
            "any-proxy", "MUSEKIT_TRUSTED_PROXIES believes everybody.",
            "Name the addresses of your reverse proxies: anybody could pretend to be anywhere, and"
            " guess passwords without limit.",
        )  # fmt: skip
    for each in named:
        if each not in _EVERYBODY and not _is_network(each):
            yield Fault(
                "unknown-proxy",
                f"MUSEKIT_TRUSTED_PROXIES has “{each}”, which is no address, so it is never met.",
                "Write IP addresses or networks, such as [\"10.0.0.5\", \"172.18.0.0/16\"].",
            )  # fmt: skip
    https = settings.public_url.lower().startswith("https://")
    if https and not named and settings.behind_proxy != "none":
        yield Fault(
            "proxies",
            "MUSEKIT_PUBLIC_URL is https, so a reverse proxy stands in front, but"
            " MUSEKIT_TRUSTED_PROXIES does not name it: all visitors would share its limits, and"
            " its address would stand in every log.",
            "Name the proxy's address there; or set MUSEKIT_BEHIND_PROXY=none if what stands in"
            " front passes connections on as they are.",
        )


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _sections(host: Host) -> list[Fault]:
    """Judge the secrets of all sections; a plugin with a placeholder is put out."""
    held: dict[str, list[Secret]] = {}
    faults: list[Fault] = []
    for plugin, each in list(host.registry.contributions.items()):
        sections = [
            host.sections[section.model]
            for section in each.items.get("settings", ())
            if section.model in host.sections
        ]
        held[plugin] = [secret for section in sections for secret in secrets_of(section)]
        wrong = list(weak_secrets.placeholders(held[plugin]))
        if plugin == CORE:
            faults += wrong
        elif wrong:
            del held[plugin]
            host.registry.quarantine(plugin, "settings", UnsafeError(wrong))
    return [*faults, *dict.fromkeys(weak_secrets.shared(host.settings, held))]


def _eviction(settings: CoreSettings) -> list[Fault]:
    """Redis may throw keys away under memory pressure, unless told not to: messages are keys."""
    import redis

    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    try:
        answer = client.config_get("maxmemory-policy")
    except redis.ResponseError:
        return []  # a managed Redis forbids CONFIG; its operator answers for the policy
    except redis.RedisError as error:
        # The database is the queue of record: without Redis posts still go out, by polling.
        logger.warning("Redis cannot be asked for its policy: %s", error)
        return []
    finally:
        client.close()
    policy = dict(answer).get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        return [
            Fault(
                "redis-eviction",
                f"Redis evicts keys (maxmemory-policy {policy}), so jobs would be lost.",
                "Set it to noeviction, or use another Redis for jobs (MUSEKIT_REDIS_URL).",
            )
        ]
    return []
