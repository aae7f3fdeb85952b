"""The accounts of the network: a few samples, and whoever a test asks for."""

from __future__ import annotations

import hashlib
import re
import sqlite3

from passivepost_platform_sandbox.network.errors import Refused

#: People everybody finds here, as (username, display name, colour). Plainly samples.
SAMPLES = (
    ("juniper", "Juniper Bakery (sample)", "#2f6f4f"),
    ("marlow", "Marlow Cycles (sample)", "#8a4b2a"),
    ("harbor", "Harbor Yoga (sample)", "#3b5b92"),
)
USERNAME = re.compile(r"[a-z0-9_.-]{1,60}")


def ensure(db: sqlite3.Connection, username: str) -> sqlite3.Row:
    """Return an account, made if it is new.

    Raises:
        Refused: the name is not one: lower-case letters, digits, ``_.-``, at most 60.
    """
    row = db.execute("SELECT * FROM accounts WHERE username = ?", (username,)).fetchone()
    if row is None:
        if not USERNAME.fullmatch(username):
            raise Refused(422, "bad_username", "A username has a-z, 0-9, _ . - and at most 60.")
        digest = hashlib.sha256(username.encode()).hexdigest()
        sample = next((person for person in SAMPLES if person[0] == username), None)
        name, color = sample[1:] if sample else (username.capitalize(), f"#{digest[:6]}")
        db.execute(
            "INSERT INTO accounts (id, username, display_name, color, sample)"
            " VALUES (?, ?, ?, ?, ?)",
            (str(int(digest[:12], 16)), username, name, color, sample is not None),
        )
        row = db.execute("SELECT * FROM accounts WHERE username = ?", (username,)).fetchone()
    assert isinstance(row, sqlite3.Row)
    return row


def samples(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the sample accounts."""
    return [ensure(db, username) for username, _, _ in SAMPLES]
