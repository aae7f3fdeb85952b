"""``musekit keys``: the key ring that encrypts stored tokens."""

from __future__ import annotations

import sys

import typer

from musekit.cli.options import Json
from musekit.cli.output import as_json, fail

app = typer.Typer(
    help="Make and rotate encryption keys.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def generate() -> None:
    """Print a new key; put it before the others in SOCIAL_ENCRYPTION_KEY, then `keys rotate`."""
    from musekit.errors import ConfigurationError
    from musekit.kernel.crypto.keys import new_key, parse, write_down
    from musekit.kernel.settings import CoreSettings, load_section

    ring = load_section(CoreSettings, "musekit").social_encryption_key
    try:
        taken = [key.id for key in parse(ring.get_secret_value())] if ring else []
    except ConfigurationError:  # what stands there is no key; this is how to get one
        taken = []
    sys.stdout.write(write_down(new_key(taken)) + "\n")


@app.command()
def add() -> None:
    """Put a new key in front of those in the key file (where SOCIAL_ENCRYPTION_KEY is not used)."""
    from musekit.kernel.crypto import keyfile
    from musekit.kernel.settings import CoreSettings, load_section

    settings = load_section(CoreSettings, "musekit")
    if settings.social_encryption_key is not None:
        fail("The keys come from SOCIAL_ENCRYPTION_KEY: put the one of `keys generate` in front.")
    ring = keyfile.add(settings.data_dir)
    sys.stdout.write(
        f"New key {ring[0].id} in {keyfile.path_of(settings.data_dir)}. Back the file up, restart"
        " every process, then run `musekit keys rotate`.\n"
    )


@app.command()
def rotate(json: Json = False) -> None:
    """Write every stored token again under the newest key. All goes on running meanwhile."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    from musekit.kernel.build import open_host
    from musekit.kernel.crypto.rotation import Progress
    from musekit.kernel.crypto.rotation import rotate as run

    with open_host() as host, Bar(console=Console(stderr=True), disable=json) as bar:
        line = bar.add_task("Rotating", total=None)

        def told(state: Progress) -> None:
            bar.update(line, total=state.total, completed=state.done)

        done = run(host.database, host.keyring, progress=told)
        newest = host.keyring.newest
    if json:
        as_json({"key": newest, "rewritten": done.rewritten, "failed": done.failed})
    else:
        sys.stdout.write(f"{done.rewritten} tokens are now under key {newest}.\n")
    if done.failed:
        fail("These could not be opened and were left as they are; keep the old keys:\n"
             + "\n".join(done.failed))  # fmt: skip
    if not json:
        sys.stdout.write("Older keys are no longer needed: `musekit keys drop-old`.\n")


@app.command("drop-old")
def drop_old() -> None:
    """Take all keys but the newest out of the key file; refused while a token needs one."""
    from musekit.kernel.build import open_host
    from musekit.kernel.crypto import keyfile
    from musekit.kernel.crypto.rotation import remaining

    with open_host() as host:
        left = {
            name: count for name, count in remaining(host.database, host.keyring).items() if count
        }
        settings = host.settings
    if left:
        listed = ", ".join(f"{count} of {name}" for name, count in left.items())
        fail(f"Tokens under older keys: {listed}. Run `musekit keys rotate` first.")
    if settings.social_encryption_key is not None:
        sys.stdout.write("Nothing needs an older key: take them out of SOCIAL_ENCRYPTION_KEY.\n")
        return
    kept = keyfile.keep_newest(settings.data_dir)
    sys.stdout.write(f"Only key {kept[0].id} is left. Restart every process.\n")
