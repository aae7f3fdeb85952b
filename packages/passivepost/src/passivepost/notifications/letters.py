"""Mails about posts and accounts: one to each person and space, however many posts it is about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import Host, Space, SpaceMember, User, owners_of_space, queue_email
from passivepost.notifications import mails
from passivepost.notifications.ended import ASKED, TREND, News
from passivepost.notifications.events import DISCONNECTED, FAILED
from passivepost.pages.looks import look_of
from passivepost.publishing import words

logger = logging.getLogger(__name__)

#: Posts that a mail shows; of the others it says how many there are.
SHOWN = 10
#: Characters of a post that a mail shows.
LONGEST = 140
#: What a person has decided is no news to anybody.
_OWN = ("dropped",)


class Letter(NamedTuple):
    """A mail that is to be written."""

    template: str
    to: User
    space: Space
    about: Sequence[News]


def write(session: Session, host: Host, news: Iterable[News]) -> None:
    """Queue the mails about some news. Runs as the system, in the unit that marks them told.

    A mail that cannot be written is logged and left out: it would hold up all others for ever.
    """
    for letter in _letters(session, [each for each in news if _is_told(each)]):
        context, dedupe_key = _WRITERS[letter.template](host, letter)
        try:
            with session.begin_nested():
                queue_email(
                    session, host, letter.template, to=letter.to, space_id=letter.space.id,
                    context={"space": letter.space.name, **context}, dedupe_key=dedupe_key,
                )  # fmt: skip
        except Exception:
            logger.exception(
                "a mail “%s” could not be written, of %s", letter.template, letter.about[0].subject
            )


def _is_told(news: News) -> bool:
    return news.what in _TEMPLATES and news.fields.get("reason") not in _OWN


def _letters(session: Session, news: Sequence[News]) -> list[Letter]:
    """Return one letter per person and space; of accounts one each."""
    spaces = {
        each.id: each
        for each in session.scalars(
            select(Space).where(Space.id.in_({each.space_id for each in news}))
        )
    }
    whom = _whom(session, news)
    groups: dict[tuple[str, UUID, UUID], Letter] = {}
    for each in news:
        alone = str(each.subject) if each.what == DISCONNECTED else each.what
        for user in whom[each.user_id, each.space_id]:
            key = (alone, each.space_id, user.id)
            letter = groups.get(key)
            about = [*(letter.about if letter else ()), each]
            groups[key] = Letter(_TEMPLATES[each.what], user, spaces[each.space_id], about)
    return list(groups.values())


def _whom(
    session: Session, news: Sequence[News]
) -> Mapping[tuple[UUID | None, UUID], Sequence[User]]:
    """Return who planned a post or connected an account; else those who decide on the space."""
    wanted = {(each.user_id, each.space_id) for each in news}
    found: dict[tuple[UUID | None, UUID], Sequence[User]] = {
        (user.id, space_id): [user]
        for user, space_id in session.execute(
            select(User, SpaceMember.space_id)
            .join(SpaceMember, SpaceMember.user_id == User.id)
            .where(
                User.id.in_({user_id for user_id, _ in wanted}),
                SpaceMember.space_id.in_({space_id for _, space_id in wanted}),
            )
        )
    }
    for user_id, space_id in wanted - found.keys():
        found[user_id, space_id] = owners_of_space(session, space_id)
    return found


Written = tuple[dict[str, Any], str | None]


def _posts(host: Host, letter: Letter) -> Written:
    first = letter.about[0]
    page = _page(host, "posts")
    context = {
        "zone": letter.to.zone, "more": max(0, len(letter.about) - SHOWN),
        "url": f"{page}/{first.subject}" if len(letter.about) == 1 else page,
        "posts": [
            {
                "text": _short(each.fields["content"]), "at": each.fields["scheduled_at"],
                "platform": look_of(host, each.platform).label,
                "why": words.sentence("failed", failure_kind=each.fields["reason"]),
                "url": f"{page}/{each.subject}",
            }
            for each in letter.about[:SHOWN]
        ],
    }  # fmt: skip
    return context, f"{first.what}:{letter.to.id}:{first.edition}"


def _reconnect(host: Host, letter: Letter) -> Written:
    (news,) = letter.about
    context = {
        "platform": look_of(host, news.platform).label, "handle": news.fields["handle"] or "",
        "why": news.fields["message"] or "", "waiting": news.fields["waiting"], "url": _page(host),
    }  # fmt: skip
    return context, None


def _trends(host: Host, letter: Letter) -> Written:
    context = {
        "more": max(0, len(letter.about) - SHOWN), "url": _page(host, "compose"),
        "trends": [
            {"platform": look_of(host, each.platform).label,
             "text": _short(each.fields["text"]), "url": each.fields["url"]}
            for each in letter.about[:SHOWN]
        ],
    }  # fmt: skip
    today = datetime.now(UTC).date()  # at most one a day
    return context, f"trend:{letter.space.id}:{letter.to.id}:{today}"


#: What is told → its mail.
_TEMPLATES = {
    FAILED: mails.FAILED, ASKED: mails.ASKED, DISCONNECTED: mails.RECONNECT, TREND: mails.TREND,
}  # fmt: skip
_WRITERS: dict[str, Callable[[Host, Letter], Written]] = {
    mails.FAILED: _posts, mails.ASKED: _posts, mails.RECONNECT: _reconnect, mails.TREND: _trends,
}  # fmt: skip


def _page(host: Host, name: str = "") -> str:
    return f"{host.settings.public_url.rstrip('/')}/dashboard/social/{name}".rstrip("/")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"
