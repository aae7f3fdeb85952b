"""The ``musekit`` command. Its modules import what they need inside functions, so help is quick.

Commands that repair an installation (``plugins``, ``doctor``) import no plugin into this process.
Plugins add commands by ``musekit_register_commands``; they are loaded only when one of them is
called.
"""

from __future__ import annotations

import sys

import typer

from musekit.cli import billing, describe, doctor, keys, migrating, new, plugins, running, users
from musekit.cli.output import fail

app = typer.Typer(
    name="musekit",
    help="Run and look after a MuseKit deployment.",
    epilog="Installed plugins add commands of their own: `musekit plugins commands` lists them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(running.up)
app.command()(running.serve)
app.command()(running.worker)
app.command()(migrating.migrate)
app.add_typer(plugins.app, name="plugins")
app.add_typer(doctor.app, name="doctor")
app.add_typer(users.app, name="users")
app.add_typer(billing.app, name="billing")
app.add_typer(keys.app, name="keys")
app.command()(describe.openapi)
app.add_typer(new.app, name="new")


@app.callback()
def _options(
    data_dir: str = typer.Option("", help="Folder of files; as MUSEKIT_DATA_DIR.", hidden=True),
) -> None:
    running.use_data_dir(data_dir)


def main() -> None:
    """Run the command line; a fault in the set-up is a message and status 1, not a trace."""
    from musekit.cli import extending

    try:
        extending.add_commands(app, sys.argv[1:])
        app()
    except Exception as error:
        if not _is_message(error):
            raise
        fail(str(error))


def _is_message(error: Exception) -> bool:
    """True for errors whose text is meant for the person; judged by name to import nothing."""
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    return bool(
        names
        & {
            "musekit.errors.ConfigurationError",
            "musekit.errors.MuseKitError",
            "musekit.kernel.migrations.errors.MigrationError",
            "musekit.kernel.migrations.errors.PurgeRefusedError",
            "musekit.kernel.crypto.keyring.DecryptionError",
        }
    )
