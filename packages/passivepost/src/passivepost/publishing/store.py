"""The publisher's units of work: each opens, does one batch and commits. Runs on threads."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from musekit.api import Actor, DecryptionError, Host
from passivepost.accounts.vault import unseal
from passivepost.publishing import arm as arming
from passivepost.publishing import crash, promote, reconcile
from passivepost.publishing import sweep as sweeping
from passivepost.publishing.claim import Cursor, claim
from passivepost.publishing.express import express
from passivepost.publishing.holds import thaw
from passivepost.publishing.outcomes import Rules
from passivepost.publishing.record import demote, record
from passivepost.publishing.sql import Unit
from passivepost.publishing.straight import posting
from passivepost.publishing.terms import Terms
from passivepost.publishing.work import Arm, Attempt, Claim, Result
from passivepost.sdk.platform import Platform

log = logging.getLogger(__name__)

#: Says which of the due posts a space's plan does not carry any more (after a downgrade).
OverCap = Callable[[Sequence[promote.Due]], Collection[UUID]]
PROMOTED_AT_ONCE = 2000
# Batches reach their rows by index, one by one. At some sizes of the tables the planner would
# rather read them whole and join, at a cost that grows with the past: promoting took 1.6 times as
# long at 100,000 posts. Compiling such a plan (jit) takes longer than running it.
BY_INDEX = {
    "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off",
}  # fmt: skip
#: An arming must be on disk before its call, whatever the server or the login has by default.
_LASTING = {**BY_INDEX, "synchronous_commit": "on"}
#: Of units whose loss with the database's power would be no loss.
_FLEETING = {**BY_INDEX, "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the queue gave. `sleep`: seconds until the next post comes due."""

    claims: list[Claim]
    more: bool
    sleep: float | None


class Store:
    """All that the publisher does in the database.

    Args:
        terms: how posts are claimed. rules: waits. over_cap: see `OverCap`.
    """

    def __init__(
        self, host: Host, terms: Terms, rules: Rules, *, over_cap: OverCap | None = None
    ) -> None:
        self._host, self._terms, self._rules, self._over_cap = host, terms, rules, over_cap
        self._actor = Actor.system("publisher")
        self._cursor = Cursor()
        self._promoted = 0.0  #: monotonic time of the last promotion that took all there was
        # On SQLite one writer at a time; threads of one process queue up here, fairly, and not
        # in the database's busy loop.
        self._writer = threading.Lock()

    @contextlib.contextmanager
    def _unit(self, *, lasting: bool = True) -> Iterator[Unit]:
        """Open a unit of work; `lasting`: its commit is on disk before it returns."""
        local = _LASTING if lasting else _FLEETING
        if self._host.database.is_postgres:
            with express(self._host, self._actor, local) as unit:
                yield unit
        else:
            with self._writer, self._host.database.session(self._actor) as session:
                yield Unit(session.connection())

    def look(self, want: int) -> Round:
        """Claim up to `want` posts, of those queued and of those that have come due."""
        claims = self.claim(want)
        promoted, more = self.promote(want - len(claims))
        claims += more
        sleep = None if claims or promoted else self.until_next()
        return Round(claims, bool(claims) or promoted > 0, sleep)

    def until_next(self) -> float | None:
        """Return the seconds until the next post comes due; None: none waits."""
        with self._unit(lasting=False) as unit:
            return promote.seconds_to_next(unit)

    def promote(self, want: int = 0) -> tuple[int, list[Claim]]:
        """Queue due posts, some at once, and claim up to `want` of them.

        Returns:
            How many were looked at, and what was claimed.
        """
        # Where posts stream, what comes due meanwhile can wait for the blink of an eye.
        now = time.monotonic()
        if now - self._promoted < 0.1:
            return 0, []
        # As many as can be claimed, for what is only queued is written once more.
        most = want or PROMOTED_AT_ONCE
        count, claims = self._promote(most, want)
        if count == most < PROMOTED_AT_ONCE and len(claims) * 2 < want:
            # A backlog of few accounts. It goes into its lanes, and not before others' posts.
            most = PROMOTED_AT_ONCE
            count, more = self._promote(most, want - len(claims))
            claims += more
        self._promoted = 0.0 if count == most else now
        return count, claims

    def _promote(self, most: int, want: int = 0) -> tuple[int, list[Claim]]:
        with self._host.database.session(self._actor, readonly=True, single=True) as session:
            due = promote.upcoming(Unit(session.connection()), most)
        if not due:
            return 0, []
        # Asked outside of the unit of work: plans are known to plugins, which open their own.
        over = set(self._over_cap(due)) if self._over_cap else set()
        try:
            count, claims = self._promoted_of(most, want, over)
        except IntegrityError:  # another worker claimed one of these accounts at this moment
            count, claims = self._promoted_of(most, 0, over)
        self._open(claims)
        return count, claims

    def _promoted_of(self, most: int, want: int, over: Collection[UUID]) -> tuple[int, list[Claim]]:
        acts = ["promote"]
        with self._unit(lasting=False) as unit:
            count, claims = promote.promote(unit, self._terms, most=most, want=want, over_cap=over)
            acts += ["claim"] if claims else []
            if count:
                crash.passes(*(f"{act}.before_commit" for act in acts))
        if count:
            crash.passes(*(f"{act}.after_commit" for act in acts))
        return count, claims

    def claim(self, want: int) -> list[Claim]:
        """Claim up to `want` posts of those that are queued, with their credentials."""
        for _ in range(3):
            try:
                return self._claim(want)
            except IntegrityError:  # another worker took the same account at this moment
                time.sleep(random.uniform(0, 0.02))  # noqa: S311 - apart from each other
        return []

    def _claim(self, want: int) -> list[Claim]:
        # A claim that is lost with the database's power is no loss: arming asks for its token.
        with self._unit(lasting=False) as unit:
            claims = claim(unit, want, self._cursor, self._terms)
            if claims:
                crash.passes("claim.before_commit")
        if claims:
            crash.passes("claim.after_commit")
        self._open(claims)
        return claims

    def _open(self, claims: Sequence[Claim]) -> None:
        """Decrypt the credentials of claims; of those that cannot be read it stays None."""
        for each in claims:
            if each.sealed is None:
                continue
            try:
                each.account = unseal(self._host.keyring, each.sealed, refresh=False)
            except DecryptionError as error:
                each.locked = error.reason == "unknown_key"
                log.error("publisher: account %s: %s", each.account_id, error)  # noqa: TRY400
            each.sealed = None

    def write(
        self, wishes: Sequence[arming.Wish], results: Sequence[Result] = ()
    ) -> list[Attempt | bool | None]:
        """Arm posts, store progress, mark posts being prepared, and record straight results.

        All in one unit of work. Where it fails because of something in it, the results are
        recorded apart, and first: a post that turns out to be live is not armed.

        Returns:
            For each wish in order: the attempt, or None where the post must not be sent; True
            where progress or mark is stored.
        """
        try:
            return self._write(wishes, results)
        except (IntegrityError, DataError):
            if not results:
                raise
        self.record(results)
        return self._write(wishes, ()) if wishes else []

    def _write(
        self, wishes: Sequence[arming.Wish], results: Sequence[Result]
    ) -> list[Attempt | bool | None]:
        postgres = self._host.database.is_postgres
        calls = arming.plan(wishes, self._terms.owner, postgres=postgres)
        kinds = {type(each) for each in wishes}
        acts = [*(("record",) if results else ()), *(("arm",) if Arm in kinds else ())]
        # From before the lease is asked for: a commit, or the word of it, may take long, and by
        # then others may have concluded that nothing was sent.
        known = arming.awake()
        if postgres:
            first = posting(results) if results else []
            crash.passes(*(f"{act}.before_commit" for act in acts))
            with express(self._host, self._actor, _LASTING) as express_unit:
                rows = express_unit.send(*first, *calls, last=True)[len(first) :]
        else:
            with self._unit() as unit:
                record(unit, results)
                rows = unit.send(*calls)
                crash.passes(*(f"{act}.before_commit" for act in acts))
        crash.passes(*(f"{act}.after_commit" for act in acts))
        if arming.Note in kinds:
            crash.passes("checkpoint.after_commit")
        return arming.granted(wishes, calls, rows, known)

    def record(self, results: Sequence[Result]) -> None:
        """Store results. One that the database refuses does not keep the others out."""
        try:
            with self._unit() as unit:
                record(unit, results)
                crash.passes("record.before_commit")
        except IntegrityError:
            if len(results) == 1:
                log.error("publisher: post %s: its id is another's", results[0].post_id)  # noqa: TRY400
                self.record([demote(results[0])])
            else:
                for result in results:
                    self.record([result])
            return
        crash.passes("record.after_commit")

    def sweep(self, crash_limit: int) -> int:
        """Settle lost leases and lift holds that have run out."""
        with self._unit() as unit:
            count = sweeping.sweep(
                unit,
                most=1000,
                rules=self._rules,
                platforms=self._terms.platforms,
                crash_limit=crash_limit,
            )
            thaw(unit, list(self._terms.platforms), self._terms.late)
            if count:
                crash.passes("sweep.before_commit")
        return count

    def doubts(self, most: int) -> list[reconcile.Doubt]:
        """Take posts to be looked for, with credentials."""
        longest = max((p.delivery.longest_call for p in self._terms.platforms.values()), default=60)
        with self._unit() as unit:
            doubts = reconcile.take(
                unit,
                most=most,
                lease=2 * longest + 60,
                late=self._terms.late,
                platforms=self._terms.platforms,
            )
        self._open([doubt.claim for doubt in doubts])
        return doubts

    def settle(self, looks: list[reconcile.Look], quiet: float) -> int:
        """Store what was seen of posts that were looked for."""
        with self._unit() as unit:
            count = reconcile.settle(unit, looks, rules=self._rules, quiet=quiet)
            crash.passes("reconcile.before_commit")
        return count

    def remaining(self) -> int:
        """Return how many posts are due and in nobody's hands."""
        with self._host.database.session(self._actor, readonly=True) as session:
            return promote.remaining(Unit(session.connection()))


def is_passing(error: BaseException) -> bool:
    """True for an error of the database that may be gone at the next try."""
    return isinstance(error, DBAPIError | OSError)


def longest_call(platforms: Mapping[str, Platform]) -> float:
    """Return the longest a call to any of the platforms may take, in seconds."""
    return max((p.delivery.longest_call for p in platforms.values()), default=30.0)
