"""What this deployment must not start with. Each refusal names the setting and what to do."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from musekit.errors import ConfigurationError
from musekit.kernel.database.checks import check_roles, check_sqlite

if TYPE_CHECKING:
    from musekit.kernel.host import Host
    from musekit.kernel.settings import CoreSettings

logger = logging.getLogger(__name__)

#: Values that are in many examples and in nobody's safe.
_WELL_KNOWN = frozenset({"changethis", "changeme", "secret", "password", "default"})
_TRUE = frozenset({"1", "true", "yes", "on"})


def check_settings(settings: CoreSettings) -> None:
    """Refuse settings that are unsafe, before anything is opened.

    Raises:
        ConfigurationError: naming every fault at once.
    """
    faults = [*_secrets(settings), *_queue(settings)]
    if settings.mode == "production":
        faults += _production(settings)
    _raise(faults)


def check_services(host: Host) -> None:
    """Refuse services that would lose messages or let tenants see each other.

    Raises:
        ConfigurationError: naming every fault at once.
    """
    faults = []
    if host.settings.queue_backend == "redis":
        faults += _eviction(host.settings)
    faults += check_sqlite(host.database)
    unsafe = check_roles(host.database)
    if host.settings.mode in ("production", "test"):
        faults += unsafe
    else:
        for fault in unsafe:
            logger.warning("In production this would be refused: %s", fault)
    _raise(faults)


def _raise(faults: list[str]) -> None:
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise ConfigurationError(f"This deployment is not safe to start:\n{listed}")


def _secrets(settings: CoreSettings) -> list[str]:
    faults = []
    if settings.cron_secret is not None:
        secret = settings.cron_secret.get_secret_value()
        if secret and (len(secret.encode()) < 32 or secret.lower() in _WELL_KNOWN):
            faults.append(
                "MUSEKIT_CRON_SECRET is shorter than 32 bytes. Make one with"
                " `python -c 'import secrets; print(secrets.token_urlsafe(32))'`."
            )
        ring = settings.social_encryption_key
        if secret and ring is not None and secret in ring.get_secret_value():
            faults.append("MUSEKIT_CRON_SECRET is part of SOCIAL_ENCRYPTION_KEY. Make another.")
    return faults


def _queue(settings: CoreSettings) -> list[str]:
    faults = []
    if settings.queue_backend == "redis" and not settings.redis_url:
        faults.append("MUSEKIT_QUEUE_BACKEND is redis, but MUSEKIT_REDIS_URL is empty.")
    if settings.queue_backend == "postgres" and not settings.is_postgres:
        faults.append("MUSEKIT_QUEUE_BACKEND is postgres, but MUSEKIT_DATABASE_URL is not.")
    return faults


def _production(settings: CoreSettings) -> list[str]:
    faults = []
    if os.environ.get("MUSE_DEBUG_MODE", "").strip().lower() in _TRUE:
        faults.append("MUSE_DEBUG_MODE is on in production. Unset it, or set MUSEKIT_MODE.")
    url = urlsplit(settings.public_url)
    if "public_url" not in settings.model_fields_set or not url.hostname:
        faults.append(
            "MUSEKIT_PUBLIC_URL is not set. It is the address people use, such as"
            " https://social.example.com; sign-in links and OAuth returns are made from it."
        )
    if "*" in settings.trusted_hosts:
        faults.append("MUSEKIT_TRUSTED_HOSTS has “*” in production. Name the hosts.")
    if settings.is_postgres and not settings.database_system_url:
        faults.append(
            "MUSEKIT_DATABASE_SYSTEM_URL is not set. Run `musekit migrate --bootstrap-roles`, which"
            " makes the three logins and prints their addresses."
        )
    return faults


def _eviction(settings: CoreSettings) -> list[str]:
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
            f"Redis evicts keys (maxmemory-policy {policy}), so jobs would be lost. Set it to"
            " noeviction, or use another Redis for jobs (MUSEKIT_REDIS_URL)."
        ]
    return []
