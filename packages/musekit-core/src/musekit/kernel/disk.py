"""What a process must be able to write, said before it finds out by a fault deep inside."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from musekit.errors import ConfigurationError
from musekit.kernel.crypto import keyfile
from musekit.kernel.settings import CoreSettings


def check(settings: CoreSettings, *, works: bool) -> None:
    """Refuse to start where something that is needed cannot be written.

    With PostgreSQL and `SOCIAL_ENCRYPTION_KEY` the web needs nothing. A worker needs its folder.

    Args:
        works: the process runs jobs and services. Services keep there what is done and what the
            database could not take yet, such as the answer of a network to a post. A web process
            that cannot write the queue's file only loses time: what is due is found by schedule.

    Raises:
        ConfigurationError: naming each thing, why it cannot be written, and what to set instead.
    """
    faults: dict[Path, list[str]] = {}
    reasons: dict[Path, str] = {}
    for folder, what in _needs(settings, works=works):
        if folder not in reasons:
            reasons[folder] = _why_not(folder)
        if reasons[folder]:
            faults.setdefault(folder, []).append(what)
    if not faults:
        return
    lines = [
        f"{folder} cannot be written ({reasons[folder]}). {what}"
        for folder, listed in faults.items()
        for what in listed
    ]
    raise ConfigurationError(
        "\n- ".join(["Nothing was started, for the disk does not allow it:", *lines])
        + "\nOr give this user the right to write there, or name another folder by"
        " MUSEKIT_DATA_DIR. Nothing is lost."
    )


def _needs(settings: CoreSettings, *, works: bool) -> Iterator[tuple[Path, str]]:
    """Yield each folder that must be writable, and what would make it needless."""
    data = Path(settings.data_dir)
    key = settings.social_encryption_key
    if not (key and key.get_secret_value().strip()) and not keyfile.path_of(data).exists():
        yield (
            data,
            (
                "The encryption keys would be made there: set SOCIAL_ENCRYPTION_KEY (`musekit keys"
                " generate` prints one)."
            ),
        )
    if not settings.is_postgres:
        named = make_url(settings.database_url).database if settings.database_url else None
        if named != ":memory:":
            folder = Path(named).parent if named else data
            yield folder, "The SQLite database is there: set MUSEKIT_DATABASE_URL to PostgreSQL."
    if works:
        yield (
            data,
            (
                "A worker keeps there what the database could not take yet: it needs a folder,"
                " be it /tmp/musekit."
            ),
        )


def _why_not(folder: Path) -> str:
    """Return why nothing can be written into a folder, which is made if need be; empty: it can.

    It is tried, for rights alone do not tell of disks that are full or mounted to be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"-")
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
