"""Posts per second of the publisher, beside a BullMQ worker doing the reference's job.

    python -m benchmarks.publish [--posts 20000] [--accounts 5000] [--rounds 3] [--slots 200 400]

Both sides publish to the same platform double (50 ms an answer) on the same PostgreSQL (fsync and
synchronous commits on) and Redis, in turn. The yardstick's posts wait in its queue when its time
begins; ours come due at one moment, from which the time counts. Ours claims, arms and records
durably, and decrypts each account's token. Printed: posts per second, p50 and p99 of a post in
milliseconds, CPU per post of worker + PostgreSQL + Redis, and the ratios ours / BullMQ.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import dataset
from benchmarks.processes import (
    await_start,
    family_cpu,
    listening_pid,
    platform_double,
    reset,
    stats,
    wait_for,
)
from musekit.kernel.settings import CoreSettings
from musekit.testing import databases, servers

YARDSTICK = Path(__file__).with_name("yardstick")
Figures = dict[str, float]
Meter = Callable[[], float]


def install_yardstick() -> Path:
    """Install BullMQ's packages below the cache folder; return the folder to run in."""
    cache = Path(os.environ.get("MUSEKIT_TEST_CACHE", Path.home() / ".cache" / "musekit-tests"))
    folder = cache / "yardstick"
    folder.mkdir(parents=True, exist_ok=True)
    for file in YARDSTICK.iterdir():
        shutil.copy(file, folder)
    if not (folder / "node_modules" / "bullmq").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder


@contextlib.contextmanager
def database(admin_url: str, data: Path) -> Iterator[CoreSettings]:
    """Provision a migrated database with a key ring of its own."""
    os.environ["SOCIAL_ENCRYPTION_KEY"] = dataset.encryption_key()
    urls = databases.provision(admin_url, "musekit_bench")
    try:
        yield urls.settings(data)
    finally:
        databases.drop(admin_url, "musekit_bench")


def run_ours(
    admin_url: str, redis_url: str, double: str, options: Any, slots: int, servers_cpu: Meter
) -> Figures:
    """Publish with a worker process of ours."""
    with tempfile.TemporaryDirectory() as folder, database(admin_url, Path(folder)) as settings:
        filling = f"{admin_url.rsplit('/', 1)[0]}/musekit_bench"
        lanes = dataset.fill_accounts(filling, settings, options.accounts)
        dataset.fill_posts(filling, lanes, options.posts)
        dataset.postpone_jobs(filling)
        settle(filling)
        address = urlsplit(double)
        environment = {
            **os.environ,
            "MUSEKIT_MODE": "test",
            "MUSEKIT_DATA_DIR": folder,
            "MUSEKIT_DATABASE_URL": settings.database_url,
            "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
            "MUSEKIT_QUEUE_BACKEND": "redis",
            "MUSEKIT_REDIS_URL": redis_url,
            "MUSEKIT_OUTBOUND_ALLOW": json.dumps([f"{address.hostname}:{address.port}"]),
            "MUSEKIT_LOG_LEVEL": "WARNING",
            "PASSIVEPOST_SEND_SLOTS": str(slots),
            "PASSIVEPOST_POLL_SECONDS": "0.2",
            "PASSIVEPOST_PLATFORM_TWITTER_API_URL": double,
            "PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID": "bench",
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "musekit.cli", "worker"], env=environment, stderr=subprocess.PIPE
        )
        try:
            await_start(worker)
            time.sleep(2)  # connected, asleep
            return _measure_ours(settings, double, worker.pid, options.posts, servers_cpu)
        finally:
            worker.terminate()
            worker.wait(60)


def _measure_ours(
    settings: CoreSettings, double: str, pid: int, posts: int, servers_cpu: Meter
) -> Figures:
    with dataset.connect(settings.database_system_url) as watch:
        watch.autocommit = True

        def left() -> int:
            row = watch.execute(
                "SELECT count(*) FROM publish_state WHERE stage IN ('waiting', 'queued', 'posting')"
            ).fetchone()
            assert row is not None
            return int(row[0])

        dataset.make_due(settings, ahead=2.0)
        cpu, servers_before, began = family_cpu(pid), servers_cpu(), time.monotonic()
        # The database is asked when the platform has seen them all: asking costs it time, too.
        wait_for(lambda: stats(double)["requests"] >= posts, seconds=300, pause=0.02)
        if not wait_for(lambda: left() == 0, seconds=30, pause=0.02):
            raise RuntimeError(f"{left()} posts are not published")
        seconds = time.monotonic() - began
        worker_cpu, servers_used = family_cpu(pid) - cpu, servers_cpu() - servers_before
        row = watch.execute(
            "SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took),"
            " percentile_cont(0.99) WITHIN GROUP (ORDER BY took) FROM"
            " (SELECT extract(epoch FROM s.updated_at - a.opened_at) * 1000 AS took"
            "  FROM publish_attempts a JOIN publish_state s USING (post_id)"
            "  WHERE a.outcome = 'confirmed') AS each"
        ).fetchone()
        assert row is not None
        if row[0] != posts:
            raise RuntimeError(f"{row[0]} of {posts} posts are confirmed")
    return {
        "posts": posts,
        "seconds": seconds,
        "worker_cpu": worker_cpu,
        "servers_cpu": servers_used,
        "p50_ms": float(row[1]),
        "p99_ms": float(row[2]),
    }


def run_bullmq(
    admin_url: str, redis_url: str, double: str, options: Any, slots: int, servers_cpu: Meter
) -> Figures:
    """Publish with the yardstick."""
    folder = install_yardstick()
    plain = admin_url.replace("postgresql+psycopg", "postgresql")
    url = f"{plain.rsplit('/', 1)[0]}/yardstick"
    with dataset.connect(plain) as admin:
        admin.autocommit = True
        admin.execute("DROP DATABASE IF EXISTS yardstick WITH (FORCE)")
        admin.execute("CREATE DATABASE yardstick")
    with dataset.connect(url) as connection:
        connection.execute((folder / "schema.sql").read_text())  # type: ignore[call-overload]
        connection.execute(
            "INSERT INTO social_posts (user_id, platform, content, status, scheduled_at)"
            " SELECT md5((n %% %s)::text)::uuid, 'twitter', 'sample post ' || gen_random_uuid(),"
            " 'scheduled', now() FROM generate_series(1, %s) AS n",
            (options.accounts, options.posts),
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    settle(plain)
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "PLATFORM_URL": double,
        "CONCURRENCY": str(slots),
    }
    with subprocess.Popen(
        ["node", "publish.mjs"], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as node:
        assert node.stdout is not None
        node.stdout.readline()  # all posts are in the queue
        before = servers_cpu()
        figures: Figures = json.loads(node.stdout.readline())
        figures["servers_cpu"] = servers_cpu() - before
    with dataset.connect(plain) as admin:  # its autovacuum would come while the other side runs
        admin.autocommit = True
        admin.execute("DROP DATABASE yardstick WITH (FORCE)")
    return figures


def settle(admin_url: str) -> None:
    """Write what filling left to write, so that neither side pays for it while it is measured."""
    with dataset.connect(admin_url) as admin:
        admin.autocommit = True
        admin.execute("CHECKPOINT")


def measure(run: Any, double: str, *args: Any) -> Figures:
    """Run one side; check the double's own count."""
    reset(double)
    figures: Figures = run(*args)
    counted = stats(double)
    if counted["requests"] != figures["posts"] or counted["distinct"] != figures["posts"]:
        raise RuntimeError(f"the platform counted {counted}, of {figures['posts']} posts")
    figures["per_s"] = figures["posts"] / figures["seconds"]
    used = figures["worker_cpu"] + figures["servers_cpu"]
    figures["cpu_ms"] = used * 1000 / figures["posts"]
    return figures


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, nargs="+", default=[200, 400])
    options = parser.parse_args()
    with (
        servers.postgres(durable=True) as admin_url,
        servers.redis() as redis_url,
        platform_double(50) as double,
    ):
        pids = [listening_pid(int(urlsplit(url).port or 0)) for url in (admin_url, redis_url)]

        def servers_cpu() -> float:
            return sum(family_cpu(pid) for pid in pids)

        for slots in options.slots:
            rounds: dict[str, list[Figures]] = {"BullMQ": [], "PassivePost": []}
            for number in range(options.rounds):
                for name, run in (("BullMQ", run_bullmq), ("PassivePost", run_ours)):
                    figures = measure(
                        run, double, admin_url, redis_url, double, options, slots, servers_cpu
                    )
                    rounds[name].append(figures)
                    print(f"round {number + 1} {name:12} {slots}: {_line(figures)}", flush=True)
            _summary(slots, rounds)


def _line(figures: Figures) -> str:
    return (
        f"{figures['per_s']:7.0f} posts/s  p50 {figures['p50_ms']:5.0f}  p99"
        f" {figures['p99_ms']:5.0f} ms  CPU per post: worker"
        f" {figures['worker_cpu'] * 1000 / figures['posts']:.3f}, all {figures['cpu_ms']:.3f} ms"
    )


def _summary(slots: int, rounds: dict[str, list[Figures]]) -> None:
    def ratio(name: str) -> float:
        pairs = zip(rounds["PassivePost"], rounds["BullMQ"], strict=True)
        return statistics.median(ours[name] / theirs[name] for ours, theirs in pairs)

    print(
        f"concurrency {slots}: PassivePost / BullMQ  posts per second {ratio('per_s'):.2f}"
        f"  CPU per post {ratio('cpu_ms'):.2f}  p99 {ratio('p99_ms'):.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
