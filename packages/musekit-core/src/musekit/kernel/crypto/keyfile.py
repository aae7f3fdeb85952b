"""The key file of the embedded mode: ``<data-dir>/secrets/keys``, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from musekit.errors import ConfigurationError
from musekit.kernel.crypto.keys import Key, new_key, parse, write_down

_HEADER = (
    "# Keys that encrypt what this deployment keeps of social accounts, the newest first.\n"
    "# Back this file up, apart from the database: without it, accounts must be connected again.\n"
)


def path_of(data_dir: Path) -> Path:
    """Return where the keys of a data directory are kept."""
    return Path(data_dir) / "secrets" / "keys"


def read(data_dir: Path) -> tuple[Key, ...]:
    """Read the keys of a data directory.

    Raises:
        FileNotFoundError: there is no file yet; `ensure` makes one.
        ConfigurationError: others can read the file, or its keys are not usable.
    """
    path = path_of(data_dir)
    with path.open(encoding="ascii", errors="replace") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise ConfigurationError(
                f"{path} can be read by others on this machine. Run: chmod 600 {path}"
            )
        return parse(file.read(), source=str(path))


def ensure(data_dir: Path) -> tuple[Key, ...]:
    """Read the keys, making the file with one new key if there is none.

    Two processes that start at once end up with the same keys: the file appears whole or not at
    all, and whoever comes second reads the first one's.
    """
    with contextlib.suppress(FileNotFoundError):
        return read(data_dir)
    draft = _write_draft(path_of(data_dir), (new_key(),))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path_of(data_dir))
        _sync_folder(path_of(data_dir).parent)
    finally:
        draft.unlink()
    return read(data_dir)


def add(data_dir: Path) -> tuple[Key, ...]:
    """Put a new key in front of the others, as the first step of a rotation; return all."""
    keys = ensure(data_dir)
    return _replace(data_dir, (new_key(key.id for key in keys), *keys))


def keep_newest(data_dir: Path) -> tuple[Key, ...]:
    """Drop all keys but the newest, as the last step of a rotation that is complete."""
    return _replace(data_dir, read(data_dir)[:1])


def _replace(data_dir: Path, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    path = path_of(data_dir)
    _write_draft(path, keys).replace(path)
    _sync_folder(path.parent)
    return keys


def _write_draft(path: Path, keys: tuple[Key, ...]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".keys-{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(_HEADER + "".join(f"{write_down(key)}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
