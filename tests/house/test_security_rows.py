"""What `tests/security.md` names exists, and no rule that has to be tested is missing there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = {
    "CORE": "packages/musekit-core/tests", "SAML": "packages/musekit-auth-saml/tests",
    "POST": "packages/passivepost/tests",
}  # fmt: skip
#: Rules of the checklist for which there is something to test.
NEEDED = (*range(12, 20), *range(22, 25), *range(29, 37), 39, 40)


def rows() -> dict[str, list[str]]:
    """Return the tests of each row."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "tests" / "security.md").read_text().splitlines():
        if not re.match(r"\| D\d", line):
            continue
        names, _, tests = (cell.strip() for cell in line.strip("| ").split(" | "))
        for name in names.split(", "):
            assert name not in found, f"{name} stands there twice"
            found[name] = re.findall(r"`([^`]+)`", tests)
    return found


def fault(named: str) -> str | None:
    """Return what is wrong with a test that is named; None if it is there."""
    path, _, name = named.partition("::")
    first, _, rest = path.partition("/")
    file = ROOT / (f"{SHORT[first]}/{rest}" if first in SHORT else path)
    if not file.is_file():
        return f"{named}: there is no such file"
    defined = set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    if not defined:
        return f"{named}: there is no test in it"
    return f"{named}: there is no such test" if name and name not in defined else None


@pytest.mark.parametrize("number", NEEDED)
def test_each_rule_is_tested(number: int) -> None:
    assert rows().get(f"D{number}"), f"D{number} has no tests in tests/security.md"


def test_what_is_named_exists() -> None:
    faults = [found for tests in rows().values() for each in tests if (found := fault(each))]
    assert not faults, "\n".join(faults)


def test_the_judge_notices() -> None:
    assert fault("tests/nothing.py")
    assert fault("CORE/auth/test_links.py::test_nothing")
    assert fault("tests/isolation/world.py")
    assert fault("CORE/auth/test_links.py") is None
