"""``musekit users impersonations``."""

from __future__ import annotations

from typing import Annotated

import typer

from musekit.cli.options import Json
from musekit.cli.output import as_json, table


def impersonations(
    most: Annotated[int, typer.Option(help="How many of the last times.", min=1)] = 50,
    json: Json = False,
) -> None:
    """List when operators acted as a person, the newest first, with their reasons."""
    from musekit.api import Actor
    from musekit.auth.impersonation_log import latest
    from musekit.kernel.database.session import Database
    from musekit.kernel.serving import prepare

    database = Database(prepare())
    with database.session(Actor.system("command users impersonations"), readonly=True) as session:
        rows = [
            {"at": each.at.isoformat(), "operator": each.operator, "person": each.person,
             "minutes": each.minutes, "reason": each.reason}
            for each in latest(session, most)
        ]  # fmt: skip
    database.close()
    if json:
        as_json(rows)
    else:
        table(["at", "operator", "person", "minutes", "reason"], rows)
