"""Hostile plugins, installed together: the host is up, each culprit is named, the rest works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from musekit.testing import databases

sys.path.insert(0, str(Path(__file__).parent))
import plugins as zoo

VISIT = Path(__file__).with_name("visit.py")
PATHS = ("/healthz", "/api/zoo/good", "/api/zoo/open", "/api/zoo/lifespan", "/sign-in")


class Place:
    """A folder of installed specimens, with a data directory and a migrated database."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site"
        self.site.mkdir()
        self.data = folder / "data"
        self.data.mkdir()
        databases.provision_sqlite(self.data / "musekit.db")
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(self.site),
            "MUSEKIT_DATA_DIR": str(self.data),
            "MUSEKIT_MODE": "test",
            "MUSEKIT_LOG_LEVEL": "ERROR",
            "MUSEKIT_PLUGIN_IMPORT_SECONDS": "4",
        }

    def install(self, *specimens: zoo.Specimen) -> None:
        for specimen in specimens:
            zoo.write(self.site, specimen)

    def run(self, *command: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command],
            env=self.environment, cwd=self.data, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, done.stderr
        return done

    def visit(self) -> SimpleNamespace:
        done = self.run(str(VISIT), *PATHS)
        return SimpleNamespace(**json.loads(done.stdout.splitlines()[-1]), log=done.stderr)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("zoo"))
    made.install(zoo.GOOD, *zoo.HOSTILE)
    return made


@pytest.fixture(scope="module")
def visited(place: Place) -> SimpleNamespace:
    return place.visit()


@pytest.fixture
def fresh(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("specimen", zoo.HOSTILE, ids=lambda each: each.name)
def test_a_culprit_is_held_and_named(visited: SimpleNamespace, specimen: zoo.Specimen) -> None:
    held = [
        each
        for each in visited.held
        if each["plugin"] == specimen.plugin and each["dist"] == specimen.distribution
    ]
    assert len(held) == 1, [(each["plugin"], each["phase"], each["error"]) for each in visited.held]
    assert (held[0]["phase"], held[0]["version"]) == (specimen.phase, specimen.version)
    for text in specimen.says:
        assert text in held[0]["error"]
    assert held[0]["advice"]
    assert specimen.plugin not in visited.active
    assert specimen.distribution in visited.log or specimen.plugin in visited.log


def test_the_host_and_the_others_work(visited: SimpleNamespace) -> None:
    expected = {"musekit", "passivepost", "passivepost_platform_sandbox", "zoo_good"}
    assert expected <= set(visited.active)
    assert visited.answers["/healthz"] == 200
    assert visited.answers["/api/zoo/good"] == 200
    assert visited.answers["/sign-in"] == 200
    assert len(visited.held) == len(zoo.HOSTILE)


def test_nothing_of_a_culprit_is_left(visited: SimpleNamespace) -> None:
    assert visited.answers["/api/zoo/open"] == 404
    assert visited.answers["/api/zoo/lifespan"] == 404
    assert "Zoo" in visited.navigation
    assert "Open" not in visited.navigation
    assert "zoo.read" in visited.permissions
    assert "zoo.half" not in visited.permissions


def test_what_metadata_and_files_condemn_is_never_imported(visited: SimpleNamespace) -> None:
    condemned = {
        each.name
        for each in zoo.HOSTILE
        if each.phase in ("discover", "requirements", "migrations")
        or each.name in ("zoo_hang", "zoo_os_exit", "zoo_segfault", "zoo_missing", "zoo_dependant")
    }
    assert not condemned & {name.partition(".")[0] for name in visited.imported}


def test_readiness_shows_what_is_held_and_stays_in_service(visited: SimpleNamespace) -> None:
    status, report = visited.ready
    assert status == 200
    assert report["status"] == "warn"
    assert report["held"]["zoo_hang"] == "import"
    assert "a_module_that_nobody_has" not in json.dumps(report)


def test_the_list_of_plugins_tells_the_same_without_importing(
    place: Place, visited: SimpleNamespace
) -> None:
    done = place.run("-X", "importtime", "-m", "musekit.cli", "plugins", "list", "--json")
    states = {row["dist"]: row["state"] for row in json.loads(done.stdout)}
    assert states["zoo-good"] == "enabled"
    assert states["zoo-hang"] == "held (import)"
    assert states["zoo-requirement"] == "fault"
    assert states["zoo-twin-a"] == states["zoo-twin-b"] == "fault"
    assert "zoo_good" not in done.stderr


def test_a_disabled_plugin_is_not_imported(fresh: Place) -> None:
    fresh.install(zoo.GOOD)
    fresh.run("-m", "musekit.cli", "plugins", "disable", "zoo_good")
    visited = fresh.visit()
    assert visited.disabled == ["zoo_good"]
    assert visited.answers["/api/zoo/good"] == 404
    assert visited.imported == []
    fresh.run("-m", "musekit.cli", "plugins", "enable", "zoo_good")
    assert fresh.visit().answers["/api/zoo/good"] == 200


def test_a_proven_plugin_that_comes_to_hang_stops_one_start_only(fresh: Place) -> None:
    """The code changes without a new version, as in an editable install."""
    fresh.install(zoo.GOOD)
    assert "zoo_good" in fresh.visit().active
    face = fresh.site / "zoo_good" / "plugin.py"
    face.write_text("import os; os._exit(5)")
    assert fresh.run(str(VISIT), status=None).returncode == 5
    visited = fresh.visit()
    held = {each["plugin"]: each for each in visited.held}["zoo_good"]
    assert "ended the whole process with status 5" in held["error"]
    assert visited.answers["/healthz"] == 200


def test_one_that_ends_only_the_host_is_given_up_after_two_starts(fresh: Place) -> None:
    """Alone it imports well, so the trial passes; in the host it ends the process."""
    face = "import os, sys\nif 'visit' in sys.argv[0]: os._exit(4)"
    fresh.install(zoo.Specimen(name="zoo_sly", code=face))
    statuses = [fresh.run(str(VISIT), status=None).returncode for _ in range(2)]
    assert statuses == [4, 4]
    held = {each["plugin"]: each for each in fresh.visit().held}["zoo_sly"]
    assert "repeatedly" in held["error"]
    fresh.run("-m", "musekit.cli", "plugins", "enable", "zoo_sly")
    assert fresh.run(str(VISIT), status=None).returncode == 4


def test_strict_mode_raises(fresh: Place) -> None:
    fresh.install(next(each for each in zoo.HOSTILE if each.name == "zoo_signature"))
    fresh.environment["MUSEKIT_STRICT_PLUGINS"] = "true"
    done = fresh.run(str(VISIT), status=1)
    assert "zoo_signature" in done.stderr
    assert "nonsense" in done.stderr


def test_a_platform_without_its_product_is_inactive(fresh: Place) -> None:
    fresh.run("-m", "musekit.cli", "plugins", "disable", "passivepost")
    visited = fresh.visit()
    held = {each["plugin"]: each for each in visited.held}
    for name in ("passivepost_platform_twitter", "passivepost_platform_sandbox"):
        assert held[name]["phase"] == "inactive"
        assert "needs passivepost" in held[name]["error"]
    assert "musekit" in visited.active
    assert not [name for name in visited.active if name.startswith("passivepost")]
    assert visited.ready[0] == 200


def test_a_schema_ahead_of_the_code_holds_the_plugin(fresh: Place) -> None:
    """Upgraded, migrated, then downgraded by pip: the database knows more than the files."""
    first = zoo.MIGRATION.format(name="zoo", revision="zoo_ahead_0001", table="zoo_ahead")
    second = first.replace("zoo_ahead_0001", "zoo_ahead_0002").replace(
        "down_revision = None", 'down_revision = "zoo_ahead_0001"'
    )
    second = second.replace('"zoo_ahead"', '"zoo_ahead_more"')
    files = {"0001.py": first, "0002.py": second}
    fresh.install(zoo.Specimen(name="zoo_ahead", code="", migrations=files), zoo.GOOD)
    fresh.run("-m", "musekit.cli", "migrate")
    assert "zoo_ahead" in fresh.visit().active
    (fresh.site / "zoo_ahead" / "migrations" / "versions" / "0002.py").unlink()
    visited = fresh.visit()
    held = {each["plugin"]: each for each in visited.held}["zoo_ahead"]
    assert held["phase"] == "migrations"
    assert "zoo_ahead_0002" in held["error"]
    assert visited.answers["/api/zoo/good"] == 200


def test_a_clashing_table_holds_the_plugin_and_harms_nobody(fresh: Place) -> None:
    code = zoo.MIGRATION.format(name="zoo", revision="zoo_thief_0001", table="social_posts")
    fresh.install(zoo.Specimen(name="zoo_thief", code="", migrations={"0001.py": code}), zoo.GOOD)
    done = fresh.run("-m", "musekit.cli", "migrate", status=1)
    assert "zoo_thief" in done.stderr
    assert "social_posts" in done.stderr
    assert "Traceback" not in done.stderr
    visited = fresh.visit()
    held = {each["plugin"]: each for each in visited.held}["zoo_thief"]
    assert held["phase"] == "migrations"
    assert visited.answers["/api/zoo/good"] == 200
    assert "passivepost" in visited.active
