"""What one look at the queue costs, at 10 000, 100 000 and 1 000 000 stored posts.

    python -m benchmarks.claim [--sizes 10000 100000 1000000] [--rounds 15]

Three databases on one PostgreSQL hold mostly posts of the past, some scheduled ones, and the same
backlog that is due. In each round each of them, in turn, does what a worker does: it claims a batch
of what comes due, with credentials (`look`), queues all the rest of the backlog (`promote`), and
claims a batch of what is queued (`claim`). Printed: milliseconds, and the ratios to the smallest in
the same round. The goal is a time flat within 1.2.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import dataset
from musekit.kernel.build import build_host
from musekit.testing import databases, servers
from passivepost.publishing.publisher import Publisher

Figures = dict[str, float]
ACCOUNTS, BACKLOG, BATCH = 500, 1000, 200
STEPS = ("look", "promote", "claim")

#: Posts of the past and of the future, made by the server: a million in well under a minute.
#: Of ten, nine are posted and one is scheduled for later.
_FILL = """
WITH lane AS (
    SELECT (row_number() OVER (ORDER BY id)) - 1 AS number, id, space_id, user_id
    FROM social_accounts
), made AS (
    SELECT n, gen_random_uuid() AS id, lane.id AS account, lane.space_id, lane.user_id,
           n % 10 = 0 AS later, now() + (n - {count}) * interval '1 second' AS stamp
    FROM generate_series(1, {count}) AS n JOIN lane ON lane.number = n % {accounts}
), posts AS (
    INSERT INTO social_posts (id, space_id, user_id, account_id, platform, content, media_urls,
        status, scheduled_at, posted_at, platform_post_id, ai_generated, created_at, updated_at)
    SELECT id, space_id, user_id, account, 'twitter', 'sample post ' || n, '{{}}',
        CASE WHEN later THEN 'scheduled' ELSE 'posted' END,
        CASE WHEN later THEN now() + interval '30 days' ELSE stamp END,
        CASE WHEN later THEN NULL ELSE stamp END, CASE WHEN later THEN NULL ELSE n::text END,
        false, stamp, stamp FROM made
), details AS (
    INSERT INTO post_details (post_id, space_id, parts, options, revision, content_hash, timezone,
        posted_ids, updated_at)
    SELECT id, space_id, jsonb_build_array(jsonb_build_object('text', 'sample post ' || n,
        'media', jsonb_build_array())), '{{}}', 1, md5(n::text), 'UTC', '[]', stamp FROM made
), attempts AS (
    INSERT INTO publish_attempts (id, space_id, post_id, n, publish_key, account_id, lease_token,
        content_hash, opened_at, armed_at, responded_at, http_status, platform_post_id, outcome,
        worker, code_version)
    SELECT gen_random_uuid(), space_id, id, 1, gen_random_uuid(), account, 1, md5(n::text), stamp,
        stamp, stamp, 201, n::text, 'confirmed', 'bench', '0' FROM made WHERE NOT later
)
INSERT INTO publish_state (post_id, space_id, account_id, platform, stage, due_at,
    next_attempt_at, revision, content_hash, publish_key, attempts, updated_at)
SELECT id, space_id, account, 'twitter', CASE WHEN later THEN 'waiting' ELSE 'done' END,
    CASE WHEN later THEN now() + interval '30 days' + n * interval '1 ms' ELSE stamp END,
    CASE WHEN later THEN now() + interval '30 days' + n * interval '1 ms' ELSE stamp END,
    1, md5(n::text), gen_random_uuid(), CASE WHEN later THEN 0 ELSE 1 END, stamp FROM made
"""
_RESET = (
    """
    UPDATE publish_state SET stage = 'waiting', lease_until = NULL, lease_owner = NULL,
        due_at = now(), next_attempt_at = now()
    WHERE post_id IN (SELECT post_id FROM backlog)
    """,
    "UPDATE social_posts SET status = 'scheduled' WHERE id IN (SELECT post_id FROM backlog)",
)


class Sized:
    """A database of one size, with a publisher on it."""

    def __init__(self, admin_url: str, count: int, folder: Path, stack: ExitStack) -> None:
        name = f"musekit_bench_{count}"
        settings = databases.provision(admin_url, name).settings(folder)
        self.count, self.url = count, f"{admin_url.rsplit('/', 1)[0]}/{name}"
        lanes = dataset.fill_accounts(self.url, settings, ACCOUNTS)
        with self._quiet() as cursor:
            cursor.execute(_FILL.format(count=count - BACKLOG, accounts=ACCOUNTS))
        dataset.fill_posts(self.url, lanes, BACKLOG)  # and lets the server take its statistics
        with self._quiet() as cursor:
            cursor.execute(
                "CREATE TABLE backlog AS SELECT post_id FROM publish_state s"
                " JOIN social_posts p ON p.id = s.post_id WHERE s.stage = 'waiting'"
                f" AND p.created_at > now() - interval '1 hour' ORDER BY p.id DESC LIMIT {BACKLOG}"
            )
        host = build_host(settings, plugins=["passivepost", "passivepost_platform_twitter"])
        stack.callback(host.close)
        self.store = Publisher(host).store

    @contextmanager
    def _quiet(self) -> Iterator[Any]:
        """Write without triggers: rows are put where a past of years would have brought them."""
        with dataset.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            yield cursor

    def reset(self) -> None:
        """Make the backlog due again, with no dead rows left behind."""
        with self._quiet() as cursor:
            for statement in _RESET:
                cursor.execute(statement)
        with dataset.connect(self.url) as connection:
            connection.autocommit = True
            connection.execute("VACUUM publish_state")
            connection.execute("VACUUM social_posts")

    def work(self) -> Figures:
        """Claim of what is due, queue the rest, claim of what is queued; return milliseconds."""
        times = [time.perf_counter()]
        taken, first = self.store._promote(BATCH, BATCH)
        times.append(time.perf_counter())
        queued, _ = self.store._promote(BACKLOG)
        times.append(time.perf_counter())
        second = self.store._claim(BATCH)
        times.append(time.perf_counter())
        claimed = len(first), len(second)
        # Of what comes due, a few belong to an account that has just been taken.
        if (taken, queued) != (BATCH, BACKLOG - BATCH) or min(claimed) < 0.8 * BATCH:
            raise RuntimeError(f"took {taken}, queued {queued}, claimed {claimed}")
        if not all(claim.account for claim in (*first, *second)):
            raise RuntimeError("claimed without credentials")
        spent = (1000 * (end - began) for began, end in itertools.pairwise(times))
        return dict(zip(STEPS, spent, strict=True))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run the rounds and print the table; return the ratios to the smallest size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    os.environ["SOCIAL_ENCRYPTION_KEY"] = dataset.encryption_key()
    with (
        servers.postgres(durable=True, options="-c shared_buffers=512MB") as admin_url,
        tempfile.TemporaryDirectory() as folder,
        ExitStack() as stack,
    ):
        sized = [Sized(admin_url, size, Path(folder), stack) for size in options.sizes]
        rounds: dict[int, list[Figures]] = {each.count: [] for each in sized}
        for number in range(options.rounds + 2):
            for each in sized:
                each.reset()
            for each in sized:
                figures = each.work()
                if number > 1:  # the first two warm up
                    rounds[each.count].append(figures)
    return _table(options.sizes, rounds)


def _table(sizes: list[int], rounds: dict[int, list[Figures]]) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for size in sizes:
        parts = []
        for key in STEPS:
            middle = statistics.median(figures[key] for figures in rounds[size])
            # Against the same round's smallest: a machine that slows down slows both.
            ratio = statistics.median(
                here[key] / small[key]
                for here, small in zip(rounds[size], rounds[sizes[0]], strict=True)
            )
            parts.append(f"{key} {middle:6.1f} ms ({ratio:.2f})")
            if size != sizes[0]:
                ratios[f"{key} at {size:,}"] = ratio
        print(f"{size:>9,} posts: {'  '.join(parts)}", flush=True)
    return ratios


if __name__ == "__main__":
    main()
