"""Listing and creating posts by API, beside a bare FastAPI + SQLAlchemy app doing the same.

    python -m benchmarks.api [--requests 2000] [--rounds 5] [--concurrency 8]

Both run under uvicorn in one process each, as they are installed, on one PostgreSQL; the rounds
alternate. The bare app is `benchmarks/bare.py`: the same token lookup, actor setting, queries and
inserts, nothing else. Printed: the time of a request (wall clock of the whole run by requests), the
CPU of the server process and of PostgreSQL, and the ratios ours / bare. The goal is ≤ 1.3.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks import dataset, load
from benchmarks.processes import family_cpu, listening_pid, wait_for
from musekit.auth.secrets import digest, new_token
from musekit.kernel.ids import new_id
from musekit.kernel.settings import CoreSettings
from musekit.testing import databases, servers

DATABASE = "musekit_bench"
Figures = dict[str, float]
TOKENS = (
    "api_tokens (id, user_id, space_id, name, prefix, secret_hash, scopes, created_at,"
    " last_used_at)"
)


def fill(url: str, settings: CoreSettings, spaces: int, posts: int) -> list[str]:
    """Store spaces with an account, a token and posts each; return the tokens."""
    lanes = dataset.fill_accounts(url, settings, spaces)
    dataset.fill_posts(url, lanes, posts)
    tokens, now = [new_token() for _ in lanes], datetime.now(UTC)
    rows = [
        (new_id(), lane.user, lane.space, "bench", "mk_live_", digest(token), ["*"], now, now)
        for lane, token in zip(lanes, tokens, strict=True)
    ]
    with dataset.connect(url) as connection, connection.cursor() as cursor:
        dataset._copy(cursor, TOKENS, rows)
    dataset.vacuum(url)
    return tokens


@contextlib.contextmanager
def serving(command: list[str], environment: dict[str, str], port: int) -> Iterator[int]:
    """Run a server until it answers; yield its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/api/social/posts").status_code == 401
        return False

    try:
        if not wait_for(answers, 60, 0.1):
            raise RuntimeError(f"{command[0]} did not answer; its status is {process.poll()}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


class Creates:
    """Bodies of creates: every one in another space or on another day, so that no cap is met."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.number = tokens, 0
        self.start = datetime.now(UTC).replace(hour=9, minute=0) + timedelta(days=1)

    def take(self, port: int, count: int) -> list[bytes]:
        """Return `count` requests to the server at `port`."""
        found = []
        for number in range(self.number, self.number + count):
            day, place = divmod(number, len(self.tokens))
            body = {
                "platform": "twitter",
                "content": f"A post of usual length, number {number}, with ✨ and a link"
                " https://example.com/a/b/c, made by the benchmark of the API.",
                "scheduled_at": (self.start + timedelta(days=day)).isoformat(),
            }
            found.append(
                load.request(
                    port, "POST", "/api/social/posts", self.tokens[place], json.dumps(body).encode()
                )
            )
        self.number += count
        return found


def measure(
    port: int, pid: int, postgres: int, requests: list[bytes], status: int, concurrency: int
) -> Figures:
    """Send requests; return milliseconds of wall clock and of CPU per request."""
    time.sleep(0.2)
    cpu, database_cpu = family_cpu(pid), family_cpu(postgres)
    took = load.drive(port, requests, status=status, concurrency=concurrency)
    count = took.requests / 1000
    return {
        "wall": took.seconds / count,
        "cpu": (family_cpu(pid) - cpu) / count,
        "database": (family_cpu(postgres) - database_cpu) / count,
        "p99": statistics.quantiles(took.each, n=100)[98],
    }


def compare_answers(ports: dict[str, int], tokens: list[str], creates: Creates) -> None:
    """Make sure that both give the same JSON, field by field."""
    for method, requests, status in (
        ("GET", {n: [load.request(p, "GET", "/api/social/posts", tokens[0])] for n, p in
                 ports.items()}, 200),
        ("POST", {n: creates.take(p, 1) for n, p in ports.items()}, 201),
    ):  # fmt: skip
        shapes = []
        for name, port in ports.items():
            answer = json.loads(load.drive(port, requests[name], status=status).sample)
            shapes.append(sorted(answer))
            items = answer.get("items")
            if items is not None and len(items) != 50:
                raise RuntimeError(f"{name} lists {len(items)} posts")
            shapes[-1] += sorted(items[0]) if items else sorted(answer["publish"])
        if shapes[0] != shapes[1]:
            raise RuntimeError(f"{method}: the answers differ: {shapes}")


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run the comparison; return its ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--log-level", default="INFO", help="of ours; INFO logs each request")
    options = parser.parse_args(arguments)
    os.environ["SOCIAL_ENCRYPTION_KEY"] = dataset.encryption_key()
    with servers.postgres(durable=True) as admin_url, tempfile.TemporaryDirectory() as folder:
        settings = databases.provision(admin_url, DATABASE).settings(Path(folder))
        tokens = fill(f"{admin_url.rsplit('/', 1)[0]}/{DATABASE}", settings, 200, 20_000)
        ports = {"bare": servers.free_port(), "ours": servers.free_port()}
        ours = {
            "MUSEKIT_MODE": "production", "MUSEKIT_DATA_DIR": folder,
            "MUSEKIT_PUBLIC_URL": f"http://127.0.0.1:{ports['ours']}",
            "MUSEKIT_DATABASE_URL": settings.database_url,
            "MUSEKIT_DATABASE_SYSTEM_URL": settings.database_system_url,
            "MUSEKIT_LOG_LEVEL": options.log_level,
            "PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID": "bench",
            # Counted like any request, but never refused.
            **{f"MUSEKIT_LIMIT_{name}": "999999999/60" for name in ("READS", "WRITES", "PUBLIC")},
        }  # fmt: skip
        bare = {"BARE_URL": settings.database_system_url}
        with (
            serving(
                ["uvicorn", "benchmarks.bare:app", "--port", str(ports["bare"]), "--no-access-log"],
                bare,
                ports["bare"],
            ) as bare_pid,
            serving(
                ["musekit.cli", "serve", "--port", str(ports["ours"])], ours, ports["ours"]
            ) as our_pid,
        ):
            pids = {"bare": bare_pid, "ours": our_pid}
            return _rounds(options, ports, pids, listening_pid(_port(admin_url)), tokens)


def _port(url: str) -> int:
    return int(urlsplit(url).port or 0)


def _rounds(
    options: argparse.Namespace,
    ports: dict[str, int],
    pids: dict[str, int],
    postgres: int,
    tokens: list[str],
) -> dict[str, float]:
    creates = Creates(tokens)
    compare_answers(ports, tokens, creates)
    ratios: dict[str, float] = {}
    for what, status in (("list", 200), ("create", 201)):
        rounds: dict[str, list[Figures]] = {name: [] for name in ports}
        for number in range(options.rounds + 1):
            for name, port in ports.items():
                if what == "list":
                    requests = [
                        load.request(port, "GET", "/api/social/posts", tokens[i % len(tokens)])
                        for i in range(options.requests)
                    ]
                else:
                    requests = creates.take(port, options.requests)
                figures = measure(port, pids[name], postgres, requests, status, options.concurrency)
                if number:  # the first round warms up
                    rounds[name].append(figures)
        for name, found in rounds.items():
            middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
            print(
                f"{what:6} {name}  {1000 / middle['wall']:6.0f} requests/s "
                f" {middle['wall']:.2f} ms a request, p99 {middle['p99']:.1f} ms"
                f"  CPU {middle['cpu']:.2f} ms + PostgreSQL {middle['database']:.2f} ms",
                flush=True,
            )
        for key, words in (("wall", "time"), ("cpu", "CPU of the process")):
            ratios[f"{what}: {words}"] = statistics.median(
                ours[key] / bare[key]
                for ours, bare in zip(rounds["ours"], rounds["bare"], strict=True)
            )
    for words, ratio in ratios.items():
        print(f"ours / bare  {words:28} {ratio:.2f}", flush=True)
    return ratios


if __name__ == "__main__":
    main()
