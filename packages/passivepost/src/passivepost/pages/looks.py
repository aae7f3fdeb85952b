"""How networks and posts look on pages: names, colours, one state and one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from musekit.api import Host
from passivepost.accounts.registry import platforms_of
from passivepost.publishing import words
from passivepost.publishing.service import live_ids

#: Colour of a network whose package is not installed.
UNKNOWN_COLOR = "#5d645f"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a page shows of a network."""

    name: str
    label: str
    color: str
    installed: bool = True


def look_of(host: Host, name: str) -> Look:
    """Return the look of a network; of one that is not installed, what its name tells."""
    platform = platforms_of(host).find(name)
    if platform is None:
        label = name.replace("_", " ").title()
        return Look(name=name, label=label, color=UNKNOWN_COLOR, installed=False)
    return Look(name=platform.name, label=platform.label, color=platform.color)


def looks_of(host: Host, names: Iterable[str]) -> dict[str, Look]:
    """Return the looks of several networks by name."""
    return {name: look_of(host, name) for name in dict.fromkeys(names)}


def state_of(post: Mapping[str, Any]) -> str:
    """Return the one state a post is shown in: its status, unless it is held or in doubt."""
    if post["review"] == "unconfirmed":
        return "unconfirmed"
    if post["hold"] and post["status"] in ("scheduled", "approved", "queued"):
        return "held"
    return str(post["status"])


def sentence_of(post: Mapping[str, Any], *, state: Any = None) -> str:
    """Return what happens next with a post.

    Args:
        post: a post as `posts.views` gives it, or a row of the queue.
        state: its `PublishState`, for what the post itself does not tell.
    """
    live = live_ids(state)
    if post["status"] == "failed" and live:
        many = f"Parts 1 to {len(live)} are" if len(live) > 1 else "Part 1 is"
        return (
            f"{many} live; the rest was not sent. Change the rest or schedule it again: it goes on"
            " after what is live."
        )
    return words.sentence(
        post["status"],
        hold=post["hold"] if state_of(post) == "held" else None,
        hold_detail=getattr(state, "hold_detail", None),
        review=post["review"],
        reconcile_at=getattr(state, "reconcile_at", None),
        failure_kind=getattr(state, "failure_kind", None),
    )
