"""The job that tells: a mail to who planned it, and events to the webhooks of the space.

What is told is marked in the same unit of work as the mail and the events are queued: of two jobs
at once one tells, and a crash loses nothing and tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.api import Actor, Happened, Host, JobRun, emit_webhooks, listening_webhooks
from passivepost.notifications import ended, letters
from passivepost.notifications.ended import ASKED, TREND, News
from passivepost.notifications.events import DISCONNECTED, PUBLISHED
from passivepost.notifications.models import ToldNews

SYSTEM = Actor.system("tell")
#: Batches of one kind in one run; what is left is told in the next.
ROUNDS = 10
#: What was told is remembered for so long.
KEPT = timedelta(days=60)

#: Characters of a field of an event: receivers ask the API for the whole.
LONGEST = 5000
#: Told to people alone.
_UNSAID = (ASKED, TREND)

Find = Callable[[Session], list[News]]


def tell(run: JobRun) -> None:
    """Tell of what ended in the last hours."""
    tell_all(run.host, ended.NEAR)


def tell_late(run: JobRun) -> None:
    """Tell of trends, and of what ended while nobody told; forget what was told long ago."""
    tell_all(run.host, ended.FAR)
    day_ago = datetime.now(UTC) - timedelta(days=1)
    _tell(run.host, lambda session: ended.trends(session, day_ago), {})
    with run.host.database.session(SYSTEM) as session:
        session.execute(
            delete(ToldNews)
            .where(ToldNews.told_at < datetime.now(UTC) - KEPT)
            .execution_options(synchronize_session=False)
        )


def tell_all(host: Host, back: timedelta) -> int:
    """Tell of everything that is not told yet; return of how many things.

    Args:
        back: how far back to look for what is live.
    """
    now = datetime.now(UTC)
    _forget_found(host)
    with host.database.session(SYSTEM, readonly=True) as session:
        spaces = listening_webhooks(session, PUBLISHED)
    # What is in doubt first: what has become of it is told after it.
    kinds: tuple[Find, ...] = (
        ended.unconfirmed, ended.asked,
        lambda session: ended.failed(session, now - ended.FAR),
        lambda session: ended.published(session, now - back, spaces),
        ended.lost,
    )  # fmt: skip
    return sum(_tell(host, find, spaces) for find in kinds)


def _tell(host: Host, find: Find, spaces: dict[UUID, datetime]) -> int:
    told = 0
    for _ in range(ROUNDS):
        with host.database.session(SYSTEM, readonly=True) as session:
            found = find(session)
        if not found:
            break
        with host.database.session(SYSTEM) as session:
            mine = _mark(session, host, found)
            # A space that listens since yesterday is not told of what was before.
            fresh = [each for each in mine if not _before(each, spaces)]
            emit_webhooks(
                session, host, [_event(each) for each in fresh if each.what not in _UNSAID]
            )
            letters.write(session, host, mine)
        told += len(mine)
        if len(found) < ended.BATCH:
            break
    return told


def _mark(session: Session, host: Host, found: Sequence[News]) -> list[News]:
    """Mark things as told; return those that nobody else has marked."""
    insert: Any = postgresql.insert if host.database.is_postgres else sqlite.insert
    now = datetime.now(UTC)
    rows = [
        {"what": each.what, "subject": each.subject, "edition": each.edition,
         "space_id": each.space_id, "told_at": now}
        for each in sorted(found, key=lambda each: (each.what, each.subject, each.edition))
    ]  # fmt: skip
    marked = session.execute(
        insert(ToldNews)
        .on_conflict_do_nothing(index_elements=["what", "subject", "edition"])
        .returning(ToldNews.what, ToldNews.subject, ToldNews.edition),
        rows,
    )
    done = {tuple(row) for row in marked}
    return [each for each in found if (each.what, each.subject, each.edition) in done]


def _before(news: News, spaces: dict[UUID, datetime]) -> bool:
    if news.what != PUBLISHED:
        return False
    posted: datetime | None = news.fields["posted_at"]
    since = spaces.get(news.space_id)
    return posted is None or since is None or posted < since


def _event(news: News) -> Happened:
    kind = "account" if news.what == DISCONNECTED else "post"
    fields = {
        name: value[:LONGEST] if isinstance(value, str) else value
        for name, value in news.fields.items()
        if name != "waiting"
    }
    return Happened(
        space_id=news.space_id, event=news.what,
        data={kind: {"id": news.subject, "platform": news.platform, **fields}},
    )  # fmt: skip


def _forget_found(host: Host) -> None:
    """Forget accounts that are connected again: when they are lost again, it is told again."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found: Iterable[UUID] = session.scalars(ended.back(session).limit(ended.BATCH)).all()
    keys = [(DISCONNECTED, each, each) for each in found]
    if keys:
        with host.database.session(SYSTEM) as session:
            session.execute(
                delete(ToldNews)
                .where(tuple_(ToldNews.what, ToldNews.subject, ToldNews.edition).in_(keys))
                .execution_options(synchronize_session=False)
            )
