"""From claim to result: prepare, arm, call once, record. A task per post, a loop per process."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from musekit.api import new_id
from passivepost.accounts.refresh import can_refresh
from passivepost.publishing import crash, media, outcomes
from passivepost.publishing.arm import Mark, Note, Wish, awake
from passivepost.publishing.content import content_of, has_media
from passivepost.publishing.lanes import Lane
from passivepost.publishing.outcomes import Rules, result_of
from passivepost.publishing.settings import PublishingSettings
from passivepost.publishing.slots import Slots
from passivepost.publishing.straight import is_straight
from passivepost.publishing.work import Arm, Attempt, Claim, Move, Report, Result
from passivepost.sdk.content import Account, Content, Published
from passivepost.sdk.errors import (
    AuthExpired,
    AuthRevoked,
    Duplicate,
    Misconfigured,
    OutcomeUnknown,
    PlatformError,
    Rejected,
)
from passivepost.sdk.http import AsyncClient, NotSent
from passivepost.sdk.platform import Progress, Publish

log = logging.getLogger(__name__)

#: Gives an account fresh credentials: one call per account however many ask.
Refresh = Callable[[Claim], Awaitable[Account]]


class LeaseLostError(RuntimeError):
    """Progress could not be stored: the post is another's by now."""


@dataclass(slots=True)
class Hands:
    """What delivering needs."""

    http: AsyncClient
    refresh: Refresh
    #: What nearly every post needs: its arming, and the word that it went out.
    ledger: Lane[Wish | Result, Attempt | bool | None]
    records: Lane[Result, None]  #: whatever else became of a post
    rules: Rules
    tuning: PublishingSettings
    slots: Slots  #: one per call in flight
    preparing: asyncio.Semaphore  #: one per post whose media are prepared
    refresh_before: timedelta


class Deliverer:
    """Delivers claims. `stopping` hands back what is not armed; what is armed is finished."""

    def __init__(self, hands: Hands, report: Report) -> None:
        self._hands, self._report = hands, report
        self._tasks: dict[asyncio.Task[None], Claim] = {}
        self._armed: set[Claim] = set()
        self._suspect = asyncio.Lock()
        self.stopping = False
        self.freed = asyncio.Event()  #: set each time a post leaves these hands

    def __len__(self) -> int:
        """How many posts are in these hands."""
        return len(self._tasks)

    def start(self, claim: Claim) -> None:
        """Deliver a post in a task of its own."""
        task = asyncio.ensure_future(self._run(claim))
        self._tasks[task] = claim
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self.freed.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("publisher: a result could not be stored", exc_info=error)

    async def drain(self, seconds: float) -> None:
        """Hand back what is not armed, and wait for calls in flight; cut them after `seconds`."""
        self.stopping = True
        for task, claim in self._tasks.items():
            if claim.attempt is None and claim not in self._armed:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=10)

    async def _run(self, claim: Claim) -> None:
        try:
            result = await self._deliver(claim)
        except asyncio.CancelledError as error:
            result = self._cut(claim, error)
        except Exception as error:  # a fault of ours: the post must not get lost with it
            log.exception("publisher: post %s", claim.post_id)
            result = self._cut(claim, error)
        self._armed.discard(claim)
        if result is not None:
            await self._store(result)
            self._report.count(result)

    async def _store(self, result: Result) -> None:
        lane: Lane[Any, Any] = self._hands.records
        if is_straight(result):
            lane = self._hands.ledger
        await lane.submit(result)

    def _cut(self, claim: Claim, error: BaseException) -> Result:
        if claim.attempt is not None:
            return outcomes.unknown(claim, error, self._hands.rules)
        if isinstance(error, asyncio.CancelledError):
            return result_of(claim, Move.QUEUED, delay=None)
        return outcomes.known_not_sent(claim, error, self._hands.rules)

    async def _deliver(self, claim: Claim) -> Result | None:
        """Return what became of a post; None if it was not ours to send any more."""
        hands = self._hands
        if claim.account is None:
            return outcomes.known_not_sent(claim, _no_account(claim), hands.rules)
        try:
            await self._refresh_early(claim)
        except Exception as error:
            return outcomes.not_refreshed(claim, error, hands.rules)
        try:
            progress = await self._prepare(claim)
        except Exception as error:
            return outcomes.known_not_sent(claim, _plain(error), hands.rules)
        refreshed = False
        while True:
            async with hands.slots:
                if self.stopping:
                    return result_of(claim, Move.QUEUED, delay=None)
                outcome = await self._attempt(claim, progress)
            if not isinstance(outcome, AuthExpired):
                return outcome
            if refreshed or not can_refresh(claim.platform, claim.account.credentials):
                return outcomes.known_not_sent(claim, outcome, hands.rules)
            # Nothing was done: a refresh, then one more attempt under the same lease.
            again = result_of(
                claim, Move.AGAIN, outcome="not_sent", error_class="auth_expired",
                message=outcome.message,
            )  # fmt: skip
            await self._store(again)
            claim.attempt, progress, refreshed = None, None, True
            try:
                await self._refresh(claim)
            except Exception as error:
                return outcomes.not_refreshed(claim, error, hands.rules)

    async def _attempt(self, claim: Claim, progress: str | None) -> Result | AuthExpired | None:
        hands, delivery = self._hands, claim.platform.delivery
        self._armed.add(claim)
        wish = Arm(claim, new_id(), delivery.longest_call + hands.tuning.arm_safety, progress)
        try:
            attempt = await hands.ledger.submit(wish)
        except asyncio.CancelledError:
            # Cut while stopping. Whether it was stored is open, and so is its order with what we
            # would record now: the lease runs out, and the sweep sees what there is.
            return None
        except Exception:  # told by the lane; without a durable arming no call is made
            result = result_of(
                claim, Move.QUEUED, outcome="not_sent", error_class="not_armed", delay=1.0,
                unsure=True,
            )  # fmt: skip
            result.attempt_id = wish.attempt_id
            return result
        if not isinstance(attempt, Attempt):
            return None  # changed, pulled back or claimed by another: not ours to send
        claim.attempt = attempt
        crash.passes("send.before")
        if awake() - attempt.known > hands.tuning.arm_fresh:
            # The machine slept or the loop hung: others may have concluded something meanwhile.
            return outcomes.known_not_sent(claim, NotSent("not sent in time"), hands.rules)
        try:
            async with asyncio.timeout(delivery.longest_call):
                published = await claim.platform.publish(self._call(claim))
        except AuthExpired as error:
            return error
        except Duplicate as error:
            return outcomes.answered_duplicate(claim, error, hands.rules)
        except OutcomeUnknown as error:
            return outcomes.unknown(claim, error, hands.rules)
        except (PlatformError, NotSent) as error:
            return outcomes.known_not_sent(claim, error, hands.rules)
        except Exception as error:
            if not isinstance(error, TimeoutError):
                log.warning("publisher: post %s: %r", claim.post_id, type(error).__name__)
            return outcomes.unknown(claim, error, hands.rules)
        crash.passes("send.after")
        return _posted(claim, published)

    def _call(self, claim: Claim) -> Publish:
        account = claim.account
        assert account is not None
        return Publish(
            http=self._hands.http,
            account=account,
            content=content_of(claim, self._hands.http),
            post_id=claim.post_id,
            key=str(claim.publish_key),
            progress=claim.progress,
            checkpoint=functools.partial(self._checkpoint, claim),
            armed_at=claim.armed_at or (claim.attempt.armed_at if claim.attempt else None),
        )

    async def _checkpoint(self, claim: Claim, progress: Progress) -> None:
        """Store progress durably, under the lease, before the platform goes on."""
        note = Note(claim.post_id, claim.token, json.dumps(dict(progress)))
        if not await self._hands.ledger.submit(note):
            raise LeaseLostError("the lease of this post is lost; its progress is not stored")
        claim.progress = dict(progress)

    async def _prepare(self, claim: Claim) -> str | None:
        """Let the platform do what can be undone; return its progress as JSON if that changed."""
        crash.passes("prepare")
        if not (claim.platform.prepares_text or has_media(claim)):
            return None
        # A first claim without files is prepared unmarked, which spares it a write. Whatever was
        # claimed before may have ended its worker: from then on it is marked.
        if not (claim.crashes or claim.token > 1 or has_media(claim)):
            return await self._prepared(claim)
        async with self._hands.preparing:
            if not claim.crashes:
                return await self._marked(claim)
            async with self._suspect:  # alone, so that a crash is certainly its own doing
                return await self._marked(claim)

    async def _marked(self, claim: Claim) -> str | None:
        if not await self._hands.ledger.submit(Mark(claim.post_id, claim.token)):
            raise LeaseLostError("the lease of this post is lost")
        return await self._prepared(claim)

    async def _prepared(self, claim: Claim) -> str | None:
        tuning = self._hands.tuning
        slow = tuning.prepare_seconds if has_media(claim) else 0.0
        async with asyncio.timeout(max(slow, claim.platform.delivery.longest_call)):
            try:
                await media.look(claim, self._hands.http, tuning.media_bytes)
                _check(claim, self._call(claim).content)
                progress = await claim.platform.prepare(self._call(claim))
            finally:
                media.forget(claim)
        if progress == claim.progress:
            return None
        claim.progress = dict(progress)
        return json.dumps(claim.progress)

    async def _refresh_early(self, claim: Claim) -> None:
        """Refresh a token that is about to run out, before anything is armed."""
        assert claim.account is not None
        expires = claim.account.credentials.expires_at
        if expires is None or not can_refresh(claim.platform, claim.account.credentials):
            return
        if expires - datetime.now(UTC) < self._hands.refresh_before:
            await self._refresh(claim)

    async def _refresh(self, claim: Claim) -> None:
        claim.account = await self._hands.refresh(claim)
        crash.passes("refresh.after")


def _check(claim: Claim, content: Content) -> None:
    """Ask the platform about the files as they are: their addresses told little of them."""
    if claim.files and (faults := claim.platform.validate(content)):
        raise Rejected(" ".join(faults))


def _no_account(claim: Claim) -> PlatformError:
    if claim.locked:
        return Misconfigured("The key of the account's stored token is not in the key ring.")
    return AuthRevoked("The account's stored token cannot be read.")


def _posted(claim: Claim, published: Published) -> Result:
    ids = [str(each) for each in published.ids]
    if not ids:  # a platform's fault: it says published and gives nothing to show for it
        return result_of(
            claim, Move.UNCONFIRMED, outcome="unknown", delay=None, error_class="no_id",
            message="The network accepted the post without saying which it is.",
        )  # fmt: skip
    return result_of(claim, Move.POSTED, outcome="confirmed", ids=ids, url=published.url)


def _plain(error: Exception) -> Exception:
    """Return an error of the preparation; `OutcomeUnknown` has no meaning there."""
    if isinstance(error, OutcomeUnknown):
        return NotSent(error.message)
    if not isinstance(error, PlatformError | NotSent):
        log.warning("publisher: preparing: %r", type(error).__name__)
    return error
