"""Counts in Redis: shared by all processes at the cost of one round trip.

Imported only where a Redis is configured.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from musekit.kernel.ratelimit.window import StoreAwayError, Verdict, judge

logger = logging.getLogger(__name__)

#: Seconds for which a Redis that failed is not asked again.
PAUSE = 1.0

#: One hash per scope: number of the window, hits in it, hits in the one before. Redis's own clock
#: counts, for those of the processes differ. A refused try changes nothing.
_SCRIPT = """
local t = redis.call('TIME')
local now = tonumber(ARGV[3]) or t[1] + t[2] / 1000000
local limit, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = math.floor(now / seconds)
local kept = redis.call('HMGET', KEYS[1], 'w', 'c', 'p')
local current, previous = tonumber(kept[2] or 0), tonumber(kept[3] or 0)
local at = tonumber(kept[1] or window)
if at ~= window then
  previous = at == window - 1 and current or 0
  current = 0
end
current = current + 1
if current + previous * (1 - (now / seconds - window)) <= limit then
  redis.call('HSET', KEYS[1], 'w', window, 'c', current, 'p', previous)
  redis.call('EXPIRE', KEYS[1], math.ceil((window + 2) * seconds - now))
end
return {current, previous, string.format('%.6f', now)}
"""


class RedisStore:
    """Counts by scope in a Redis; methods raise `StoreAwayError` when it does not answer in time.

    Args:
        prefix: tells deployments on one Redis apart.
        wait: seconds that an answer may take. A limiter must not be what makes requests slow.
    """

    def __init__(self, url: str, prefix: str, wait: float = 0.05) -> None:
        self._url, self._prefix, self._wait = url, f"{prefix}:limit:", wait
        self._options: dict[str, Any] = {
            "socket_timeout": wait, "socket_connect_timeout": wait, "protocol": 2,
        }  # fmt: skip
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._blocking: Any = None
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._well = True

    @property
    def is_away(self) -> bool:
        """True from an answer that failed until the next that did not."""
        return not self._well

    async def ask(self, scope: str, limit: int, seconds: int) -> Verdict:
        """Count one request and judge it, from the event loop."""
        self._demand_not_away()
        try:
            async with asyncio.timeout(self._wait):
                found = await self._of_loop()(
                    keys=[self._prefix + scope], args=[limit, seconds, ""]
                )
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise self._failed(error) from error
        return self._judged(found, limit, seconds)

    def hit(self, scope: str, limit: int, seconds: int, *, now: float | None = None) -> Verdict:
        """Count one request and judge it, from a thread.

        Args:
            now: Unix seconds, for tests.
        """
        self._demand_not_away()
        args = [limit, seconds, "" if now is None else now]
        try:
            found = self._of_threads()(keys=[self._prefix + scope], args=args)
        except (redis.RedisError, OSError) as error:
            raise self._failed(error) from error
        return self._judged(found, limit, seconds)

    def forget(self, scope: str) -> None:
        """Drop a scope's count."""
        self._demand_not_away()
        try:
            self._of_threads().registered_client.delete(self._prefix + scope)
        except (redis.RedisError, OSError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Give back the connections of threads; those of a loop end with it."""
        with self._lock:
            if self._blocking is not None:
                self._blocking.registered_client.close()
                self._blocking = None

    def _of_loop(self) -> Any:
        """Return the script on a client of the running loop: connections belong to one."""
        loop = asyncio.get_running_loop()
        script = self._clients.get(loop)
        if script is None:
            client = redis.asyncio.Redis.from_url(
                self._url, retry=AsyncRetry(NoBackoff(), 0), **self._options
            )
            script = self._clients[loop] = client.register_script(_SCRIPT)
        return script

    def _of_threads(self) -> Any:
        with self._lock:
            if self._blocking is None:
                client = redis.Redis.from_url(
                    self._url, retry=Retry(NoBackoff(), 0), **self._options
                )
                self._blocking = client.register_script(_SCRIPT)
            return self._blocking

    def _demand_not_away(self) -> None:
        if time.monotonic() < self._away_until:
            raise StoreAwayError

    def _failed(self, error: BaseException) -> StoreAwayError:
        if self._well:
            logger.warning("Rate limits are counted here: Redis failed (%s)", type(error).__name__)
        self._well = False
        self._away_until = time.monotonic() + PAUSE
        return StoreAwayError()

    def _judged(self, found: Any, limit: int, seconds: int) -> Verdict:
        try:
            current, previous, now = int(found[0]), int(found[1]), float(found[2])
        except (TypeError, ValueError, IndexError) as error:  # not our script's answer
            raise self._failed(error) from error
        if not self._well:
            logger.info("Rate limits are counted in Redis again")
            self._well = True
        return judge(current, previous, limit, seconds, now)
