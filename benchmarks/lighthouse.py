"""What Lighthouse says of the main pages of a demo: ``make lighthouse``.

    python -m benchmarks.lighthouse [--runs 3] [--keep FOLDER] [PATH ...]

`musekit up --demo` runs as it does for anybody, with nothing set; Lighthouse comes from npm, into
the cache that peers of the tests share. Each page is measured a few times as on a slow phone
(Lighthouse's own defaults: four times slower, a slow mobile network), and the medians count. It
fails where one is below 95, where a page cannot be measured, and where anything outside of this
machine was asked.

The pages: where everybody comes in; where everybody lands; the three in which creators spend their
day, of which the composer has the most script and the queue the longest list; and the operator's
overview, which asks the most tables.
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.support import npm
from tests.support.chromium import PROGRAM

PACKAGE = "lighthouse@13.5.0"
PAGES = (
    "/sign-in", "/dashboard", "/dashboard/social", "/dashboard/social/compose",
    "/dashboard/social/queue", "/admin",
)  # fmt: skip
#: Seen as by somebody who is not signed in.
OPEN = ("/", "/sign-in", "/sign-up", "/pricing")
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95
CHROMIUM = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-domain-reliability", "--no-default-browser-check", "--no-pings",
    # What is not on loopback would go through a proxy that is not there.
    "--proxy-server=http://127.0.0.1:9",
)  # fmt: skip


class CannotMeasureError(RuntimeError):
    """Something that is needed is not here, or did not work; the message says what to do."""


@dataclass
class Found:
    """What was measured of one page."""

    scores: dict[str, list[int]] = field(default_factory=dict)  #: category → one per run
    weak: dict[str, str] = field(default_factory=dict)  #: audits that cost points → what they say
    strangers: set[str] = field(default_factory=set)  #: asked, and not of this deployment

    def median(self, category: str) -> int:
        """Return the median of the runs."""
        return int(statistics.median(self.scores[category]))

    @property
    def is_good(self) -> bool:
        """True when no median is too low, and nobody else was asked."""
        return not self.strangers and all(self.median(category) >= LEAST for category in CATEGORIES)


def read(report: Mapping[str, Any], address: str, found: Found) -> str:
    """Note what a report says; return its scores in one line.

    Raises:
        CannotMeasureError: Lighthouse could not measure the page.
    """
    fault = report.get("runtimeError") or {}
    scores = {name: report["categories"][name]["score"] for name in CATEGORIES} if not fault else {}
    if fault or None in scores.values():
        raise CannotMeasureError(
            f"Lighthouse could not measure {report.get('requestedUrl')}:"
            f" {fault.get('message', 'a category has no score')}"
        )
    asked = urlsplit(str(report["requestedUrl"])).path
    if urlsplit(str(report["finalDisplayedUrl"])).path != asked:
        raise CannotMeasureError(f"{asked} led on to {report['finalDisplayedUrl']}")
    for name, score in scores.items():
        found.scores.setdefault(name, []).append(round(100 * score))
        for part in report["categories"][name]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                found.weak[part["id"]] = f"{audit['title']} {audit.get('displayValue', '')}".strip()
    for each in report["audits"]["network-requests"]["details"]["items"]:
        if not str(each["url"]).startswith((f"{address}/", "data:", "blob:")):
            found.strangers.add(str(each["url"]))
    return "  ".join(f"{name} {100 * score:.0f}" for name, score in scores.items())


@contextlib.contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Run a demo; yield its address and the cookies of its sample person.

    Raises:
        CannotMeasureError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="musekit-lighthouse-") as folder:
        own = {name: value for name, value in os.environ.items()
               if not name.startswith(("MUSEKIT_", "PASSIVEPOST_"))}  # fmt: skip
        log = (Path(folder) / "log").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-m", "musekit.cli", "up", "--demo", "--json", "--port", "0"],
            env={**own, "MUSEKIT_DATA_DIR": f"{folder}/data"}, stdout=subprocess.PIPE, stderr=log,
            text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise CannotMeasureError(f"`musekit up --demo` ended: {log.read()[-2000:]}")
            said = json.loads(line)
            yield said["url"], _cookies(said)
        finally:
            process.terminate()
            process.wait(30)
            log.close()


def _cookies(said: Mapping[str, str]) -> str:
    with httpx.Client(
        base_url=said["url"], trust_env=False, timeout=30, follow_redirects=True
    ) as browser:
        credentials = {"email": said["email"], "password": said["password"]}
        browser.post("/api/auth/sign-in", json=credentials).raise_for_status()
        for path in PAGES:  # templates are compiled when they are first used
            browser.get(path).raise_for_status()
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def installed() -> list[str]:
    """Install Lighthouse where it is not; return the command that runs it.

    Raises:
        npm.PeerMissingError: npm or the package cannot be had.
        CannotMeasureError: no browser.
    """
    if not Path(PROGRAM).exists():
        raise CannotMeasureError(
            f"There is no Chromium at {PROGRAM}. Install it (Debian: apt-get install chromium), or"
            " set MUSEKIT_CHROMIUM to a browser of that kind."
        )
    with npm.cache() as folder:
        home = folder / "lighthouse"
        home.mkdir(exist_ok=True)
        program = home / "node_modules/lighthouse/cli/index.js"
        node = npm.node(folder)
        manifest = program.parents[1] / "package.json"
        version = PACKAGE.rpartition("@")[2]
        if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
            print(f"installing {PACKAGE} …", flush=True)
            npm.install(home, [PACKAGE], {"PUPPETEER_SKIP_DOWNLOAD": "1"})
        return [str(node), str(program)]


def measure(command: Sequence[str], url: str, cookies: str, folder: Path) -> dict[str, Any]:
    """Run Lighthouse once; return its report.

    Raises:
        CannotMeasureError: it ended with an error.
    """
    report, headers = folder / "report.json", folder / "headers.json"
    report.unlink(missing_ok=True)
    headers.write_text(json.dumps({"Cookie": cookies} if cookies else {}))
    headers.chmod(0o600)
    done = subprocess.run(
        [
            *command, url, "--quiet", "--output=json", f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={headers}",
            "--no-enable-error-reporting", f"--chrome-flags={' '.join(CHROMIUM)}",
        ],
        env={**os.environ, "CHROME_PATH": PROGRAM, "CI": "1", "TMPDIR": str(folder)},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    if not report.exists():
        raise CannotMeasureError(f"Lighthouse ended with {done.returncode}: {done.stderr[-1000:]}")
    answer: dict[str, Any] = json.loads(report.read_text())
    return answer


def table(pages: Mapping[str, Found]) -> str:
    """Return the medians as a table."""
    width = max(len(path) for path in pages)
    lines = [f"{'page':{width}}  " + "  ".join(CATEGORIES)]
    for path, found in pages.items():
        cells = (
            f"{found.median(name)}{'' if found.median(name) >= LEAST else ' !'}".rjust(len(name))
            for name in CATEGORIES
        )
        lines.append(f"{path:{width}}  " + "  ".join(cells))
    return "\n".join(lines)


def main() -> int:
    """Measure; return the exit status."""
    parser = argparse.ArgumentParser(prog="lighthouse", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="of each page; the median counts")
    parser.add_argument("--keep", type=Path, help="folder for Lighthouse's reports")
    parser.add_argument("paths", nargs="*", default=PAGES, metavar="PATH", help="other pages")
    options = parser.parse_args()
    pages = {path: Found() for path in options.paths}
    try:
        command = installed()
        with demo() as (address, cookies), tempfile.TemporaryDirectory() as folder:
            for number in range(options.runs):
                for path, found in pages.items():
                    began = time.monotonic()
                    report = measure(
                        command, address + path, "" if path in OPEN else cookies, Path(folder)
                    )
                    said = read(report, address, found)
                    print(
                        f"{number + 1}/{options.runs}  {path}  {said}"
                        f"  ({time.monotonic() - began:.0f} s)", flush=True,
                    )  # fmt: skip
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        name = f"{path.strip('/').replace('/', '-') or 'start'}-{number + 1}.json"
                        shutil.copy(Path(folder) / "report.json", options.keep / name)
    except npm.PeerMissingError as error:
        print(f"Lighthouse comes from npm, and could not be had: {error}", file=sys.stderr)
        print("Install Node with npm, and let npm reach a registry once.", file=sys.stderr)
        return 2
    except CannotMeasureError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\nmedians of {options.runs}\n{table(pages)}")
    for path, found in pages.items():
        if not found.is_good:
            print(f"\n{path}:")
            print("".join(f"  {name}: {said}\n" for name, said in found.weak.items()), end="")
            print("".join(f"  asks {url}\n" for url in sorted(found.strangers)), end="")
    bad = [path for path, found in pages.items() if not found.is_good]
    print(f"\nbelow {LEAST}: {', '.join(bad)}" if bad else f"\nall at {LEAST} or above")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
