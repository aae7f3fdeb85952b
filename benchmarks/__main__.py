"""All benchmarks, one after the other, and a table of their ratios beside the goals.

    python -m benchmarks [--quick] [--only NAME ...] [--strict]

Each figure is a ratio of two things measured in one run on one machine, so it means the same on a
slow machine as on a fast one; a machine that is busy with other things spoils it all the same.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """A figure of a benchmark's output: where it stands, and what it is to be."""

    label: str
    pattern: str
    at_most: float | None = None
    at_least: float | None = None

    def judge(self, value: float) -> str:
        """Return the goal in words, and whether it is missed."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}{'' if value <= self.at_most else '  MISSED'}"
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{'' if value >= self.at_least else '  MISSED'}"
        return ""


@dataclass(frozen=True)
class Benchmark:
    """A module of this package, run as a command."""

    name: str
    figures: tuple[Figure, ...]
    quick: tuple[str, ...] = field(default=())


def _publish(slots: int, faster: float) -> tuple[Figure, ...]:
    line = rf"concurrency {slots}: .*"
    return (
        Figure(f"{slots} slots: posts per second / BullMQ", rf"{line}second (\S+)", None, faster),
        Figure(f"{slots} slots: CPU per post / BullMQ", rf"{line}CPU per post (\S+)", 0.5),
        Figure(f"{slots} slots: p99 / BullMQ", rf"{line}p99 (\S+)", 1.0),
    )


def _claim(size: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"{what} at {size} posts / at 10,000", rf"{size} posts:.*{what} .*?\(([\d.]+)\)", 1.2
        )
        for what in ("claim", "look")
    )


BENCHMARKS = (
    Benchmark(
        "publish",
        (*_publish(200, 1.3), *_publish(400, 1.6)),
        ("--posts", "4000", "--accounts", "1000", "--rounds", "1"),
    ),
    Benchmark(
        "claim",
        (*_claim("100,000"), *_claim("1,000,000")),
        ("--sizes", "10000", "100000", "--rounds", "8"),
    ),
    Benchmark(
        "api",
        (
            Figure("list of 50 posts: time / bare", r"list: time\s+(\S+)", 1.3),
            Figure("list of 50 posts: CPU / bare", r"list: CPU.*?\s(\d\S+)"),
            Figure("create, scheduled: time / bare", r"create: time\s+(\S+)", 1.3),
            Figure("create, scheduled: CPU / bare", r"create: CPU.*?\s(\d\S+)"),
        ),
        ("--requests", "500", "--rounds", "3"),
    ),
    Benchmark(
        "outbound",
        (
            Figure("guarded client: ms CPU a call", r"guarded client (\S+)", 0.2),
            Figure("guarded client / bare aiohttp", r"ratio\s+(\S+)"),
        ),
        ("--calls", "2000", "--rounds", "3"),
    ),
    Benchmark(
        "startup",
        (
            Figure("start of the app, time / bare FastAPI", r" s      ratio (\S+)"),
            Figure("start of the app, CPU / bare FastAPI", r"s CPU  ratio (\S+)"),
            Figure("`up --demo`, peak MB of its process", r"up --demo\s+(\S+) MB", 200),
            Figure("`up --demo`, peak MB with children", r"with children\s+(\S+) MB", 200),
        ),
        ("--rounds", "3", "--seconds", "3"),
    ),
)


def run(benchmark: Benchmark, *, quick: bool) -> tuple[str, int]:
    """Run a benchmark, passing on what it prints; return that and its status."""
    arguments = benchmark.quick if quick else ()
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{benchmark.name}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        print(f"  {line}", end="", flush=True)
        said.append(line)
    return "".join(said), process.wait()


def main() -> int:
    """Run what is asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[each.name for each in BENCHMARKS])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: minutes, less certain")
    parser.add_argument("--strict", action="store_true", help="a missed goal is a failure")
    options = parser.parse_args()
    rows: list[tuple[str, str, str]] = []
    failed = False
    for benchmark in BENCHMARKS:
        if options.only and benchmark.name not in options.only:
            continue
        began = time.monotonic()
        print(f"{benchmark.name}:", flush=True)
        said, status = run(benchmark, quick=options.quick)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
        if status:
            rows.append((benchmark.name, "did not end well", f"status {status}"))
            failed = True
        for figure in benchmark.figures:
            found = re.findall(figure.pattern, said)
            if found:
                judged = figure.judge(float(found[-1]))
                rows.append((figure.label, found[-1], judged))
                failed = failed or (options.strict and "MISSED" in judged)
    width = max(len(label) for label, _, _ in rows)
    print("\n" + "\n".join(f"{label:{width}}  {value:>8}  {goal}" for label, value, goal in rows))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
