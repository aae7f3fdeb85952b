"""`musekit new platform`: what it writes works, is short, and is what the tutorial shows."""

import filecmp
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from passivepost.scaffold.writing import FILES, ScaffoldError, write_platform

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "tests" / "examples" / "passivepost-platform-example"
TUTORIAL = ROOT / "docs" / "platforms.md"


def run_tests(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "src", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_writes_a_package_whose_tests_pass(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "musekit.cli", "new", "platform", "my_net", "--folder", tmp_path],
        env={**os.environ, "MUSEKIT_DATA_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "passivepost-platform-my-net"
    assert str(folder) in done.stdout
    tested = run_tests(folder)
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"\b\d\d passed", tested.stdout)


def test_the_example_is_what_the_command_writes_and_is_short(tmp_path):
    written = write_platform("example", tmp_path)
    assert sum(len(path.read_text().splitlines()) for path in written) < 150
    for path in written:
        kept = EXAMPLE / path.relative_to(tmp_path / EXAMPLE.name)
        assert filecmp.cmp(path, kept, shallow=False), f"{kept} differs from its template"
    assert len(written) == len(FILES)


def test_the_tutorial_shows_the_example(tmp_path):
    text = TUTORIAL.read_text()
    for name in ("client.py", "platform.py", "plugin.py", "settings.py"):
        code = (EXAMPLE / "src" / "passivepost_platform_example" / name).read_text()
        assert code in text, f"docs/platforms.md does not show {name} as the command writes it"
    assert (EXAMPLE / "tests" / "test_platform.py").read_text() in text


@pytest.mark.parametrize("name", ["My", "1x", "a-b", "a/b", "", "x" * 40, "../x"])
def test_bad_names_are_refused(tmp_path, name):
    with pytest.raises(ScaffoldError, match="Nothing was written"):
        write_platform(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path):
    write_platform("mine", tmp_path)
    with pytest.raises(ScaffoldError, match="is there already"):
        write_platform("mine", tmp_path)


def test_a_label_cannot_break_out_of_its_string(tmp_path):
    write_platform("mine", tmp_path, label='A"; import os; "')
    compile((tmp_path / "passivepost-platform-mine/src/passivepost_platform_mine/platform.py")
            .read_text(), "platform.py", "exec")  # fmt: skip
