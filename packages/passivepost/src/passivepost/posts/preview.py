"""What the composer shows while somebody writes: counters, previews, and what stands in the way.

Counted and judged by the very functions that decide when the post is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import Host
from passivepost.accounts.registry import platforms_of
from passivepost.accounts.schemas import AccountOut
from passivepost.models import PostRow
from passivepost.pages import richtext
from passivepost.pages.looks import Look, look_of
from passivepost.posts.checks import faults_of
from passivepost.posts.models import PostDetails
from passivepost.posts.text import clean, content_hash, warnings_of
from passivepost.sdk.content import Feature
from passivepost.sdk.platform import Platform

#: How far back the same text counts as a repeat.
REPEAT_DAYS = 30
NEAR = 0.9  #: share of the limit from which the counter warns


@dataclass(frozen=True, kw_only=True)
class Count:
    """The measure of one part on one network."""

    count: int
    limit: int
    unit: str

    @property
    def left(self) -> int:
        """How much is left; less than 0: too long."""
        return self.limit - self.count

    @property
    def tone(self) -> str:
        """``over``, ``near`` or empty."""
        return "over" if self.left < 0 else "near" if self.count > NEAR * self.limit else ""


@dataclass(frozen=True, kw_only=True)
class Note:
    """One line of the list of checks: ``fault`` stands in the way, ``warning`` does not."""

    tone: str
    text: str
    part: int | None = None  #: which part it is about, from 0


@dataclass(frozen=True, kw_only=True)
class Target:
    """One network the post is for."""

    look: Look
    account: AccountOut | None
    counts: list[Count]
    notes: list[Note] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """True when nothing stands in the way."""
        return not any(note.tone == "fault" for note in self.notes)


def targets(
    session: Session,
    host: Host,
    *,
    names: Sequence[str],
    accounts: Mapping[str, AccountOut],
    parts: Sequence[dict[str, Any]],
    own: Any = None,
) -> list[Target]:
    """Judge parts for each network named; those that are unknown are passed over.

    Args:
        accounts: the space's accounts by network.
        own: id of the post that is being changed; it is no repeat of itself.
    """
    cleaned = [{**part, "text": _clean(part["text"])} for part in parts]
    empty = not any(part["text"].strip() or part["media"] for part in cleaned)
    repeats = {} if empty else _repeats(session, cleaned, own)
    found = []
    for name in dict.fromkeys(names):
        platform = platforms_of(host).find(name)
        if platform is None:
            continue
        account = accounts.get(name)
        notes = [] if empty else _notes(platform, cleaned)
        notes += _about_account(platform, account)
        if name in repeats:
            notes.append(Note(tone="warning", text=repeats[name]))
        rule = platform.capabilities.text
        counts = [
            Count(count=rule.count(part["text"]), limit=rule.limit, unit=rule.unit)
            for part in cleaned
        ]
        found.append(Target(look=look_of(host, name), account=account, counts=counts, notes=notes))
    return found


def _notes(platform: Platform, parts: Sequence[dict[str, Any]]) -> list[Note]:
    notes = []
    for fault in faults_of(platform, parts, {}):
        where = str(fault["field"]).split(".")
        part = int(where[1]) if len(where) > 1 and where[1].isdecimal() else None
        text = str(fault["message"]).removesuffix(".")
        notes.append(Note(tone="fault", text=text[:1].upper() + text[1:] + ".", part=part))
    notes += [Note(tone="warning", text=text) for text in warnings_of(parts)]
    bare = sum(not media["alt"] for part in parts for media in part["media"])
    if bare and Feature.MEDIA in platform.features:
        what = "One picture has" if bare == 1 else f"{bare} pictures have"
        notes.append(
            Note(tone="warning", text=f"{what} no alt text. People who cannot see it miss it.")
        )
    return notes + _cost(platform, parts)


def _cost(platform: Platform, parts: Sequence[dict[str, Any]]) -> list[Note]:
    prices = {cost.operation: cost.usd for cost in platform.delivery.costs}
    if "post" not in prices:
        return []
    linked = sum(richtext.has_link(part["text"]) for part in parts)
    with_link = prices.get("post_with_link", prices["post"])
    total = linked * with_link + (len(parts) - linked) * prices["post"]
    text = f"Costs ${total:.3f}".rstrip("0").rstrip(".") + f" at {platform.label}"
    if linked and with_link > prices["post"]:
        text += f": a post with a link is ${with_link:.2f}, without ${prices['post']:.3f}"
        return [Note(tone="warning", text=f"{text}.")]
    return [Note(tone="info", text=f"{text}.")]


def _about_account(platform: Platform, account: AccountOut | None) -> list[Note]:
    if account is None:
        text = f"{platform.label} is not connected: it can be saved as a draft, not scheduled."
        return [Note(tone="fault", text=text)]
    if not account["is_valid"]:
        text = f"{platform.label} asks you to connect again. The post would wait until then."
        return [Note(tone="warning", text=text)]
    return []


def _repeats(session: Session, parts: Sequence[dict[str, Any]], own: Any) -> dict[str, str]:
    """Return what to say of posts with the very same content, by network."""
    since = datetime.now(UTC) - timedelta(days=REPEAT_DAYS)
    rows = session.execute(
        select(PostRow.platform, PostRow.status)
        .join(PostDetails, PostDetails.post_id == PostRow.id)
        .where(
            PostRow.created_at >= since,
            PostDetails.content_hash == content_hash(parts, {}),
            PostRow.status.in_(("scheduled", "approved", "queued", "posting", "posted")),
            *([PostRow.id != own] if own is not None else []),
        )
    ).all()
    found: dict[str, str] = {}
    for row in rows:
        if row.status == "posted":
            said = "The same was posted here within the last 30 days. Networks may refuse it."
            found.setdefault(row.platform, said)
        else:
            found[row.platform] = "The same is scheduled here already."
    return found


def _clean(text: str) -> str:
    try:
        return clean(text)
    except ValueError:
        return text.replace("\x00", "\ufffd")
