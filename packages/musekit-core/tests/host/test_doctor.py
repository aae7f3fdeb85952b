"""`musekit doctor` finds each misconfiguration, says what to do about it, and cannot hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from musekit.cli import doctor_advice, examining
from musekit.kernel.database.session import Database
from musekit.kernel.health import Finding
from musekit.kernel.settings import CoreSettings

from .misconfigured import REFUSED, SYSTEM, WARNED, Case, Place, prepared, title

OTHERS = json.dumps([each.name for each in entry_points(group="musekit") if each.name != "musekit"])


def found(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Examine as doctor's child process does, with the core alone."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MUSEKIT_DISABLED_PLUGINS", OTHERS)
    return examining.examined()


def bad(findings: list[Finding], status: str) -> dict[str, Finding]:
    return {each.name: each for each in findings if each.status == status}


def test_a_sound_deployment_has_nothing_to_fear(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = found(place, monkeypatch)
    assert bad(findings, "fail") == {}
    assert bad(findings, "warn").keys() <= {"workers"}  # none runs in this test
    assert {each.name for each in findings} >= {"database", "queue"}


def explained(place: Place, monkeypatch: pytest.MonkeyPatch, case: Case, status: str) -> None:
    prepared(place, case)
    those = [
        each
        for each in found(place, monkeypatch)
        if (each.status, each.name) == (status, case.name)
    ]
    assert those
    assert all(each.detail and each.advice for each in those)
    text = " ".join(f"{each.detail} {each.advice}" for each in those)
    for words in case.says:
        assert words in text


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("case", [c for c in REFUSED if c.backend == "sqlite"], ids=title)
def test_what_is_refused_is_explained(
    place: Place, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    explained(place, monkeypatch, case, "fail")


@pytest.mark.parametrize("backend", ["postgres"])
@pytest.mark.parametrize("case", [c for c in REFUSED if c.backend == "postgres"], ids=title)
def test_what_is_refused_on_postgres_is_explained(
    place: Place, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    explained(place, monkeypatch, case, "fail")


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("case", WARNED, ids=title)
def test_what_is_warned_of_is_explained(
    place: Place, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    explained(place, monkeypatch, case, "warn")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_nobody_operates(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import update

    from musekit.auth.models import User

    database = Database(place.settings)
    with database.session(SYSTEM) as session:
        session.execute(update(User).values(disabled_at=datetime.now(UTC)))
    database.close()
    it = bad(found(place, monkeypatch), "warn")["no-operator"]
    assert "set-operator" in it.advice


@pytest.mark.parametrize("backend", ["postgres"])
def test_clocks_that_are_apart(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "clock-skew" not in bad(found(place, monkeypatch), "warn")
    for seconds in (-9, 9):
        monkeypatch.setattr(doctor_advice, "now", lambda by=seconds: time.time() + by)
        it = bad(found(place, monkeypatch), "warn")["clock-skew"]
        assert "9 s apart" in it.detail.replace("8 s", "9 s")
        assert "time server" in it.advice


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_is_wrong_is_found_although_more_is(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.environment |= {
        "MUSEKIT_CRON_SECRET": "kitten7", "MUSE_DEBUG_MODE": "1", "MUSEKIT_TRUSTED_HOSTS": '["*"]',
        "MUSEKIT_EMAIL_SMTP_PASSWORD": "changeme", "MUSEKIT_REDIS_URL": "redis://127.0.0.1:1/0",
        "MUSEKIT_WORKER_THREAD": "3",
    }  # fmt: skip
    findings = found(place, monkeypatch)
    assert bad(findings, "fail").keys() == {
        "short-secret", "debug-mode", "any-host", "placeholder-secret"
    }  # fmt: skip
    assert bad(findings, "warn").keys() >= {"redis-away", "unread-variable"}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_outside_of_production_it_says_what_would_be_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(each for each in REFUSED if each.name == "foreign-database")
    prepared(place, case)
    place.environment["MUSEKIT_MODE"] = "development"
    assert "foreign-database" in bad(found(place, monkeypatch), "warn")


def test_an_advisor_that_fails_hides_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(host: Any) -> Iterator[Any]:
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(doctor_advice, "ADVISORS", (broken, *doctor_advice.ADVISORS))
    place.environment["MUSEKIT_EMAIL_PROVIDER"] = "outbox"
    warned = bad(found(place, monkeypatch), "warn")
    assert "ZeroDivisionError" in warned["advisor"].detail
    assert "mail-stays-here" in warned


def test_every_finding_is_in_the_docs() -> None:
    page = Path(__file__).parents[4] / "docs" / "refusals.md"
    text = page.read_text(encoding="utf-8")
    names = {case.name for case in (*REFUSED, *WARNED)} | {"no-operator", "clock-skew", "start"}
    assert not [name for name in sorted(names) if f"`{name}`" not in text]


# --- as a person runs it: a process with a child ---


def doctor(place: Place, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-m", "musekit.cli", "doctor", *words],
        env=kept | place.environment | {"MUSEKIT_DISABLED_PLUGINS": OTHERS, "PYTHONPATH": path},
        cwd=place.settings.data_dir, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
def test_it_is_printed_for_people_and_for_programs(place: Place) -> None:
    place.environment["MUSEKIT_TRUSTED_HOSTS"] = '["*"]'
    place.environment["MUSEKIT_EMAIL_PROVIDER"] = "outbox"
    done = doctor(place)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("FAIL  any-host"))
    assert "→ Name the hosts" in lines[at + 1]
    assert any(line.startswith("WARN  mail-stays-here") for line in lines)
    assert lines.index(lines[at]) < next(
        n for n, line in enumerate(lines) if line.startswith("ok")
    )  # the worst first
    findings = {each["name"]: each for each in json.loads(doctor(place, "--json").stdout)}
    assert findings["any-host"]["status"] == "fail"
    assert findings["any-host"]["advice"].startswith("Name the hosts")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_checks_that_hang_are_ended(place: Place, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif 'musekit.cli.examining' in sys.orig_argv: time.sleep(100)\n"
    )
    done = doctor(place, "--json", "--seconds", "2", path=str(tmp_path))
    assert done.returncode == 1
    it = next(each for each in json.loads(done.stdout) if each["name"] == "checks")
    assert "did not end within 2 s" in it["detail"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_checks_that_die_are_a_finding(place: Place, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'musekit.cli.examining' in sys.orig_argv: os._exit(7)\n"
    )
    done = doctor(place, "--json", path=str(tmp_path))
    it = next(each for each in json.loads(done.stdout) if each["name"] == "checks")
    assert "ended with status 7" in it["detail"]


def test_pending_migrations_are_explained(
    settings: CoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = Place(settings, {"MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(tmp_path)}, str)
    [it] = bad(found(bare, monkeypatch), "fail").values()
    assert it.name == "start"
    assert "musekit migrate" in it.detail
