"""Benchmarks that nobody runs break unseen: each runs here, at sizes too small to mean anything.

The one beside BullMQ is left out: its other side is installed from the registry of npm.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import BENCHMARKS

ROOT = Path(__file__).parents[2]

SMALL = {
    "api": ("--requests", "40", "--rounds", "1"),
    "claim": ("--sizes", "2000", "4000", "--rounds", "2"),
    "outbound": ("--calls", "100", "--rounds", "1"),
    "startup": ("--rounds", "1", "--seconds", "1"),
}


def test_each_benchmark_has_a_small_form():
    assert {each.name for each in BENCHMARKS} - {"publish"} == SMALL.keys()


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_and_prints_what_the_table_reads(name, postgres_admin_url):
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *SMALL[name]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    [benchmark] = [each for each in BENCHMARKS if each.name == name]
    # The figures of `claim` are those of its three sizes, named in their patterns.
    missing = [
        each.label
        for each in benchmark.figures
        if name != "claim" and not re.search(each.pattern, ran.stdout)
    ]
    assert not missing, ran.stdout
    assert ran.stdout.strip()
