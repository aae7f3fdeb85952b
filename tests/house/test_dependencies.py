"""Every package declares what it imports, and imports what it declares."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from tests.house.conftest import ROOT, parsed

PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
#: Our own, which editable installs do not tell of.
OURS = {child.name: folder.name for folder in PACKAGES for child in (folder / "src").iterdir()}
#: Declared though no source of the package imports them: loaded by name, with the reason.
LOADED_BY_NAME = {
    "psycopg": "SQLAlchemy's driver for PostgreSQL",
    "uvloop": "uvicorn's event loop",
    "httptools": "uvicorn's parser",
    "python-multipart": "Starlette's parser of forms",
    "email-validator": "pydantic's check of addresses",
    "opentelemetry-sdk": "of the extra otel, imported where traces are wanted",
    "opentelemetry-exporter-otlp-proto-http": "the same",
    "tzdata": "time zones where the system has none",
}
#: Imported by what is for tests only: whoever writes tests has it.
OF_TESTS = {"pytest", "hypothesis"}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    extras = [each for group in project.get("optional-dependencies", {}).values() for each in group]
    return (
        {normal(re.split(r"[\s\[<>=;~!]", each)[0]) for each in project["dependencies"]},
        {normal(re.split(r"[\s\[<>=;~!]", each)[0]) for each in extras},
    )


def imported(folder):
    """(module, path, optional) of each import from outside of the package."""
    own = {path.name for path in (folder / "src").iterdir()}
    for path in sorted((folder / "src").rglob("*.py")):
        if "templates" in path.parts:
            continue
        tree = parsed(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in {name.partition(".")[0] for name in names}:
                if name not in own and name not in sys.stdlib_module_names:
                    yield name, path, node in _for_types(tree)


def _for_types(tree):
    """Imports that only type checkers follow."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_declared_is_what_is_imported(folder):
    known = packages_distributions()
    needed, extras = declared(folder)
    used, faults = set(), []
    for name, path, types_only in imported(folder):
        dists = (
            {normal(OURS[name])}
            if name in OURS
            else {normal(dist) for dist in known.get(name, [name])}
        )
        used |= dists
        for_tests = "testing" in path.parts
        if dists & (needed | extras) or types_only or (for_tests and dists & OF_TESTS):
            continue
        faults.append(f"{path.relative_to(ROOT)} imports {name}, of {sorted(dists)}")
    assert not faults, f"declare it in {folder.name}/pyproject.toml: {sorted(set(faults))}"
    unused = (needed | extras) - used - LOADED_BY_NAME.keys()
    unused -= {normal(path.name) for path in PACKAGES}  # plugins, loaded by their entry points
    assert not unused, f"{folder.name} declares what it does not import: {sorted(unused)}"


def test_the_core_needs_no_product():
    needed, extras = declared(ROOT / "packages" / "musekit-core")
    assert not {name for name in needed | extras if name.startswith("passivepost")}
