"""When a post is to go out: from a request, or as it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from musekit.api import InvalidError, SocialPost
from passivepost.posts import clock
from passivepost.posts.models import PostDetails
from passivepost.posts.schemas import PostCreate, PostUpdate

#: Nobody plans further ahead; it also keeps arithmetic on dates within the calendar.
FURTHEST = timedelta(days=5 * 366)


@dataclass(frozen=True, kw_only=True)
class When:
    """An instant, the zone it was chosen in, and the wall-clock time there."""

    at: datetime | None
    zone: str
    wall: str | None
    stated: bool = True  #: False: it is as it was before

    @classmethod
    def of(cls, post: SocialPost, details: PostDetails) -> When:
        """Return the time a post has."""
        return cls(
            at=post.scheduled_at, zone=details.timezone, wall=details.wall_time, stated=False
        )


def when(
    request: PostCreate | PostUpdate, zone: str, grace: float, *, old: When | None = None
) -> When:
    """Read the time of a request.

    Args:
        zone: the space's, taken when the request names none.
        grace: seconds in the past that still count as now.
        old: the time the post has; it stays when the request says nothing about time.

    Raises:
        InvalidError: it is past, too far ahead, or in no known zone.
    """
    named = request.timezone
    chosen = named or (old.zone if old else zone)
    clock.zone(chosen)
    if request.wall_time is not None:
        try:
            wall = datetime.fromisoformat(request.wall_time)
            _within(wall.replace(tzinfo=UTC), slack=timedelta(days=2))
        except ValueError:
            raise _fault("wall_time", "is not a day and time of the calendar") from None
        at = clock.instant(wall, chosen)
        _not_past(at, "wall_time", grace)
        return When(at=at, zone=chosen, wall=wall.strftime("%Y-%m-%dT%H:%M"))
    if request.scheduled_at is not None:
        _within(request.scheduled_at)
        at = request.scheduled_at.astimezone(UTC)
        if old is None or at != old.at:
            _not_past(at, "scheduled_at", grace)
        return When(at=at, zone=chosen, wall=clock.wall_time(at, chosen))
    if old is None:
        return When(at=None, zone=chosen, wall=None)
    if "scheduled_at" in request.model_fields_set or "wall_time" in request.model_fields_set:
        return When(at=None, zone=chosen, wall=None)  # null was sent: the time is taken away
    if named and old.wall is not None and named != old.zone:
        # Another zone for the same wall-clock time is another instant.
        at = clock.instant(datetime.fromisoformat(old.wall), named)
        _not_past(at, "timezone", grace)
        return When(at=at, zone=named, wall=old.wall)
    return old


def _within(moment: datetime, *, slack: timedelta = timedelta(0)) -> None:
    """Refuse what is far off before any arithmetic: the ends of the calendar overflow."""
    if moment.year < 2000:
        raise _fault("scheduled_at", "is in the past; choose a later")
    if moment.year > 2200 or moment > datetime.now(UTC) + FURTHEST + slack:
        raise _fault("scheduled_at", "is more than five years ahead")


def _not_past(at: datetime, field: str, grace: float) -> None:
    if at < datetime.now(UTC) - timedelta(seconds=grace):
        raise _fault(field, f"is in the past ({at.isoformat(timespec='minutes')}); choose a later")


def _fault(field: str, message: str) -> InvalidError:
    words = "time" if field == "timezone" else field.replace("_", " ")
    return InvalidError(
        f"The {words} {message}{' time' if message.endswith('later') else ''}. Nothing was saved.",
        errors=[{"field": field, "message": message}],
    )
