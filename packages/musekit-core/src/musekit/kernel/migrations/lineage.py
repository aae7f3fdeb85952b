"""The migration lineages of installed plugins, read from files. No plugin is imported here.

A lineage is ``<top package>/migrations/versions/*.py`` of a distribution with an entry point in
the group ``musekit``. Its revisions are ``<entry point>_0001``, ``…_0002`` and so on, one line
without branches; they refer to no other lineage: a requirement between distributions is the order.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import importlib_metadata

from musekit.kernel.discovery import CORE, Found, canonical, installed
from musekit.kernel.migrations.errors import MigrationError
from musekit.kernel.requirements import needs

#: Where migrations and what goes with them lie inside a plugin's package.
FOLDER = "migrations"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One file of a lineage."""

    id: str
    down: str | None
    path: Path
    summary: str  #: first line of its docstring


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What one plugin has to migrate.

    `revisions` are in order, the oldest first; empty when the plugin keeps nothing in the
    database. `needs` names the plugins whose lineages go first.
    """

    name: str
    dist: str
    version: str
    directory: Path | None
    revisions: tuple[Revision, ...] = ()
    needs: tuple[str, ...] = ()
    fault: str = ""  #: why it cannot be run, empty if it can

    @property
    def head(self) -> str | None:
        """The newest revision, None if there is none."""
        return self.revisions[-1].id if self.revisions else None

    @property
    def version_table(self) -> str:
        """The table that says how far this lineage has come."""
        return version_table(self.name)

    def after(self, current: str | None) -> tuple[Revision, ...]:
        """Return the revisions behind `current`. Raises KeyError if the files do not have it."""
        if current is None:
            return self.revisions
        ids = [revision.id for revision in self.revisions]
        if current not in ids:
            raise KeyError(current)
        return self.revisions[ids.index(current) + 1 :]


def version_table(name: str) -> str:
    """Return the name of a plugin's version table."""
    return f"alembic_version_{name}"


def discover() -> list[Lineage]:
    """Return the lineage of every installed plugin, the core's first, then by requirement.

    Lineages that cannot be run are included, with a `Lineage.fault`.
    """
    found = installed()
    names = {canonical(each.dist): each.name for each in found}
    return _ordered([_read(each, needs(each, names)) for each in found])


def lineages(plugins: Sequence[str] | None = None) -> list[Lineage]:
    """Return lineages that can be run, in the order to run them.

    Args:
        plugins: limits them to these, to the core, and to what these require.

    Raises:
        MigrationError: a lineage asked for cannot be run, or is not installed.
    """
    every = selected(plugins)
    faulty = [each for each in every if each.fault]
    if faulty:
        message = "\n".join(dict.fromkeys(each.fault for each in faulty))
        raise MigrationError(message, plugin=faulty[0].name)
    return every


def selected(plugins: Sequence[str] | None = None, *, skip: Container[str] = ()) -> list[Lineage]:
    """Return what `lineages` does, those that cannot be run included.

    Args:
        skip: plugins left out unless asked for by name or required by another.
    """
    every = discover()
    if plugins is None:
        plugins = [each.name for each in every if each.name not in skip]
    known = {each.name: each for each in every}
    wanted: set[str] = set()
    queue = [CORE, *plugins]
    while queue:
        name = queue.pop()
        if name not in known:
            raise MigrationError(
                f"No plugin “{name}” is installed here. `musekit plugins list` shows which are.",
                plugin=name,
            )
        if name not in wanted:
            wanted.add(name)
            queue.extend(known[name].needs)
    return [each for each in every if each.name in wanted]


def _ordered(every: list[Lineage]) -> list[Lineage]:
    """Sort so that each comes behind what it needs; by name where that leaves a choice."""
    done: list[Lineage] = []
    names = {each.name for each in every}
    rest = sorted(every, key=lambda each: (each.name != CORE, each.name, each.dist))
    while rest:
        placed = {each.name for each in done}
        ready = next(
            (each for each in rest if not (set(each.needs) & names) - placed),
            rest[0],  # distributions that require each other: any order is as good
        )
        rest.remove(ready)
        done.append(ready)
    return done


def _read(plugin: Found, required: Iterable[str]) -> Lineage:
    directory, fault = None, plugin.fault
    revisions: tuple[Revision, ...] = ()
    if not fault and len(version_table(plugin.name)) > 63:
        fault = "its name is longer than 47 characters, and PostgreSQL cuts names off at 63"
    if not fault:
        try:
            directory = migrations_dir(plugin.module, plugin.dist)
            if directory is not None:
                revisions = _line(plugin.name, read_revisions(directory / "versions"))
        except MigrationError as error:
            fault = str(error)
    else:
        fault = f"Plugin “{plugin.name}” cannot be migrated: {fault}."
    order = tuple(each for each in required if each != plugin.name)
    return Lineage(
        name=plugin.name, dist=plugin.dist, version=plugin.version, directory=directory,
        revisions=revisions, fault=fault,
        needs=order if plugin.name == CORE else tuple(dict.fromkeys((CORE, *order))),
    )  # fmt: skip


def migrations_dir(module: str, dist: str) -> Path | None:
    """Return the folder ``migrations`` of a plugin's top package, None if there is none.

    The package is located, not imported: a spec of a top-level name runs no code of it. Where no
    finder knows it, the distribution's list of files is asked.
    """
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module without a spec
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / FOLDER
        if folder.is_dir():
            return folder
    if spec is None:
        prefix = (top, FOLDER)
        for file in importlib_metadata.files(dist) or ():
            if file.parts[:2] == prefix:
                folder = Path(str(file.locate())).parents[len(file.parts) - 3]
                return folder if folder.is_dir() else None
    return None


def read_revisions(versions: Path) -> list[Revision]:
    """Read the revision files of a folder, in no order. Nothing is executed.

    Raises:
        MigrationError: a file is not Python, or names no revision.
    """
    found = []
    for path in sorted(versions.glob("*.py")):
        if path.name.startswith(("_", ".")):
            continue
        try:
            values, docstring = _read_file(path, path.stat().st_mtime_ns)
        except (SyntaxError, ValueError, OSError) as error:
            raise MigrationError(f"Migration {path} cannot be read: {error}.") from error
        name = values.get("revision")
        if not isinstance(name, str):
            raise MigrationError(f'Migration {path} has no line `revision = "…"`.')
        if values.get("depends_on") or values.get("branch_labels"):
            raise MigrationError(
                f"Migration {path} sets depends_on or branch_labels. Lineages are independent: "
                "require the other distribution instead."
            )
        down = values.get("down_revision")
        if not isinstance(down, str | None):
            raise MigrationError(f"Migration {path} joins branches; a lineage is one line.")
        summary = (docstring or path.stem).splitlines()[0]
        found.append(Revision(id=name, down=down, path=path, summary=summary))
    return found


@functools.lru_cache(maxsize=512)
def _read_file(path: Path, changed: int) -> tuple[dict[str, object], str | None]:
    """Return what a file assigns and its docstring. Starting asks for the lineages repeatedly.

    Args:
        changed: when the file was, in nanoseconds; a file that has changed is read anew.
    """
    tree = ast.parse(path.read_bytes())
    return _assigned(tree), ast.get_docstring(tree)


def _assigned(tree: ast.Module) -> dict[str, object]:
    """Return the module-level names that are given a literal."""
    values: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    values[target.id] = ast.literal_eval(value)
                except ValueError:
                    values[target.id] = None
    return values


def _line(name: str, found: list[Revision]) -> tuple[Revision, ...]:
    """Put revisions in order. Raises `MigrationError` unless they form one line."""
    pattern = re.compile(rf"{re.escape(name)}_\d{{4}}")
    for revision in found:
        if not pattern.fullmatch(revision.id):
            raise MigrationError(
                f"Migration {revision.path} has the id “{revision.id}”; ids of plugin “{name}” "
                f"are {name}_0001, {name}_0002 and so on.",
                plugin=name,
            )
    by_down = {revision.down: revision for revision in found}
    line: list[Revision] = []
    while (follower := by_down.get(line[-1].id if line else None)) and len(line) < len(found):
        line.append(follower)
    if len(line) != len(found):
        loose = ", ".join(sorted({each.id for each in found} - {each.id for each in line}))
        raise MigrationError(
            f"The migrations of plugin “{name}” do not form one line: {loose or 'a loop'} "
            "cannot be reached from the first. Each names the one before as its down_revision.",
            plugin=name,
        )
    return tuple(line)
