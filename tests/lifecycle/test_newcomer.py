"""Somebody who has nothing but Python: install the wheels, start one command, see a post go out."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support import processes
from tests.support.deployment import Deployment, Person, Process, wait_for
from tests.support.wheels import REPOSITORY, Environment, run

from musekit.testing.servers import free_port

pytestmark = pytest.mark.wheels

LINUX = sys.platform == "linux"
KEYS = {"url", "email", "password", "api_token"}


@contextlib.contextmanager
def demo(folder: Path, musekit: Path, *, port: int = 0) -> Iterator[tuple[Process, dict[str, Any]]]:
    """Run ``musekit up --demo --json`` with no setting at all; give its first line."""
    folder.mkdir(exist_ok=True)
    place = Deployment(musekit, folder, {})
    process = place.start("up", "--demo", "--json", "--port", str(port), "--data-dir", "data")
    try:
        assert process.popen.stdout
        line = process.popen.stdout.readline()
        assert line, process.said
        yield process, json.loads(line)
    finally:
        place.stop()


def sign_in(said: dict[str, Any]) -> Person:
    person = Person(said["url"], said["email"], said["api_token"])
    credentials = {"email": said["email"], "password": said["password"]}
    assert person.done("POST", "/api/auth/sign-in", credentials)["user"]["email"] == said["email"]
    return person


def test_one_command_and_a_post_is_on_the_timeline_on_time(everything, tmp_path):
    place = Deployment(everything.musekit, tmp_path, {})
    process = place.start("up", "--demo", "--json", "--port", "0", "--data-dir", "data")
    watching = processes.watched(process.popen.pid) if LINUX else contextlib.nullcontext()
    try:
        with watching as cost:
            assert process.popen.stdout
            said = json.loads(process.popen.stdout.readline() or "{}")
            assert set(said) >= KEYS, process.said
            person = sign_in(said)
            post = person.schedule("sandbox", 3, content="Hello from a newcomer")
            done = person.until(post, "posted", 20)
            timeline = httpx.get(f"{said['url']}/-/sandbox/").text
            assert "Hello from a newcomer" in timeline

            due, out = (datetime.fromisoformat(done[k]) for k in ("scheduled_at", "posted_at"))
            assert 0 <= (out - due).total_seconds() <= 5
            for path in ("/", "/sign-in", "/sign-up", "/account/tokens"):
                assert person.browser.get(path, follow_redirects=True).status_code == 200, path
            if LINUX:
                assert processes.children(process.popen.pid) == []
        if LINUX:
            assert cost.peaks[process.popen.pid] <= 200, cost
            assert cost.together <= 200, cost
            print(f"\npeaks of the process and its children: {cost}")
    finally:
        status = process.stop()
    assert status == 0, process.said
    assert "Traceback" not in process.said


def test_sigterm_finishes_what_is_being_sent_and_a_restart_keeps_everything(everything, tmp_path):
    with demo(tmp_path, everything.musekit) as (process, said):
        person = sign_in(said)
        slow = [{"fault": "slow", "op": "post", "seconds": 2}]
        httpx.put(f"{said['url']}/-/sandbox/faults", json=slow).raise_for_status()
        post = person.schedule("sandbox", 0, content="Sent while it stops")
        wait_for(lambda: person.post(post)["status"] == "posting", 15, lambda: process.said)
        planned = person.schedule("sandbox", 3600, content="Planned for later")
        assert process.stop() == 0, process.said
    kept = tmp_path / "data"
    assert (kept / "secrets").stat().st_mode & 0o077 == 0

    with demo(tmp_path, everything.musekit) as (process, again):
        assert {k: again[k] for k in KEYS - {"url"}} == {k: said[k] for k in KEYS - {"url"}}
        person = sign_in(again)
        assert person.post(planned)["status"] == "scheduled"
        done = person.until(post, "posted")
        assert [each["outcome"] for each in done["attempts"]] == ["confirmed"]
        ledger = httpx.get(f"{again['url']}/-/sandbox/ledger/summary").json()
        assert (ledger["duplicate_texts"], ledger["duplicate_keys"]) == ([], {})
        assert process.stop() == 0, process.said


def test_a_port_in_use_is_said_at_once(everything, tmp_path):
    with demo(tmp_path, everything.musekit) as (_, said):
        port = said["url"].rsplit(":", 1)[1]
        (tmp_path / "other").mkdir()
        other = Deployment(everything.musekit, tmp_path / "other", {})
        done = other.run("up", "--demo", "--port", port, status=1)
        assert port in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list((tmp_path / "other").iterdir())


@pytest.mark.slow
def test_make_run_in_a_clean_clone(tmp_path):
    """Nothing but Python: `make run` makes its environment and prints the address."""
    clone, port = tmp_path / "clone", free_port()
    run("git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, clone)
    ours = ("MUSEKIT", "PASSIVEPOST", "SOCIAL_", "PYTHON", "VIRTUAL_ENV", "UV_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    make = shutil.which("make")
    assert make
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [make, "run", f"PYTHON={sys.executable}", f"PORT={port}"], cwd=clone, stdout=log,
            stderr=log, env=clean, start_new_session=True,
        )  # fmt: skip

    def said() -> str:
        return (tmp_path / "log").read_text()

    try:
        wait_for(lambda: "Password" in said() or process.poll() is not None, 170, said)
        assert f"http://127.0.0.1:{port}" in said()
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert run("git", "status", "--porcelain", cwd=clone) == ""
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def test_the_environment_of_a_newcomer_holds_what_the_wheels_hold(everything: Environment):
    """The command comes from the wheels, not from the workspace."""
    where = run(
        everything.python,
        "-c",
        "import musekit, passivepost; print(musekit.__file__, passivepost.__file__)",
        cwd=everything.folder,
    )  # noqa: E501
    assert str(REPOSITORY) not in where
    assert where.count(str(everything.folder)) == 2
