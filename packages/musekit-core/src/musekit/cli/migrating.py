"""``musekit migrate``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musekit.cli.output import as_json, fail, say

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings


def migrate(
    plugin: Annotated[
        list[str] | None, typer.Option(help="Only this plugin and what it requires; repeatable.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; status 1 if migrations are due.")
    ] = False,
    bootstrap_roles: Annotated[
        str, typer.Option(metavar="ADMIN_URL", help="First make PostgreSQL's three logins.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the steps as JSON.")] = False,
) -> None:
    """Bring the database to what the installed plugins need. Safe to run at any time, and twice."""
    from musekit.kernel.settings import CoreSettings, load_section

    settings = load_section(CoreSettings, "musekit")
    if check:
        _check(settings, json)
        return
    if bootstrap_roles:
        from musekit.kernel.migrations.roles import bootstrap_roles as make

        make(settings, bootstrap_roles)
        say("The logins exist, with the rights that the application needs and no more.")
    steps: list[dict[str, Any]] = []

    from musekit.kernel.migrations.runner import Step
    from musekit.kernel.migrations.runner import migrate as run

    def told(step: Step) -> None:
        steps.append({"plugin": step.plugin, "revision": step.revision, "summary": step.summary})
        say(f"  {step.revision}  {step.summary}  ({step.seconds:.1f} s)")

    run(settings, plugin or None, told)
    if json:
        as_json(steps)
    elif not steps:
        sys.stdout.write("The database is up to date.\n")
    else:
        sys.stdout.write(f"{len(steps)} migrations applied. Restart what is running.\n")


def _check(settings: CoreSettings, json: bool) -> None:
    from musekit.kernel.migrations.state import ahead, pending, unreadable

    waiting, newer = pending(settings), {**ahead(settings), **unreadable()}
    if json:
        as_json({"pending": waiting, "faults": newer})
    else:
        for name, revisions in waiting.items():
            sys.stdout.write(f"{name}: {', '.join(revisions)}\n")
        for message in newer.values():
            sys.stdout.write(f"{message}\n")
    if waiting or newer:
        fail("Migrations are due." if waiting else "The database does not fit the code.")
