"""What the tests of the house look at: the tracked files, and the packages' sources."""

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@cache
def tracked():
    """Tracked files that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@cache
def parsed(path):
    """The syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.fixture(scope="session")
def sources():
    """Python files of the packages, tests apart."""
    found = sorted(ROOT.glob("packages/*/src/**/*.py"))
    assert len(found) > 100
    return found
