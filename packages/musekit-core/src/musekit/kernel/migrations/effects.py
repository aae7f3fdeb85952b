"""What a product wants done to rows of the core when one of its add-ons is purged.

See ``docs/decisions/0004-purge-without-code.md``. A product ships
``migrations/purge.toml`` beside its ``versions/``; `musekit migrate` copies it into the product's
row of ``musekit_plugins``, so that a purge needs neither the product's code nor the add-on's.

    [[purge]]
    plugin = "shop_carrier_*"             # the rest of the name is bound as :match
    [[purge.effect]]
    title = "parcels back to unsent"      # what it does to the rows counted
    count = "SELECT count(*) FROM parcels WHERE carrier = :match AND state = 'ready'"
    run = ["UPDATE parcels SET state = 'unsent' WHERE carrier = :match AND state = 'ready'"]
    refuse = "wait until no parcel is on its way"    # instead of run: no purge while count > 0

A statement is a string, or ``{sqlite = "…", postgresql = "…"}`` where the two differ.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from musekit.kernel.migrations.errors import MigrationError
from musekit.kernel.migrations.lineage import Lineage
from musekit.kernel.migrations.ownership import Record

FILE = "purge.toml"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One effect that applies to the plugin about to be purged."""

    product: str  #: the plugin that declared it
    title: str
    match: str  #: the part of the purged plugin's name that the star stood for
    count: str
    run: tuple[str, ...]
    refuse: str = ""

    def rows(self, connection: Connection) -> int:
        """Count the rows it is about."""
        return int(connection.scalar(text(self.count), {"match": self.match}) or 0)

    def apply(self, connection: Connection) -> None:
        """Run its statements. The caller commits."""
        for statement in self.run:
            connection.execute(text(statement), {"match": self.match})


def read_effects(lineage: Lineage) -> list[dict[str, Any]]:
    """Read a plugin's ``purge.toml``, as it is kept in ``musekit_plugins``; empty if it has none.

    Raises:
        MigrationError: the file is not usable.
    """
    path = lineage.directory / FILE if lineage.directory else None
    if path is None or not path.is_file():
        return []
    try:
        rules = tomllib.loads(path.read_text())["purge"]
        for rule in rules:
            if not rule["plugin"].startswith(f"{lineage.name}_") or not rule["plugin"].endswith(
                "*"
            ):
                raise ValueError(f"“{rule['plugin']}” must be {lineage.name}_…*")
            for effect in rule["effect"]:
                if not ({"title", "count"} <= effect.keys() and {"run", "refuse"} & effect.keys()):
                    raise ValueError("an effect has title, count, and run or refuse")
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise MigrationError(f"{path} cannot be used: {error}.", plugin=lineage.name) from error
    return [dict(rule) for rule in rules]


def effects_for(name: str, known: Mapping[str, Record], dialect: str) -> list[Effect]:
    """Return what recorded products want done when the plugin `name` is purged, in order."""
    found = []
    for record in known.values():
        for rule in record.owned.get("effects") or ():
            if record.name == name or not fnmatch.fnmatchcase(name, rule["plugin"]):
                continue
            match = name.removeprefix(rule["plugin"].rstrip("*"))
            for effect in rule["effect"]:
                found.append(
                    Effect(
                        product=record.name, title=effect["title"], match=match,
                        count=_of(dialect, effect["count"]), refuse=effect.get("refuse", ""),
                        run=tuple(_of(dialect, each) for each in effect.get("run", ())),
                    )
                )  # fmt: skip
    return found


def _of(dialect: str, statement: str | Mapping[str, str]) -> str:
    return statement if isinstance(statement, str) else statement[dialect]
