"""A real OpenID Connect provider on loopback: npm's oidc-provider, installed and run by the suite.

Whoever types a login is that person: ``ada`` has the address ada@example.org, ``ada@b.example``
that one; a login that begins with ``unverified`` has an address that is not verified. Each start
makes new keys, so one that ends and runs again on its port has changed them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
from tests.support import npm
from tests.support.npm import PeerMissingError

from musekit.testing.servers import free_port

PACKAGE = "oidc-provider@9.13.3"
RUNNER = Path(__file__).with_name("oidc.mjs")
#: Of the client that the provider knows. It has characters that Basic credentials must encode.
CLIENT_SECRET = secrets.token_urlsafe(24) + ":%/+ "
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_NAME, _VALUE = re.compile(r' name="([^"]+)"'), re.compile(r' value="([^"]*)"')
#: Pages and redirects from the address of the provider to the way back.
MOST_STEPS = 12

__all__ = ["Peer", "PeerMissingError", "User", "installed", "running"]


@dataclass(frozen=True)
class Peer:
    """A running provider, and the one client that it knows."""

    url: str
    client_id: str
    client_secret: str

    @property
    def netloc(self) -> str:
        """Its host and port, as for MUSEKIT_OUTBOUND_ALLOW."""
        return urlsplit(self.url).netloc


@dataclass
class User:
    """Somebody's browser at the provider, with the cookies that it has of it."""

    peer: Peer
    login: str
    browser: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    def agree(self, address: str) -> str:
        """Go to the address that we were sent to; sign in, consent, return where that leads back.

        The last address is not opened: it is for the browser that began.
        """
        return self._walk(address, agree=True)

    def cancel(self, address: str) -> str:
        """The same, but press “Cancel”."""
        return self._walk(address, agree=False)

    def _walk(self, address: str, *, agree: bool) -> str:
        answer = self.browser.get(address)
        for _ in range(MOST_STEPS):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if urlsplit(target).netloc != self.peer.netloc:
                    return target
                answer = self.browser.get(target)
                continue
            assert answer.status_code == 200, answer.text[-2000:]
            if not agree:
                (abort,) = re.findall(r'href="([^"]+/abort)"', answer.text)
                answer = self.browser.get(urljoin(str(answer.url), abort))
                continue
            action, body = _FORM.findall(answer.text)[0]
            form = _fields(body)
            form |= {"login": self.login, "password": "any"} if "login" in form else {}
            answer = self.browser.post(urljoin(str(answer.url), action), data=form)
        raise RuntimeError("the provider leads round in circles")


def _fields(form: str) -> dict[str, str]:
    found = {}
    for each in re.findall(r"<input[^>]*>", form):
        name, value = _NAME.search(each), _VALUE.search(each)
        if name:
            found[name[1]] = value[1] if value else ""
    return found


def installed() -> tuple[Path, Path]:
    """Return the folder of the provider's packages and the path of its Node; install at need.

    Raises:
        PeerMissingError: no npm, or the registry does not answer.
    """
    with npm.cache() as cache:
        binary, folder = npm.node(cache), cache / "oidc"
        folder.mkdir(exist_ok=True)
        if not (folder / "complete").exists():
            npm.install(folder, [PACKAGE], {})
            (folder / "complete").touch()
    return folder, binary


@contextlib.contextmanager
def running(
    redirect_uris: Sequence[str], port: int = 0, *, slow: Mapping[str, int] | None = None
) -> Iterator[Peer]:
    """Run a provider that sends browsers back to these addresses alone.

    Args:
        port: it listens on; 0 takes a free one.
        slow: paths that it answers late, and by how many milliseconds.
    """
    folder, node = installed()
    port = port or free_port()
    made = Peer(f"http://127.0.0.1:{port}", "musekit", CLIENT_SECRET)
    process = subprocess.Popen(
        [node, RUNNER],
        cwd=folder,
        env={
            **os.environ, "NODE_ENV": "test", "PORT": str(port), "CLIENT_ID": made.client_id,
            "CLIENT_SECRET": made.client_secret, "REDIRECT_URIS": json.dumps(list(redirect_uris)),
            "SLOW": json.dumps(dict(slow or {})),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _await(made.url, process)
        yield made
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the provider ended at start with status {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/.well-known/openid-configuration").status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("the provider did not answer within 60 s")
