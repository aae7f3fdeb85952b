"""The limiter of a host: which store counts a policy, and which one while Redis is away."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync

from musekit.declarations import RateLimit
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit import database as durable
from musekit.kernel.ratelimit.memory import MemoryStore
from musekit.kernel.ratelimit.window import StoreAwayError, Verdict

if TYPE_CHECKING:
    from musekit.kernel.database.session import Database
    from musekit.kernel.metrics import Count, Metrics
    from musekit.kernel.ratelimit.settings import LimitSettings
    from musekit.kernel.settings import CoreSettings

_SYSTEM = Actor.system("limits")


class Limiter:
    """Counts requests under policies; see `musekit.declarations.RateLimit`.

    With a Redis all processes count together. Without one a policy is counted in memory, or in the
    database if it guards secrets. While a configured Redis is away each policy says itself what
    counts, and how strictly.

    Attributes:
        fallbacks: by policy, how often this process did without the Redis it should have.
    """

    def __init__(
        self,
        settings: CoreSettings | None = None,
        database: Database | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.memory = MemoryStore()
        self.fallbacks: Counter[str] = Counter()
        self._database = database
        self._rates: LimitSettings | None = None
        self._policies: dict[str, RateLimit] = {}
        self._shared: Any = None
        self._told: Count | None = None
        if metrics is not None:
            self._told = metrics.counter(
                "musekit_limiter_fallbacks_total", "Requests counted without the shared store.",
                ("policy",),
            )  # fmt: skip
        if settings is not None and settings.redis_url:
            from musekit.kernel.ratelimit.redis_store import RedisStore

            self._shared = RedisStore(
                settings.redis_url, settings.queue_name, settings.limit_wait_seconds
            )

    @property
    def is_away(self) -> bool:
        """True while a Redis is configured and does not answer."""
        return self._shared is not None and bool(self._shared.is_away)

    def configure(self, rates: LimitSettings | None) -> None:
        """Take the rates of the settings."""
        self._rates = rates
        self._policies.clear()

    async def ask(self, policy: RateLimit, scope: str) -> Verdict:
        """Count one request and judge it; from the event loop.

        Args:
            scope: who is counted, such as ``user:…``; see `musekit.kernel.ratelimit.keys`.
        """
        policy, key = self._known(policy), f"{policy.name}:{scope}"
        if self._shared is not None:
            try:
                return await self._shared.ask(key, policy.hits, policy.seconds)  # type: ignore[no-any-return]
            except StoreAwayError:
                policy = self._stricter(policy)
        if self._is_durable(policy):
            return await run_sync(self._in_database, policy, key)
        return self._in_memory(policy, key)

    def hit(self, policy: RateLimit, scope: str) -> Verdict:
        """Count one request; from a thread, such as a plain endpoint's, outside of units of work.

        Args:
            scope: who is counted; hash what must not be stored, such as an e-mail address.

        Raises:
            LimitReachedError: with ``Retry-After``.
        """
        policy, key = self._known(policy), f"{policy.name}:{scope}"
        if self._shared is not None:
            try:
                verdict: Verdict = self._shared.hit(key, policy.hits, policy.seconds)
                return verdict.demand()
            except StoreAwayError:
                policy = self._stricter(policy)
        if self._is_durable(policy):
            return self._in_database(policy, key).demand()
        return self._in_memory(policy, key).demand()

    def forget(self, policy: RateLimit, scope: str) -> None:
        """Drop a scope's count, as after a sign-in that worked; from a thread."""
        key = f"{policy.name}:{scope}"
        self.memory.forget(key)
        if self._database is not None and policy.away == "database":
            with self._database.session(_SYSTEM) as session:
                durable.forget(session, key)
        if self._shared is not None:
            try:
                self._shared.forget(key)
            except StoreAwayError:
                pass  # it ends by itself with its window

    def close(self) -> None:
        """Give back connections."""
        if self._shared is not None:
            self._shared.close()

    def _known(self, policy: RateLimit) -> RateLimit:
        """Return the policy with the rate that the settings give it."""
        found = self._policies.get(policy.name)
        if found is None:
            found = self._rates.of(policy) if self._rates is not None else policy
            self._policies[policy.name] = found
        return found

    def _stricter(self, policy: RateLimit) -> RateLimit:
        """Return the policy as it is while Redis is away."""
        self.fallbacks[policy.name] += 1
        if self._told is not None:
            self._told.add(policy.name)
        return replace(policy, hits=policy.strict_hits or policy.hits)

    def _is_durable(self, policy: RateLimit) -> bool:
        return policy.away == "database" and self._database is not None

    def _in_memory(self, policy: RateLimit, key: str) -> Verdict:
        if policy.away == "open" and self._shared is not None:
            return Verdict(True, policy.hits, policy.seconds, policy.hits, policy.seconds, 0)
        return self.memory.hit(key, policy.hits, policy.seconds)

    def _in_database(self, policy: RateLimit, key: str) -> Verdict:
        assert self._database is not None
        return durable.count(self._database, key, policy.hits, policy.seconds)
