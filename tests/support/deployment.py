"""A deployment out of process, run as an operator runs one: settings, `musekit` commands, signals.

Nothing of the product is imported into the test for it, so any environment's `musekit` will do:
the workspace's, or one into which wheels were installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from musekit.testing import databases
from musekit.testing.servers import free_port

Found = TypeVar("Found")
PASSWORD = "correct horse battery staple"
#: The command of the environment that runs the tests.
WORKSPACE = Path(sys.executable).with_name("musekit")


@dataclass
class Process:
    """A running `musekit` process."""

    popen: subprocess.Popen[str]
    log: Path
    name: str

    @property
    def said(self) -> str:
        """What it wrote to its log so far; the end of it."""
        return self.log.read_text(errors="replace")[-6000:]

    def stop(self, seconds: float = 45) -> int:
        """Ask it to end, as service managers do; kill it when it does not. Returns its status."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(10)
        if self.popen.stdout:
            self.popen.stdout.close()
        return self.popen.returncode

    def kill(self) -> None:
        """End it as a power cut does."""
        self.popen.kill()
        self.popen.wait(10)


@dataclass
class Deployment:
    """One set of settings, a data directory, and the processes started with them."""

    musekit: Path
    folder: Path
    environment: dict[str, str]
    urls: databases.DatabaseUrls | None = None  #: of the database provisioned for it
    port: int = field(default_factory=free_port)
    running: list[Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the web process answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.musekit.with_name("python")

    def settings(self) -> dict[str, str]:
        """Return the environment of its processes: nothing of the test's own settings is in it."""
        ours = ("MUSEKIT", "PASSIVEPOST", "SOCIAL_", "CRON_", "PYTHON", "VIRTUAL_ENV")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return {**clean, **self.environment}

    def run(
        self, *command: str, status: int | None = 0, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of `musekit` to its end."""
        done = subprocess.run(
            [self.musekit, *command], env=self.settings(), cwd=self.folder, input=text,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, f"{command}: {done.stderr[-3000:]}"
        return done

    def json(self, *command: str, status: int | None = 0) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        return json.loads(self.run(*command, "--json", status=status).stdout)

    def start(self, *command: str, **environment: str) -> Process:
        """Start a command of `musekit` that stays."""
        name = f"{len(self.running)}-{command[0]}"
        log = self.folder / f"{name}.log"
        with log.open("w") as file:
            popen = subprocess.Popen(
                [self.musekit, *command], env={**self.settings(), **environment}, cwd=self.folder,
                stdout=subprocess.PIPE if "--json" in command else file, stderr=file, text=True,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        process = Process(popen, log, name)
        self.running.append(process)
        return process

    def serve(self, *options: str, **environment: str) -> Process:
        """Start the web process and wait until it answers."""
        process = self.start("serve", "--port", str(self.port), *options, **environment)

        def answers() -> bool:
            assert process.popen.poll() is None, process.said
            with contextlib.suppress(httpx.TransportError):
                return http.get(f"{self.url}/healthz").status_code == 200
            return False

        with httpx.Client() as http:
            wait_for(answers, 30, lambda: process.said, pause=0.05)
        return process

    def worker(self, **environment: str) -> Process:
        """Start a worker and wait until it works."""
        process = self.start("worker", **environment)

        def works() -> bool:
            assert process.popen.poll() is None, process.said
            return "worker started" in process.said

        wait_for(works, 30, lambda: process.said, pause=0.05)
        return process

    def stop(self) -> None:
        """Stop whatever still runs."""
        for process in reversed(self.running):
            process.stop()
        self.running.clear()

    def sign_up(self, email: str = "") -> Person:
        """Make a person over HTTP, with a browser session and a token for all they may do."""
        email = email or f"user-{uuid4().hex[:8]}@example.com"
        person = Person(self.url, email)
        person.done("POST", "/api/auth/sign-up", {"email": email, "password": PASSWORD})
        made = person.done("POST", "/api/auth/tokens", {"name": "suite", "scopes": ["*"]})
        person.token = made["token"]
        return person


class Person:
    """A user: `browser` holds the session's cookie, `api` sends the token."""

    def __init__(self, url: str, email: str, token: str = "") -> None:
        self.url, self.email, self.token = url, email, token
        self.browser = httpx.Client(
            base_url=url, timeout=60, headers={"Sec-Fetch-Site": "same-origin"}
        )
        self._api = httpx.Client(base_url=f"{url}/api/social", timeout=60)

    def sign_in(self) -> None:
        """Open a new browser session."""
        self.done("POST", "/api/auth/sign-in", {"email": self.email, "password": PASSWORD})

    def done(self, method: str, path: str, body: Any = None, *, status: int = 0) -> Any:
        """Send a request as the browser; return the JSON of its success."""
        return _read(self.browser.request(method, path, json=body), status)

    def api(self, method: str, path: str, body: Any = None, *, status: int = 0, **more: Any) -> Any:
        """Send a request with the token; return the JSON of its success (or of that status)."""
        bearer = {"Authorization": f"Bearer {self.token}"}
        return _read(self._api.request(method, path, json=body, headers=bearer, **more), status)

    def connect(self, platform: str, consent: Callable[[str], httpx.Response]) -> dict[str, Any]:
        """Connect by OAuth in the browser; `consent` gets the page's address, gives the answer."""
        begun = self.done("POST", "/api/social/connect", {"platform": platform})
        return self.come_back(consent(begun["authorize_url"]))

    def come_back(self, answer: httpx.Response) -> dict[str, Any]:
        """Follow the platform's way back to the application; return the account."""
        assert answer.status_code in (302, 303), answer.text
        account: dict[str, Any] = _read(self.browser.get(answer.headers["location"]))
        return account

    def schedule(self, platform: str, seconds: float = 2, **content: Any) -> dict[str, Any]:
        """Schedule a post so many seconds ahead; return it."""
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        body = {"platform": platform, "scheduled_at": at.isoformat(), **content}
        post: dict[str, Any] = self.api("POST", "/posts", body, status=201)
        assert post["status"] == "scheduled"
        return post

    def post(self, post: dict[str, Any] | str) -> dict[str, Any]:
        """Return a post as it is now."""
        found: dict[str, Any] = self.api(
            "GET", f"/posts/{post if isinstance(post, str) else post['id']}"
        )
        return found

    def until(self, post: dict[str, Any], status: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until a post has a status; return it then. Another final status fails at once."""

        def there() -> dict[str, Any] | None:
            now = self.post(post)
            assert now["status"] not in {"posted", "failed"} - {status}, json.dumps(now, indent=1)
            return now if now["status"] == status else None

        return wait_for(there, seconds, lambda: json.dumps(self.post(post), indent=1))


def _read(answer: httpx.Response, status: int = 0) -> Any:
    good = answer.status_code == status if status else answer.status_code < 300
    assert good, f"{answer.request.url}: {answer.status_code} {answer.text[:2000]}"
    return answer.json() if answer.content else None


def wait_for(
    what: Callable[[], Found | None],
    seconds: float = 20,
    said: Callable[[], str] = str,
    *,
    pause: float = 0.1,
) -> Found:
    """Ask until the answer is true; fail with what `said` says after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"it did not come within {seconds} s. {said()}"
        time.sleep(pause)
    return found


@contextlib.contextmanager
def deployed(
    folder: Path,
    *,
    postgres: str = "",
    redis: str = "",
    musekit: Path = WORKSPACE,
    migrated: bool = True,
    **environment: str,
) -> Iterator[Deployment]:
    """Provision a fresh database and settings; at the end stop what runs and drop the database.

    Args:
        postgres: URL of a superuser; empty: SQLite.
        redis: URL of a Redis for the queue; empty: SQLite's own file.
        migrated: by the plugins of the workspace; False leaves an empty database.
        environment: further settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    name = f"musekit_e2e_{uuid4().hex[:12]}"
    settings = {
        "MUSEKIT_MODE": "test",
        "MUSEKIT_DATA_DIR": str(data),
        "MUSEKIT_LOG_LEVEL": "INFO",
        "MUSEKIT_QUEUE_NAME": name,
    }
    if postgres:
        urls = databases.provision(postgres, name, migrated=migrated)
        settings |= {
            "MUSEKIT_DATABASE_URL": urls.database_url,
            "MUSEKIT_DATABASE_SYSTEM_URL": urls.system_url,
            "MUSEKIT_DATABASE_OWNER_URL": urls.owner_url,
        }
    elif migrated:
        urls = databases.provision_sqlite(data / "musekit.db")
    else:
        url = f"sqlite:///{data / 'musekit.db'}"
        urls = databases.DatabaseUrls(url, url, url)
    if redis:
        settings |= {"MUSEKIT_QUEUE_BACKEND": "redis", "MUSEKIT_REDIS_URL": redis}
    made = Deployment(musekit, folder, {**settings, **environment}, urls)
    made.environment.setdefault("MUSEKIT_PUBLIC_URL", made.url)
    try:
        yield made
    finally:
        made.stop()
        if postgres:
            databases.drop(postgres, name)
