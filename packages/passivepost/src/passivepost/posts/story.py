"""What happened to a post, in words and in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from passivepost.posts.schemas import AttemptOut, PostOut
from passivepost.publishing.words import OUTCOME

#: How an outcome is marked.
TONES = {
    "confirmed": "success", "reconciled_live": "success", "resolved_live": "success",
    "unknown": "warning", None: "violet", "not_sent": "warning", "duplicate": "danger",
    "rejected": "danger",
}  # fmt: skip
ICONS = {"success": "check", "warning": "circle-help", "danger": "circle-x", "violet": "loader"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the history."""

    at: datetime | None
    title: str
    detail: str = ""
    tone: str = "neutral"
    icon: str = "circle"
    facts: tuple[str, ...] = ()  #: for who looks closely


def story(post: PostOut) -> list[Event]:
    """Return the history of a post, newest first."""
    events = [Event(at=post["created_at"], title="Written", icon="pencil")]
    if post["revision"] > 1:
        events.append(
            Event(
                at=None, title=f"Changed {_times(post['revision'] - 1)}", icon="pencil",
            )
        )  # fmt: skip
    events += [_attempt(each) for each in post["attempts"]]
    return events[::-1]


def _attempt(each: AttemptOut) -> Event:
    outcome = each["outcome"]
    tone = TONES.get(outcome, "neutral")
    facts = []
    sent, answered = each["armed_at"], each["responded_at"]
    if sent and answered and answered >= sent:
        took = (answered - sent).total_seconds()
        facts.append(f"answered after {took:.1f} s" if took >= 1 else f"after {took * 1000:.0f} ms")
    if each["http_status"]:
        facts.append(f"HTTP {each['http_status']}")
    if each["platform_post_id"]:
        facts.append(f"id {each['platform_post_id']}")
    return Event(
        at=sent or answered,
        title=f"Attempt {each['n']}: {OUTCOME.get(outcome, outcome or '')}".rstrip("."),
        detail=each["detail"] or "",
        tone=tone,
        icon=ICONS.get(tone, "circle"),
        facts=tuple(facts),
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
