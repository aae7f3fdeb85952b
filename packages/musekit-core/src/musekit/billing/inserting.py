"""INSERT … ON CONFLICT, of whichever database a session is on."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert(session: Session, model: Any) -> Any:
    """Return an INSERT into a model's table that can take ``on_conflict_do_…``."""
    kind: Any = (
        postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    )
    return kind(model)
