"""The composer's form: what it holds while somebody writes, and the request it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID, uuid5

from pydantic import BaseModel

from musekit.api import new_id
from passivepost.posts import clock
from passivepost.posts.schemas import PostOut

#: More than any network takes; it bounds the work of one request.
MOST_PARTS, MOST_MEDIA = 60, 60


class ComposeForm(BaseModel):
    """The fields as a browser sends them; media stand in rows of their own, each for a part.

    `when` is ``now``, ``hour``, ``tomorrow`` or ``at``; `at` is wall-clock time in the person's
    zone. `submission` is made with the empty form, so that sending it twice makes one post.
    """

    platforms: list[str] = []
    text: list[str] = []
    media_part: list[str] = []
    media_url: list[str] = []
    media_alt: list[str] = []
    when: str = "at"
    at: str = ""
    submission: str = ""
    post: str = ""  #: id of the post that is being changed
    revision: str = ""
    action: str = "schedule"

    @classmethod
    def fresh(cls, zone: str, platforms: Sequence[str]) -> ComposeForm:
        """Return an empty form: the next round hour is proposed."""
        soon = datetime.now(UTC) + timedelta(minutes=75)
        at = clock.wall_time(soon, zone)[:-2] + "00"
        return cls(platforms=list(platforms), text=[""], at=at, submission=str(new_id()))

    @classmethod
    def of(cls, post: PostOut, zone: str) -> ComposeForm:
        """Return the form filled with a post."""
        media = [(str(n), m["url"], m.get("alt", "")) for n, part in enumerate(post["parts"])
                 for m in part["media"]]  # fmt: skip
        at = post["scheduled_at"]
        return cls(
            platforms=[post["platform"]],
            text=[part["text"] for part in post["parts"]],
            media_part=[row[0] for row in media],
            media_url=[row[1] for row in media],
            media_alt=[row[2] for row in media],
            at=clock.wall_time(at, zone) if at else cls.fresh(zone, ()).at,
            submission=str(new_id()),
            post=str(post["id"]),
            revision=str(post["revision"]),
        )

    def parts(self) -> list[dict[str, Any]]:
        """Return the parts as typed, with plain line ends; each has at least a text."""
        texts = (self.text or [""])[:MOST_PARTS]
        parts: list[dict[str, Any]] = [
            {"text": text.replace("\r\n", "\n"), "media": []} for text in texts
        ]
        rows = zip_longest(self.media_part, self.media_url, self.media_alt, fillvalue="")
        for part, url, alt in list(rows)[:MOST_MEDIA]:
            index = int(part) if part.isdecimal() else 0
            parts[min(index, len(parts) - 1)]["media"].append(
                {"url": url.strip(), "alt": alt.replace("\r\n", "\n").strip()}
            )
        return parts

    def content(self) -> list[dict[str, Any]]:
        """Return what is to be stored: without rows and parts at the end that are empty."""
        parts = [
            {"text": part["text"], "media": [m for m in part["media"] if m["url"] or m["alt"]]}
            for part in self.parts()
        ]
        while len(parts) > 1 and not parts[-1]["text"].strip() and not parts[-1]["media"]:
            parts.pop()
        return parts

    def is_empty(self) -> bool:
        """True while nothing is written."""
        return not any(part["text"].strip() or part["media"] for part in self.content())

    def arranged(self) -> ComposeForm:
        """Return the form after a button that adds or takes away a row."""
        verb, _, number = self.action.partition(":")
        parts, n = self.parts(), int(number) if number.isdecimal() else 0
        if verb == "add-part" and len(parts) < MOST_PARTS:
            parts.insert(n + 1, {"text": "", "media": []})
        elif verb == "remove-part" and len(parts) > 1 and n < len(parts):
            parts.pop(n)
        elif verb == "add-media" and n < len(parts):
            parts[n]["media"].append({"url": "", "alt": ""})
        elif verb == "remove-media":
            rows = [(part["media"], m) for part in parts for m in part["media"]]
            if n < len(rows):
                media, row = rows[n]
                media[:] = [each for each in media if each is not row]
        flat = [(str(i), m) for i, part in enumerate(parts) for m in part["media"]]
        return self.model_copy(
            update={
                "text": [part["text"] for part in parts],
                "media_part": [row[0] for row in flat],
                "media_url": [row[1]["url"] for row in flat],
                "media_alt": [row[1]["alt"] for row in flat],
            }
        )

    def moment(self, zone: str) -> dict[str, Any]:
        """Return the fields of a request that say when; none for a draft without a time."""
        now = datetime.now(UTC)
        if self.when == "now":
            return {"scheduled_at": now, "timezone": zone}
        if self.when == "hour":
            ahead = (now + timedelta(hours=1)).replace(second=0, microsecond=0)
            return {"scheduled_at": ahead, "timezone": zone}
        if self.when == "tomorrow":
            day = clock.day_of(now + timedelta(days=1), zone)
            return {"wall_time": f"{day}T09:00", "timezone": zone}
        return {"wall_time": self.at, "timezone": zone} if self.at else {}

    def post_id(self) -> UUID | None:
        """Return which post is being changed; None for a new one."""
        try:
            return UUID(self.post)
        except ValueError:
            return None

    def ids(self, space_id: UUID) -> dict[str, UUID]:
        """Return the id of each post this form makes: the same however often it is sent."""
        return {name: uuid5(space_id, f"{self.submission}:{name}") for name in self.platforms}
