"""The publisher: one asyncio loop per worker process that sends what is due."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

from musekit.api import ConfigurationError, Host, Stop
from passivepost.accounts.refresh import refresh
from passivepost.accounts.registry import platforms_of
from passivepost.posts.downgrade import over_cap
from passivepost.publishing import crash
from passivepost.publishing.arm import Wish
from passivepost.publishing.bell import bell_of
from passivepost.publishing.content import content_of
from passivepost.publishing.delivery import Deliverer, Hands
from passivepost.publishing.lanes import Lane
from passivepost.publishing.outcomes import Rules
from passivepost.publishing.reconcile import Doubt, Look
from passivepost.publishing.settings import PublishingSettings
from passivepost.publishing.slots import Slots
from passivepost.publishing.spool import Spool
from passivepost.publishing.store import Store, is_passing, longest_call
from passivepost.publishing.terms import Terms
from passivepost.publishing.work import Attempt, Claim, Report, Result
from passivepost.sdk.content import Account
from passivepost.sdk.http import AsyncClient
from passivepost.sdk.platform import Progress, Publish
from passivepost.settings import PassivePostSettings

log = logging.getLogger(__name__)


class Publisher:
    """One publisher: its settings, its store, and the loops that keep it going.

    Args:
        slots: calls in flight; None: the setting.
    """

    def __init__(self, host: Host, *, slots: int | None = None) -> None:
        crash.enable(host.settings.mode)
        self.host = host
        self.settings = host.settings_of(PassivePostSettings)
        self.tuning = host.settings_of(PublishingSettings)
        self.slots = slots or self.settings.send_slots
        _check_margins(self.tuning, self.settings.lease_margin_seconds)
        self.platforms = {p.name: p for p in platforms_of(host).all() if not p.stub}
        waits = self.settings
        self.rules = Rules(
            retries=waits.retries,
            retry_base=waits.retry_base_seconds,
            retry_cap=waits.retry_cap_seconds,
            rate_limit_wait=self.tuning.rate_limit_wait,
            rate_limit_jitter=self.tuning.rate_limit_jitter,
            reconcile=tuple(waits.reconcile_seconds),
        )
        self.store = Store(
            host,
            Terms(
                owner=f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}",
                platforms=self.platforms,
                margin=waits.lease_margin_seconds,
                late=waits.late_minutes * 60,
                policy=waits.late_policy,
                per_space=waits.per_space,
            ),
            self.rules,
            over_cap=over_cap(host),
        )
        self.report = Report()
        #: Seconds that calls in flight get to end, when stopping.
        self.drain_limit = longest_call(self.platforms) + self.tuning.drain_grace
        self._wake = asyncio.Event()

    @contextlib.asynccontextmanager
    async def hands(self) -> AsyncIterator[Deliverer]:
        """Open the client, the database threads and the spool; hand out a deliverer."""
        spool = Spool(self.host.settings.data_dir / "spool", self.tuning.spool_kib * 1024)
        self._spool = spool
        gather = self.tuning.gather_ms / 1000
        batch = self.settings.claim_batch
        # Refreshing blocks a thread, for a call or until another's is done.
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(16, thread_name_prefix="publisher-refresh")
        )
        self._looks: Lane[Callable[[], Any], Any] = Lane("publisher-claim", _each, limit=1)
        ledger = Lane("publisher-ledger", self._write, limit=2 * batch, gather=gather)
        records = Lane("publisher-record", self._record, limit=batch, gather=gather)
        try:
            async with self.host.outbound.open(limit=self.slots + 16) as http:
                self._http: AsyncClient = http
                yield Deliverer(
                    Hands(
                        http=http,
                        refresh=self._refresh,
                        ledger=ledger,
                        records=records,
                        rules=self.rules,
                        tuning=self.tuning,
                        slots=Slots(self.slots),
                        preparing=asyncio.Semaphore(self.tuning.prepare_slots),
                        refresh_before=timedelta(minutes=self.settings.refresh_before_minutes),
                    ),
                    self.report,
                )
        finally:
            for lane in (self._looks, ledger, records):
                await lane.close()
            spool.close()

    async def thread(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run a unit of work on the thread of claims, sweeps and looks, one at a time."""
        return await self._looks.submit(lambda: work(*args))

    async def _refresh(self, claim: Claim) -> Account:
        assert claim.account is not None
        stale = claim.account.credentials.access_token
        return await asyncio.to_thread(refresh, self.host, claim.account_id, stale=stale)

    def _write(self, items: list[Wish | Result]) -> list[Attempt | bool | BaseException | None]:
        """Arm, note and record what waits, in one unit of work, for each commit costs the same.

        When the database is away, no wish is granted, and no result is lost.
        """
        wishes = [item for item in items if not isinstance(item, Result)]
        results = [item for item in items if isinstance(item, Result)]
        answers: Sequence[Attempt | bool | BaseException | None]
        try:
            answers = self.store.write(wishes, results)
        except Exception as error:
            if results and is_passing(error):
                self._record(results)
            elif results:
                raise
            if wishes:
                log.warning("publisher: %d not armed: %s", len(wishes), type(error).__name__)
            answers = [error] * len(wishes)
        granted = iter(answers)
        return [None if isinstance(item, Result) else next(granted) for item in items]

    def _record(self, results: list[Result]) -> list[None]:
        """Store results; where the database is away, on disk, to be stored when it is back."""
        for wait in (0.0, 0.05, 0.3):
            time.sleep(wait)
            try:
                self.store.record(results)
                return [None] * len(results)
            except Exception as error:
                if not is_passing(error):
                    raise
                fault = error
        log.error("publisher: %d results go to the spool: %s", len(results), type(fault).__name__)
        self._spool.append(results)
        return [None] * len(results)

    # --- Loops ------------------------------------------------------------------------------------

    async def serve(self, stop: Stop) -> None:
        """Publish until a stop is requested, then finish or hand back what is in hand."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._wake.set)

        def watch() -> None:
            stop.requested.wait()
            wake()

        threading.Thread(target=watch, name="publisher-stop", daemon=True).start()
        with bell_of(self.host).listen(wake):
            async with self.hands() as deliverer:
                chores = [
                    asyncio.ensure_future(self._repeat(seconds, chore))
                    for seconds, chore in (
                        (self.settings.sweep_seconds, self._sweep),
                        (min(self.settings.sweep_seconds, *self.rules.reconcile, 60.0),
                         self.reconcile),
                        (self.tuning.spool_seconds, self.replay),
                    )
                ]  # fmt: skip
                await self._claims(deliverer, stop)
                for chore in chores:
                    chore.cancel()
                await deliverer.drain(min(self.drain_limit, max(0.0, stop.remaining() - 1)))

    async def _claims(self, deliverer: Deliverer, stop: Stop) -> None:
        """Keep enough posts in hand that no send slot waits for the database."""
        while not stop.requested.is_set():
            want = min(4 * self.slots - len(deliverer), self.settings.claim_batch)
            # In large steps: a claim of many costs little more than of few.
            if want < min(2 * self.slots, self.settings.claim_batch):
                deliverer.freed.clear()
                await self._sleep(deliverer, self.settings.poll_seconds)
                continue
            if not len(deliverer):
                # Of many that come due at one moment, the first go out before more are looked at.
                want = min(want, self.slots)
            self._wake.clear()
            deliverer.freed.clear()
            sleep = self.settings.poll_seconds
            try:
                claims = await self.thread(self.store.claim, want)
                for claim in claims:  # at once: no free slot waits until more is promoted
                    deliverer.start(claim)
                promoted, more = await self.thread(self.store.promote, want - len(claims))
                for claim in more:
                    deliverer.start(claim)
                claims += more
                next_due = None if claims or promoted else await self.thread(self.store.until_next)
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("publisher: the database is away: %s", type(error).__name__)
                await asyncio.sleep(min(1.0, sleep))
                continue
            if claims or promoted:
                if (
                    not promoted and len(claims) < want // 2
                ):  # let a batch gather while posts stream
                    await asyncio.sleep(self.tuning.gather_ms / 1000)
                continue
            if next_due is not None:
                sleep = min(sleep, next_due)
            await self._sleep(deliverer, sleep)

    async def _sleep(self, deliverer: Deliverer, seconds: float) -> None:
        """Sleep that long, or until the bell rings, a stop is asked for, or a post is done."""
        waits = [
            asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(deliverer.freed.wait()),
        ]  # fmt: skip
        try:
            await asyncio.wait(
                waits, timeout=max(0.02, seconds), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()

    async def _repeat(self, seconds: float, chore: Callable[[], Awaitable[Any]]) -> None:
        while True:
            try:
                await chore()
            except Exception as error:
                level = logging.WARNING if is_passing(error) else logging.ERROR
                log.log(level, "publisher: %s: %s", chore.__name__, error, exc_info=level > 30)
            await asyncio.sleep(seconds)

    async def _sweep(self) -> None:
        if await self.thread(self.store.sweep, self.tuning.crash_limit):
            self._wake.set()

    async def replay(self) -> None:
        """Store what results wait on disk, of this process and of those that are gone."""
        count = await self.thread(self._spool.replay, self.store.record)
        if count:
            log.info("publisher: %d results of the spool are stored", count)

    async def reconcile(self, most: int = 50) -> int:
        """Look for posts that were sent without an answer; return how many were looked for."""
        doubts: list[Doubt] = await self.thread(self.store.doubts, most)
        if doubts:
            looks = await asyncio.gather(*(self._look(doubt) for doubt in doubts))
            await self.thread(self.store.settle, list(looks), self.tuning.resend_quiet)
            self._wake.set()
        return len(doubts)

    async def _look(self, doubt: Doubt) -> Look:
        claim, found = doubt.claim, None
        if claim.account is not None and "find_published" in claim.platform.features:
            call = Publish(
                http=self._http,
                account=claim.account,
                content=content_of(claim, self._http),
                post_id=claim.post_id,
                key=str(claim.publish_key),
                progress=claim.progress,
                checkpoint=_no_checkpoint,
                armed_at=claim.armed_at,
            )
            try:
                async with asyncio.timeout(claim.platform.delivery.longest_call):
                    found = await claim.platform.find_published(call)
            except Exception as error:  # a read: nothing is lost, the next look comes
                log.info("publisher: looking for post %s: %r", claim.post_id, error)
        return Look(doubt=doubt, found=found)


def _check_margins(tuning: PublishingSettings, margin: float) -> None:
    """Refuse waits with which nothing would ever go out, or an old permission would be used.

    Raises:
        ConfigurationError: naming the settings.
    """
    if not tuning.arm_fresh <= tuning.arm_safety < margin:
        raise ConfigurationError(
            "PASSIVEPOST_PUBLISH_ARM_FRESH must be at most PASSIVEPOST_PUBLISH_ARM_SAFETY, and that"
            " below PASSIVEPOST_LEASE_MARGIN_SECONDS; they are"
            f" {tuning.arm_fresh:g}, {tuning.arm_safety:g} and {margin:g} seconds."
        )


def _each(work: list[Callable[[], Any]]) -> list[Any]:
    return [item() for item in work]


async def _no_checkpoint(progress: Progress) -> None:
    """Do nothing: a read-back makes no progress."""


def run_loop(coroutine: Awaitable[Any]) -> Any:
    """Run a coroutine in a loop of its own, on uvloop where it is installed."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(coroutine)  # type: ignore[arg-type]


def calm_collector() -> None:
    """Spare the garbage collector what will never be garbage.

    A post allocates some hundred objects that live for a call's time. With the collector's own
    thresholds that means looking through all modules and mappings again and again: measured, that
    was two fifths of a post's CPU. Cycles made later are still found, less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def run(host: Host, stop: Stop) -> None:
    """Publish until `stop` is requested and what was in hand is settled."""
    calm_collector()

    async def main() -> None:
        await Publisher(host).serve(stop)

    run_loop(main())
