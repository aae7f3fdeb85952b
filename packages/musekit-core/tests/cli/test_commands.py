"""The command line, as a person runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from musekit.testing import databases

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HEAVY = ("fastapi", "sqlalchemy", "alembic", "pydantic_settings", "passivepost", "huey")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(data_dir: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MUSEKIT_")}
    return kept | {"MUSEKIT_DATA_DIR": str(data_dir), "MUSEKIT_MODE": "test"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    def start(*words: str, python: tuple[str, ...] = (), status: int | None = 0, text: str = ""):
        done = subprocess.run(
            [sys.executable, *python, "-m", "musekit.cli", *words], input=text,
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done

    return start


@pytest.mark.parametrize("words", [("--help",), ("plugins", "list"), ("plugins", "--help")])
def test_light_commands_import_nothing_heavy(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words, python=("-X", "importtime"))
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()
    }
    assert "typer" in imported
    assert not imported & set(HEAVY)


def test_every_command_has_help(run: Run) -> None:
    listed = run("--help").stdout
    for name in (
        "up",
        "serve",
        "worker",
        "migrate",
        "plugins",
        "doctor",
        "users",
        "keys",
        "openapi",
        "new",
    ):
        assert f"  {name} " in listed
        assert len(run(name, "--help").stdout) > 60


@pytest.mark.workspace
def test_plugins_are_listed_shown_disabled_and_enabled(run: Run, data_dir: Path) -> None:
    rows = {row["name"]: row for row in json.loads(run("plugins", "list", "--json").stdout)}
    assert rows["musekit"]["state"] == "enabled"
    assert rows["passivepost"]["dist"] == "passivepost"
    shown = json.loads(run("plugins", "info", "passivepost", "--json").stdout)
    assert "passivepost_0001" in shown["migrations"]
    assert any(each.startswith("musekit-core") for each in shown["requires"])
    run("plugins", "disable", "passivepost")
    rows = {row["name"]: row for row in json.loads(run("plugins", "list", "--json").stdout)}
    assert rows["passivepost"]["state"] == "disabled"
    assert json.loads((data_dir / "plugins" / "disabled.json").read_text()) == ["passivepost"]
    run("plugins", "enable", "passivepost")
    assert "No plugin “nobody”" in run("plugins", "info", "nobody", status=1).stderr
    assert "No plugin “nobody”" in run("plugins", "disable", "nobody", status=1).stderr
    assert "cannot be disabled" in run("plugins", "disable", "musekit", status=1).stderr


@pytest.mark.workspace
def test_repairing_works_with_settings_that_nothing_else_takes(
    run: Run, environment: dict[str, str]
) -> None:
    environment["MUSEKIT_WORKER_THREADS"] = "many"
    run("plugins", "disable", "passivepost")
    run("plugins", "list")
    assert "MUSEKIT_WORKER_THREADS" in run("migrate", status=1).stderr


def test_migrate_says_what_it_did_and_is_repeatable(run: Run) -> None:
    assert run("migrate", "--check", status=1).stdout.startswith("musekit: musekit_0001")
    done = run("migrate")
    assert "  musekit_0001  " in done.stderr
    assert done.stdout.endswith(" migrations applied. Restart what is running.\n")
    assert json.loads(run("migrate", "--json").stdout) == []
    assert "up to date" in run("migrate").stdout
    run("migrate", "--check")


def test_doctor_says_what_to_do(run: Run, data_dir: Path) -> None:
    found = json.loads(run("doctor", "--json", status=1).stdout)
    start = next(each for each in found if each["name"] == "start")
    assert "musekit migrate" in start["detail"]
    databases.provision_sqlite(data_dir / "musekit.db")
    found = {each["name"]: each for each in json.loads(run("doctor", "--json").stdout)}
    assert found["database"]["status"] == "ok"
    assert found["data directory"]["status"] == "ok"
    keys = data_dir / "secrets" / "keys"
    found = {each["name"]: each for each in json.loads(run("doctor", "--json").stdout)}
    assert "Back this file up" in found["encryption keys"]["advice"]
    keys.chmod(0o644)
    found = {each["name"]: each for each in json.loads(run("doctor", "--json", status=1).stdout)}
    assert found["encryption keys"]["status"] == "fail"


def test_openapi_needs_no_database(run: Run, data_dir: Path) -> None:
    document = json.loads(run("openapi").stdout)
    assert "/api/auth/sign-in" in document["paths"]
    assert "Problem" in document["components"]["schemas"]
    assert not (data_dir / "musekit.db").exists()
    assert not (data_dir / "secrets").exists()


def test_users_are_made_listed_and_promoted(run: Run, data_dir: Path) -> None:
    databases.provision_sqlite(data_dir / "musekit.db")
    run(
        "users", "create", "ana@example.com", "--name", "Ana", text="correct horse battery staple\n"
    )
    run("users", "set-operator", "ana@example.com")
    rows = json.loads(run("users", "list", "--json").stdout)
    assert [(row["email"], row["operator"]) for row in rows] == [("ana@example.com", True)]
    again = run(
        "users", "create", "ana@example.com", status=1, text="correct horse battery staple\n"
    )
    assert again.stderr
    assert "Traceback" not in again.stderr
    assert "Traceback" not in run("users", "create", "b@example.com", status=1, text="abc\n").stderr
    assert "There is no user" in run("users", "set-operator", "nobody@example.com", status=1).stderr


def test_a_generated_key_is_one_the_ring_takes(run: Run, environment: dict[str, str]) -> None:
    first = run("keys", "generate").stdout.strip()
    environment["SOCIAL_ENCRYPTION_KEY"] = first
    second = run("keys", "generate").stdout.strip()
    from musekit.kernel.crypto.keys import parse

    assert len(parse(f"{second},{first}")) == 2


def test_keys_are_added_rotated_and_dropped(run: Run, data_dir: Path) -> None:
    databases.provision_sqlite(data_dir / "musekit.db")
    run("doctor")
    assert "Restart" in run("keys", "add").stdout or "restart" in run("keys", "add").stdout
    keys = data_dir / "secrets" / "keys"
    assert keys.read_text().count(":") >= 2
    assert json.loads(run("keys", "rotate", "--json").stdout)["failed"] == []
    run("keys", "drop-old")
    lines = [line for line in keys.read_text().splitlines() if line and line[0] != "#"]
    assert len(lines) == 1


def test_a_wrong_command_is_a_message(run: Run) -> None:
    done = run("no-such-command", status=2)
    assert "no-such-command" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_prints_json_first_serves_and_stops_cleanly(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment.pop("MUSEKIT_MODE")
    process = subprocess.Popen(
        [sys.executable, "-m", "musekit.cli", "up", "--demo", "--json", "--port", "0"],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert {"url", "email", "password", "api_token"} <= said.keys()
        with urllib.request.urlopen(f"{said['url']}/readyz", timeout=30) as answer:  # noqa: S310
            assert json.load(answer)["checks"]["database"] == "ok"
        peak = Path(f"/proc/{process.pid}/status")
        if peak.exists():
            line = next(each for each in peak.read_text().splitlines() if "VmHWM" in each)
            assert int(line.split()[1]) <= 200_000, line
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(40)
        assert time.monotonic() - begin < 15
        told = process.stderr.read() if process.stderr else ""
        assert "musekit_0001" in told
        assert "migrations applied" in told
        assert "Restart" not in told, "it starts everything itself"
        assert "Traceback" not in told
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_new_product_installs_and_passes_its_own_tests(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    run("new", "product", "acme-notes", "--label", "Acme Notes")
    assert "is there already" in run("new", "product", "acme-notes", status=1).stderr
    assert "is no name" in run("new", "product", "Acme Notes", status=1).stderr
    site, folder = tmp_path / "site", tmp_path / "acme-notes"
    install = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target")
    subprocess.run([sys.executable, *install, site, folder], check=True, timeout=120)
    kept = {key: value for key, value in os.environ.items() if key.startswith("MUSEKIT_TEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests"], cwd=folder, timeout=170, check=False,
        env={**environment, **kept, "PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_a_new_app_is_written(run: Run, tmp_path: Path) -> None:
    run("new", "app", "my-saas")
    assert "musekit-core>=0." in (tmp_path / "my-saas" / "requirements.txt").read_text()


def test_a_taken_port_is_said_at_once(run: Run) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port}" in run("up", "--port", str(port), status=1).stderr
