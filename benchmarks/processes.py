"""CPU of processes and of their children, from /proc; and starting what a benchmark needs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx

from musekit.testing.servers import free_port

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return user and system seconds of a process, its threads and the children it has reaped."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(value) for value in fields[11:15]) / TICKS


def family(pid: int) -> list[int]:
    """Return a process and all its living descendants."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def family_cpu(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants."""
    total = 0.0
    for one in family(pid):
        with contextlib.suppress(OSError):
            total += cpu_seconds(one)
    return total


def listening_pid(port: int) -> int:
    """Return the process that listens on a port of 127.0.0.1."""
    wanted = f"0100007F:{port:04X}"
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1] == wanted and line.split()[3] == "0A"
    }
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            for link in folder.iterdir():
                with contextlib.suppress(OSError):
                    if any(f"socket:[{inode}]" == os.readlink(link) for inode in inodes):
                        return int(folder.parts[2])
    raise LookupError(f"nobody listens on 127.0.0.1:{port}")


@contextlib.contextmanager
def platform_double(delay_ms: float = 50) -> Iterator[str]:
    """Run the platform double in a process of its own; yield its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.double", str(port), str(delay_ms)],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def await_start(worker: subprocess.Popen[bytes]) -> None:
    """Read what a worker says until it has started; show what it says later.

    Raises:
        RuntimeError: it ended instead; with its last line.
    """
    assert worker.stderr is not None
    line = b""
    for line in worker.stderr:
        if line.startswith(b"Worker started"):
            threading.Thread(
                target=shutil.copyfileobj, args=(worker.stderr, sys.stderr.buffer), daemon=True
            ).start()
            return
    raise RuntimeError(f"the worker ended with status {worker.wait()}: {line.decode()}")


def stats(url: str) -> dict[str, int]:
    """Return what a double has counted."""
    # Not httpx: each of its clients reads the certificates of all authorities first, and this is
    # asked while others are measured.
    with urllib.request.urlopen(f"{url}/stats") as response:
        answer: dict[str, int] = json.load(response)
    return answer


def reset(url: str) -> None:
    """Clear a double's counters."""
    httpx.post(f"{url}/reset")


def wait_for(condition: object, seconds: float = 60, pause: float = 0.02) -> bool:
    """Wait until a callable gives something true; False when the time is over."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return False
