"""Identity providers as tests see them: started, asked by a browser, stopped.

Two, for one proves too little: pysaml2's own, which shares code with what verifies here, and npm's
samlp, which shares none.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
from tests.support import npm
from tests.support.npm import PeerMissingError
from tests.support.saml.messages import new_key

from musekit.testing.servers import free_port

ROOT = Path(__file__).parents[3]
SAMLP = "samlp@8.0.0"
_FORM = re.compile(r'<form[^>]*action="([^"]+)"', re.DOTALL)
_INPUT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')

__all__ = ["Peer", "PeerMissingError", "pysaml2", "samlp"]


@dataclass(frozen=True)
class Peer:
    """A running provider."""

    url: str

    @property
    def metadata(self) -> str:
        """What an admin enters of it."""
        return httpx.get(f"{self.url}/metadata").text

    def sign_in(self, address: str, login: str) -> tuple[str, dict[str, str]]:
        """Go to the address that we were sent to, as a person with a login.

        Returns:
            The form that the provider makes the browser send: where to, and its fields.
        """
        return self._through(address, {"login": login})

    def cancel(self, address: str) -> tuple[str, dict[str, str]]:
        """The same, but press “Cancel”."""
        return self._through(address, {"no": "1", "login": ""})

    def _through(self, address: str, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        with httpx.Client(timeout=20) as browser:
            shown = browser.get(address)
            assert shown.status_code == 200, shown.text
            answer = browser.post(
                urljoin(self.url, _FORM.findall(shown.text)[0]), data=_hidden(shown.text) | given
            )
        assert answer.status_code == 200, answer.text
        return html.unescape(_FORM.findall(answer.text)[0]), _hidden(answer.text)


def _hidden(page: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in _INPUT.findall(page)}


@contextlib.contextmanager
def pysaml2(folder: Path, *, both: bool = False) -> Iterator[Peer]:
    """Run pysaml2's provider; its key lies in the folder.

    Args:
        both: it signs responses, too.
    """
    port = free_port()
    command = [sys.executable, "-m", "tests.support.saml.idp", str(port), str(folder)]
    with _running([*command, *(["--both"] if both else [])], ROOT, folder, {}):
        yield Peer(f"http://localhost:{port}")


@contextlib.contextmanager
def samlp(folder: Path, *, both: bool = False) -> Iterator[Peer]:
    """Run npm's samlp; installed once per machine.

    Raises:
        PeerMissingError: no npm, or the registry does not answer.
    """
    with npm.cache() as cache:
        node, packages = npm.node(cache), cache / "samlp"
        packages.mkdir(exist_ok=True)
        if not (packages / "complete").exists():
            npm.install(packages, [SAMLP], {})
            (packages / "complete").touch()
    key, port = new_key("localhost"), free_port()
    (folder / "key.pem").write_text(key.private)
    (folder / "certificate.pem").write_text(key.certificate)
    environment = {
        "PORT": str(port), "KEY": str(folder / "key.pem"),
        "CERTIFICATE": str(folder / "certificate.pem"), "SIGN_RESPONSE": "1" if both else "",
    }  # fmt: skip
    runner = Path(__file__).with_name("samlp.mjs")
    with _running([str(node), str(runner)], packages, folder, environment):
        yield Peer(f"http://localhost:{port}")


@contextlib.contextmanager
def _running(
    command: Sequence[str], place: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[None]:
    log = folder / "idp.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            command, cwd=place, stdout=subprocess.PIPE, stderr=said, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "ready\n", log.read_text()[-3000:]
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
