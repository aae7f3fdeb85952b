"""A disk that cannot be written: processes say so and end, or need none."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.deployment import WORKSPACE, Deployment, deployed

from musekit.errors import ConfigurationError
from musekit.kernel import disk
from musekit.kernel.settings import CoreSettings

KEY = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which this test may not write: even root may not below /proc."""
    if os.getuid() == 0:
        yield Path("/proc/sys/kernel/musekit")
        return
    made = tmp_path / "closed"
    made.mkdir(mode=0o555)
    yield made
    made.chmod(0o755)


def test_what_is_needed_is_named_with_what_to_set(folder: Path) -> None:
    def said(works: bool = True, **more: object) -> str:
        settings = CoreSettings(mode="test", data_dir=folder, **more)  # type: ignore[arg-type]
        try:
            disk.check(settings, works=works)
        except ConfigurationError as error:
            return str(error)
        return ""

    everything = said()
    for name in ("SOCIAL_ENCRYPTION_KEY", "MUSEKIT_DATABASE_URL", "MUSEKIT_DATA_DIR", str(folder)):
        assert name in everything
    hosted = {
        "database_url": "postgresql://a@db/x", "social_encryption_key": SecretStr(KEY),
    }  # fmt: skip
    assert "SOCIAL_ENCRYPTION_KEY" not in said(**hosted)
    assert "A worker keeps there" in said(**hosted)
    assert said(works=False, **hosted) == ""


@pytest.mark.parametrize("command", [("worker",), ("serve", "--port", "0"), ("up", "--port", "0")])
def test_a_process_ends_with_a_message_and_no_trace(
    folder: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MUSEKIT", "SOCIAL_"))}
    done = subprocess.run(
        [WORKSPACE, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False, env={**clean, "MUSEKIT_DATA_DIR": str(folder), "MUSEKIT_MODE": "test"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "MUSEKIT_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.fixture
def hosted(tmp_path: Path, postgres_admin_url: str, folder: Path) -> Iterator[Deployment]:
    with deployed(
        tmp_path, postgres=postgres_admin_url, MUSEKIT_QUEUE_BACKEND="postgres",
        SOCIAL_ENCRYPTION_KEY=KEY,
    ) as made:  # fmt: skip
        made.environment["MUSEKIT_DATA_DIR"] = str(folder)
        yield made


def test_with_services_the_web_needs_no_disk_and_a_worker_says_what_it_needs(
    hosted: Deployment, folder: Path
) -> None:
    web = hosted.serve()
    person = hosted.sign_up()
    assert person.email in str(person.done("GET", "/api/auth/me"))
    assert "Traceback" not in web.said
    refused = hosted.run("worker", status=1)
    assert "A worker keeps there" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not folder.is_dir() or not list(folder.iterdir())
