"""Entries go after 400 days. The database refuses to delete any sooner, to us as well."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from musekit.audit.models import AuditEntry
from musekit.kernel.database.types import utc_now

#: More than a year, so that what happened at the same time last year can still be looked up. The
#: triggers of migration musekit_0011 have the same number.
DAYS = 400


def sweep(session: Session) -> int:
    """Delete the entries that are old enough; return how many. Runs as the system."""
    # A minute more: the trigger goes by the database's clock.
    before = utc_now() - timedelta(days=DAYS, minutes=1)
    done = session.execute(delete(AuditEntry).where(AuditEntry.at < before))
    assert isinstance(done, CursorResult)
    return done.rowcount
