"""What a process and its children cost, from Linux's /proc."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MB = 1024  #: kB, the unit of /proc/<pid>/status


@dataclass
class Cost:
    """Peaks seen so far, in MB."""

    together: float = 0  #: resident memory of the process and its children at one moment
    peaks: dict[int, float] = field(default_factory=dict)  #: pid → its own high-water mark


def children(pid: int) -> list[int]:
    """Return the processes below one, at any depth."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = [int(each) for each in listed.read_text().split()]
        except OSError:
            continue
        found += [each for child in below for each in (child, *children(child))]
    return found


def memory(pid: int) -> tuple[float, float]:
    """Return a process's resident memory now and at its highest, in MB; zeros when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return float(values.get("VmRSS", 0)) / MB, float(values.get("VmHWM", 0)) / MB


@contextmanager
def watched(pid: int, every: float = 0.02) -> Iterator[Cost]:
    """Watch a process and its children from a thread; read the cost at any time."""
    cost, stop = Cost(), threading.Event()

    def look() -> None:
        while not stop.wait(every):
            now = 0.0
            for each in (pid, *children(pid)):
                resident, peak = memory(each)
                now += resident
                cost.peaks[each] = max(cost.peaks.get(each, 0), peak)
            cost.together = max(cost.together, now)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield cost
    finally:
        stop.set()
        thread.join(5)
