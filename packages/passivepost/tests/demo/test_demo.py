"""`musekit up --demo` as a newcomer meets it: one process, real HTTP, and again after a restart."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
import time

import httpx
import pytest

from passivepost.demo import samples

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def demo(folder, port=0, **environment):
    """Run it; yield its first line and a client that holds the token."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MUSEKIT", "PASSIVEPOST"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "musekit.cli", "up", "--demo", "--json", "--port", str(port),
         "--data-dir", str(folder)],
        stdout=subprocess.PIPE, stderr=(folder.parent / "log").open("ab"), text=True,
        env={**clean, **environment},
    )  # fmt: skip
    ender = threading.Timer(100, process.kill)
    ender.start()
    try:
        said = json.loads(process.stdout.readline() or "{}")
        assert said.get("api_token"), (folder.parent / "log").read_text()[-3000:]
        bearer = {"Authorization": f"Bearer {said['api_token']}"}
        with httpx.Client(base_url=said["url"], headers=bearer, timeout=10) as http:
            yield said, http
    finally:
        process.terminate()
        process.wait(30)
        ender.cancel()
        process.stdout.close()


def posts_of(http):
    return http.get("/api/social/posts", params={"limit": 200}).json()["items"]


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)
    return found


def test_a_newcomer_finds_every_state_and_a_restart_changes_nothing(tmp_path):
    folder = tmp_path / "demo"
    with demo(folder) as (said, http):
        accounts = http.get("/api/social/accounts").json()["items"]
        assert [(a["platform"], a["platform_username"]) for a in accounts] == [
            ("sandbox", "juniper")
        ]
        refused = wait_for(
            lambda: next((p for p in posts_of(http) if p["status"] == "failed"), None)
        )
        assert refused["error_message"] == samples.REFUSAL
        posts = posts_of(http)
        states = [post["status"] for post in posts]
        assert states.count("posted") == len(samples.PAST)
        assert states.count("scheduled") == len(samples.PLANNED)
        assert states.count("draft") == 1
        past = [post for post in posts if post["status"] == "posted"]
        assert all(post["engagement_data"]["impressions"] > 0 for post in past)

        # Real OAuth over HTTP, and the network shows what the product says it does.
        ledger = http.get("/-/sandbox/ledger").json()["items"]
        assert [e["account"] for e in ledger if e["kind"] == "token"] == ["juniper"]
        timeline = http.get("/-/sandbox/").text
        assert all(text.split(".")[0] in timeline for _, text in samples.PAST)

        # The main job: a post goes out, once.
        now = {"platform": "sandbox", "content": "hello from a test",
               "scheduled_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
        http.post("/api/social/posts", json=now).raise_for_status()
        wait_for(lambda: "hello from a test" in http.get("/-/sandbox/").text)
        first = {post["id"] for post in posts_of(http)}
        kept = folder / "secrets" / "demo.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    with demo(folder) as (again, http):
        for name in ("email", "password", "api_token"):
            assert again[name] == said[name]
        assert {post["id"] for post in posts_of(http)} == first
        assert len(http.get("/api/social/accounts").json()["items"]) == 1
        summary = http.get("/-/sandbox/ledger/summary").json()
        assert summary["duplicate_texts"] == []
        assert summary["duplicate_keys"] == {}
        with httpx.Client(base_url=again["url"]) as browser:
            signed = {"email": again["email"], "password": again["password"]}
            assert browser.post("/api/auth/sign-in", json=signed).status_code == 200
            assert browser.get("/api/auth/me").json()["is_operator"]

        # The rule that refuses the sample is in force after a restart, too.
        rules = http.get("/-/sandbox/faults").json()["items"]
        assert [rule["text"] for rule in rules] == [samples.REFUSED_WORDS]

        # The account of the demo belongs to an address: it still works on another port.
        validated = http.post("/api/social/accounts/validate", json={}).json()["items"]
        assert [check["is_valid"] for check in validated] == [True]


def test_the_password_may_be_given(tmp_path):
    given = {"PASSIVEPOST_DEMO_EMAIL": "me@demo.test",
             "PASSIVEPOST_DEMO_PASSWORD": "chosen-by-hand-4711"}  # fmt: skip
    with demo(tmp_path / "demo", **given) as (said, _):
        assert (said["email"], said["password"]) == ("me@demo.test", "chosen-by-hand-4711")
