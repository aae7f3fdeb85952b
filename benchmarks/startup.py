"""How long a start takes, what it imports and what it holds, beside a bare FastAPI app.

    python -m benchmarks.startup [--rounds 7]

Each start is a new process, from its beginning until the application is made, in turns with one
that makes a FastAPI app with a SQLAlchemy engine and one route. Then: the import time of each
plugin's face once the core is there, the large packages that a start with zero services has
imported though it needs none of them (there must be none), and the peak memory of
`musekit up --demo`, the children it starts included.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from benchmarks.processes import family, wait_for
from musekit.kernel.discovery import CORE, installed
from musekit.testing import databases, servers

#: What nobody pays for who does not use it: on SQLite, with no network connected.
UNUSED = (
    "alembic", "mako", "redis", "psycopg", "authlib", "httpx", "requests", "PIL", "zxcvbn", "numpy",
    "pytest", "stripe", "openai", "httpx2", "genai_prices", "prometheus_client", "joserfc",
)  # fmt: skip
_SAY = """
import json, resource, sys, time
use = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu": use.ru_utime + use.ru_stime, "memory": use.ru_maxrss / 1024,
                  "modules": sorted(sys.modules), "routes": len(app.routes)}))
"""
OURS = "from musekit.kernel.serving import make_app\nimport uvicorn\napp = make_app()\n" + _SAY
BARE = (
    """
import sys
import uvicorn
from typing import Annotated
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
app = FastAPI()
engine = create_engine("sqlite://")
def session():
    with Session(engine) as opened:
        yield opened
@app.get("/")
def index(db: Annotated[Session, Depends(session)]) -> dict[str, str]:
    return {"hello": "world"}
"""
    + _SAY
)
SERVE_BARE = BARE.removesuffix(_SAY) + "uvicorn.run(app, port=int(sys.argv[1]), log_level='error')"


def start(code: str, environment: dict[str, str]) -> dict[str, object]:
    """Run code in a new process; return what it says and the seconds until it said so."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return {**said, "seconds": seconds}


def starts(environment: dict[str, str], rounds: int) -> dict[str, float]:
    """Measure starts in turn; return the ratios."""
    found: dict[str, list[dict[str, object]]] = {"bare": [], "ours": []}
    for number in range(rounds + 1):
        for name, code in (("bare", BARE), ("ours", OURS)):
            said = start(code, environment)
            if number:  # the first writes the bytecode and fills the disk's cache
                found[name].append(said)
    ratios = {}
    for key, unit in (("seconds", "s"), ("cpu", "s CPU"), ("memory", "MB")):
        middle = {
            name: statistics.median(float(str(each[key])) for each in all_)
            for name, all_ in found.items()
        }
        ratios[f"start: {key}"] = middle["ours"] / middle["bare"]
        print(
            f"start  bare {middle['bare']:7.2f} {unit:6} ours {middle['ours']:7.2f} {unit:6}"
            f" ratio {ratios[f'start: {key}']:.2f}",
            flush=True,
        )
    modules = found["ours"][-1]["modules"]
    assert isinstance(modules, list)
    idle = [name for name in UNUSED if name in modules]
    print(f"imported though unused: {', '.join(idle) or 'nothing'}"
          f" (of {', '.join(UNUSED)}); {len(modules)} modules in all")  # fmt: skip
    if idle:
        raise RuntimeError(f"a start imports {', '.join(idle)}, and needs none of them")
    return ratios


def faces(environment: dict[str, str]) -> dict[str, float]:
    """Return the milliseconds that importing each plugin's face takes once the core is there."""
    modules = [each.module for each in installed() if each.name != CORE]
    code = "\n".join(["import musekit.kernel.app, musekit.kernel.build, musekit.api",
                      *(f"import {module}" for module in modules)])  # fmt: skip
    took: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code], check=True, capture_output=True,
            text=True, env={**os.environ, **environment},
        )  # fmt: skip
        for cumulative, name in re.findall(r"\|\s*(\d+) \|\s*(\S+)", done.stderr):
            if name in took:
                took[name].append(int(cumulative) / 1000)
    found = {module: statistics.median(times) for module, times in took.items()}
    for module, milliseconds in found.items():
        print(f"import {module:42} {milliseconds:6.1f} ms", flush=True)
    return found


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def memory(folder: Path, seconds: float) -> dict[str, float]:
    """Measure `up --demo` at work, and a bare app under uvicorn; return peaks in MB."""
    port = servers.free_port()
    bare = subprocess.Popen([sys.executable, "-c", SERVE_BARE, str(port)])
    ours = subprocess.Popen(
        [sys.executable, "-m", "musekit.cli", "up", "--demo", "--json", "--port", "0",
         "--data-dir", str(folder / "demo")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    peaks = {"bare": 0.0, "up --demo": 0.0, "with children": 0.0}
    try:
        assert ours.stdout is not None
        watch = Watch(ours.pid)
        demo = json.loads(_line(ours, watch))
        with httpx.Client(base_url=demo["url"], follow_redirects=True) as browser:
            form = {"email": demo["email"], "password": demo["password"]}
            browser.post("/api/auth/sign-in", json=form).raise_for_status()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for path in ("", "/posts", "/queue", "/accounts", "/compose"):
                    browser.get(f"/dashboard/social{path}")
                    watch.look()
        wait_for(lambda: _answers(port), 20)
        peaks = {"bare": _peak(bare.pid), "up --demo": _peak(ours.pid), "with children": watch.most}
    finally:
        for process in (ours, bare):
            process.terminate()
            process.wait(60)
    for name, peak in peaks.items():
        print(f"peak memory  {name:14} {peak:6.1f} MB  ratio {peak / peaks['bare']:.2f}")
    return peaks


class Watch:
    """Watches the resident memory of a process with its children."""

    def __init__(self, pid: int) -> None:
        self.pid, self.most = pid, 0.0

    def look(self) -> None:
        """Take a sample."""
        pages = 0
        for pid in family(self.pid):
            try:
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue
        self.most = max(self.most, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def _line(process: subprocess.Popen[str], watch: Watch) -> str:
    """Read the first line of a process, watching it meanwhile."""
    lines: list[str] = []
    assert process.stdout is not None
    read = process.stdout.readline
    thread = threading.Thread(target=lambda: lines.append(read()))
    thread.start()
    while thread.is_alive():
        watch.look()
        time.sleep(0.02)
    if not lines or not lines[0]:
        raise RuntimeError(f"`up --demo` ended with status {process.poll()}")
    return lines[0]


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.HTTPError:
        return False


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Measure all; return the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=10, help="how long the demo is used")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        databases.provision_sqlite(folder / "musekit.db")
        environment = {
            "MUSEKIT_MODE": "development", "MUSEKIT_DATA_DIR": name,
            "MUSEKIT_LOG_LEVEL": "ERROR", "MUSEKIT_STRICT_PLUGINS": "true",
        }  # fmt: skip
        ratios = starts(environment, options.rounds)
        faces(environment)
        peaks = memory(folder, options.seconds)
    ratios["memory of up --demo"] = peaks["up --demo"] / peaks["bare"]
    return ratios


if __name__ == "__main__":
    main()
