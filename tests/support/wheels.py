"""The packages as wheels, and fresh environments to install them into: what users really get."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LOCK = REPOSITORY / "requirements" / "runtime.txt"
EXAMPLE = REPOSITORY / "tests" / "examples" / "passivepost-platform-example"
UV = Path(sys.executable).with_name("uv")
#: What a front end such as `python -m build` asks of a package's backend, without a process each.
BUILD = """
import importlib, os, sys, tomllib
for place in sys.argv[2:]:
    os.chdir(place)
    with open("pyproject.toml", "rb") as file:
        backend = tomllib.load(file)["build-system"]["build-backend"]
    importlib.import_module(backend).build_wheel(sys.argv[1])
"""


def run(*command: str | Path, cwd: Path = REPOSITORY) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command[:4]}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@dataclass(frozen=True)
class Wheels:
    """A folder of wheels, one per distribution."""

    folder: Path

    def path(self, dist: str) -> Path:
        """Return the wheel of a distribution."""
        (found,) = self.folder.glob(f"{dist.replace('-', '_')}-*.whl")
        return found

    def names(self) -> list[str]:
        """Return the distributions, sorted."""
        return sorted(each.name.split("-")[0].replace("_", "-") for each in self.folder.iterdir())

    def metadata(self, dist: str) -> Message:
        """Return the core metadata of a distribution's wheel."""
        with zipfile.ZipFile(self.path(dist)) as wheel:
            (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            return Parser().parsestr(wheel.read(name).decode())

    def sources(self, dist: str) -> dict[str, str]:
        """Return the Python files of a distribution's wheel: path → source."""
        with zipfile.ZipFile(self.path(dist)) as wheel:
            return {n: wheel.read(n).decode() for n in wheel.namelist() if n.endswith(".py")}


def sources() -> list[Path]:
    """Return the folder of every package of the workspace, and of the example."""
    return [*sorted(path.parent for path in REPOSITORY.glob("packages/*/pyproject.toml")), EXAMPLE]


def build(folder: Path, packages: Sequence[Path]) -> Wheels:
    """Build the wheels of packages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-c", BUILD, folder, *packages)
    return Wheels(folder)


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path
    wheels: Wheels
    base: Environment | None = None  #: with the same packages, compiled

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def musekit(self) -> Path:
        """Its `musekit` command."""
        return self.folder / "bin" / "musekit"

    @property
    def library(self) -> Path:
        """Its folder of installed packages."""
        return next(self.folder.glob("lib/python*/site-packages"))

    def install(self, *requirements: str) -> None:
        """Install packages of ours from their wheels; what they need must be here already."""
        self.pip("install", "--no-index", "--find-links", str(self.wheels.folder), *requirements)
        self.warm()

    def put(self, wheels: Wheels, *names: str) -> None:
        """Install packages of ours from these wheels, whatever version of them is here."""
        files = [str(wheels.path(name)) for name in names]
        self.pip("install", "--no-index", "--find-links", str(wheels.folder), *files)
        self.warm()

    def uninstall(self, *names: str) -> None:
        """Uninstall packages."""
        self.pip("uninstall", *names)

    def pip(self, verb: str, *arguments: str) -> None:
        """Run a verb of pip on this environment (by uv: the same in a tenth of the time)."""
        run(UV, "pip", verb, "--quiet", "--python", self.python, *arguments)

    def compile(self) -> None:
        """Compile what is installed, as pip does by itself and uv does not."""
        run(self.python, "-m", "compileall", "-q", "-j", "2", self.library)

    def warm(self) -> None:
        """Link what the base has compiled of the packages here. Python judges whether it fits."""
        for compiled in self.base.library.rglob("*.pyc") if self.base else ():
            target = self.library / compiled.relative_to(self.base.library)
            if target.parent.parent.is_dir() and not target.exists():
                target.parent.mkdir(exist_ok=True)
                os.link(compiled, target)

    def installed(self) -> set[str]:
        """Return the names of all distributions in it."""
        listed = run(UV, "pip", "freeze", "--python", self.python)
        return set(re.findall(r"^([\w.-]+)", listed, re.MULTILINE))


def fresh(
    folder: Path,
    wheels: Wheels,
    requirements: Sequence[str] = (),
    *,
    base: Environment | None = None,
) -> Environment:
    """Make an environment with the locked run-time dependencies and some packages of ours.

    Args:
        requirements: names of ours, such as ``musekit-core``.
        base: its dependencies are linked here, in place of installing and compiling them anew.
    """
    made = empty(folder, wheels, base=base)
    if base is None:
        made.pip("install", "--require-hashes", "-r", str(LOCK))
    else:
        ours = {name.replace("-", "_") for name in wheels.names()} | {"musekit"}

        def leave(_: str, names: list[str]) -> set[str]:
            return {name for name in names if name.partition("-")[0] in ours}

        shutil.copytree(
            base.library, made.library, copy_function=os.link, dirs_exist_ok=True, ignore=leave
        )
    if requirements:
        made.install(*requirements)
    return made


def empty(folder: Path, wheels: Wheels, *, base: Environment | None = None) -> Environment:
    """Make an environment with nothing in it."""
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    return Environment(folder, wheels, base)
