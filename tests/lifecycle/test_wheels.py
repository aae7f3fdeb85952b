"""Each package's wheel installs alone with what it declares, and imports nothing else."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tests.support import shared
from tests.support.wheels import REPOSITORY, Wheels, empty, run

pytestmark = pytest.mark.wheels

DISTS = sorted(path.parent.name for path in REPOSITORY.glob("packages/*/pyproject.toml"))
#: Test kits are imported by pytest, and by tests with the kits' own needs. A folder of a package.
KITS = re.compile(r"^(musekit|passivepost)/testing/")
#: Files that are written for others: templates of new packages, migrations run by the host.
SKIPPED = re.compile(r"/(templates|migrations/versions)/")

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
failed = {}
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    name = module.name
    if ".testing" in name or ".migrations." in name or name.endswith("__main__"):
        continue
    if name == "musekit.asgi":  # is the application, and wants its database
        continue
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
sys.exit("\\n".join(f"{name}: {error}" for name, error in failed.items()) or 0)
"""


def imports(source: str) -> Iterator[str]:
    """Yield the top-level packages a file imports when it runs: not for types, not tentatively."""

    def walk(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                yield from walk(child)
            return
        if isinstance(node, ast.Try) and any(
            re.search("ImportError|ModuleNotFoundError", ast.unparse(handler.type))
            for handler in node.handlers
            if handler.type
        ):
            return
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    yield from walk(ast.parse(source))


def declared(wheels: Wheels, dist: str) -> set[str]:
    """Return the names a distribution declares to need, extras included."""
    lines = wheels.metadata(dist).get_all("Requires-Dist") or []
    return {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in lines}


@pytest.mark.parametrize("dist", DISTS)
def test_it_declares_what_it_imports(wheels, dist):
    ours = {"musekit" if name == "musekit-core" else name.replace("-", "_"): name for name in DISTS}
    providers = {**packages_distributions(), **{key: [name] for key, name in ours.items()}}
    known = declared(wheels, dist) | {dist}
    missing: dict[str, set[str]] = {}
    for path, source in wheels.sources(dist).items():
        if KITS.search(path) or SKIPPED.search(path):
            continue
        for name in imports(source):
            offers = {re.sub(r"[-_.]+", "-", d).lower() for d in providers.get(name, [name])}
            if name not in sys.stdlib_module_names and not offers & known:
                missing.setdefault(name, set()).add(path)
    assert not missing, missing


@pytest.mark.parametrize("dist", DISTS)
def test_it_installs_alone_and_every_module_imports(wheels, everything, dist, tmp_path):
    """Resolved from what it declares, within the locked versions; nothing else is installed."""
    environment = empty(tmp_path / "venv", wheels, base=everything)
    constraints = tmp_path / "constraints.txt"
    lock = (REPOSITORY / "requirements" / "runtime.txt").read_text()
    constraints.write_text("\n".join(re.findall(r"^\S+==\S+", lock, re.MULTILINE)))
    environment.pip(
        "install", "--find-links", str(wheels.folder), "--constraint", str(constraints), dist
    )
    ours = {name for name in environment.installed() if name in DISTS}
    needs = declared(wheels, dist) - {
        Requirement(line).name
        for line in wheels.metadata(dist).get_all("Requires-Dist") or []
        if "extra ==" in line
    }
    assert ours == {dist} | (needs & set(DISTS)) | (
        {"musekit-core"} if "passivepost" in needs else set()
    )
    environment.warm()
    package = "musekit" if dist == "musekit-core" else dist.replace("-", "_")
    run(environment.python, "-c", IMPORT_ALL, package, cwd=tmp_path)


@pytest.mark.parametrize("dist", DISTS)
def test_it_ships_what_a_wheel_must(wheels, dist):
    metadata = wheels.metadata(dist)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Summary"]
    package = "musekit" if dist == "musekit-core" else dist.replace("-", "_")
    listed = run(sys.executable, "-m", "zipfile", "-l", wheels.path(dist))
    assert f"{package}/py.typed" in listed
    assert "licenses/LICENSE" in listed
    source = next(Path(REPOSITORY, "packages", dist, "src").iterdir())
    shipped = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and not shared.passing(path.relative_to(source))
    }
    assert not [path for path in shipped if path not in listed]
