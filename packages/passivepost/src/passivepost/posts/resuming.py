"""Threads that stopped half-way: what is live cannot be changed here, the rest goes on after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from musekit.api import ConflictError, InvalidError, SocialPost

_WAY_OUT = "Change only what comes after, or make a copy to publish the whole anew."


def check_parts(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], live: int
) -> None:
    """Refuse a change of parts that are on the network already.

    Args:
        old, new: parts as stored, and as they would be.
        live: how many of the first parts are on the network.

    Raises:
        InvalidError: naming each part that would differ.
    """
    changed = [n for n in range(live) if n >= len(new) or _shown(old[n]) != _shown(new[n])]
    if not changed:
        return
    count = "Part 1 is" if live == 1 else f"Parts 1 to {live} are"
    raise InvalidError(
        f"{count} live on the network already, and cannot be changed from here. Nothing was saved."
        f" {_WAY_OUT}",
        errors=[
            {"field": f"parts.{n}.text", "message": "is live already and cannot be changed here"}
            for n in changed
        ],
    )


def check_rest(
    post: SocialPost, parts: Sequence[Mapping[str, Any]], account_id: UUID, live: Sequence[str]
) -> None:
    """Refuse to schedule a thread that is live as a whole, or would go on from another account.

    Args:
        post: as it is before its account is changed.
        parts, account_id: what is to be published, and from where.
        live: ids of the parts on the network.

    Raises:
        ConflictError: there is nothing left to send, or it began on another account.
    """
    if not live:
        return
    if len(live) >= len(parts):
        raise ConflictError(
            "All of this post is live on the network already. Nothing was scheduled. Add a part"
            " to go on with it, or make a copy to publish it anew.",
            extra={"reason": "all_live", "posted_ids": list(live)},
        )
    if post.account_id != account_id:
        raise ConflictError(
            "This thread began on an account that is not connected here any more. Nothing was"
            " scheduled. Connect that account again, or make a copy to publish the whole from the"
            " account that is connected now.",
            extra={"reason": "other_account", "posted_ids": list(live)},
        )


def _shown(part: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Return what people see of a part; facts of media found out later are no change."""
    return part["text"], [(each["url"], each.get("alt") or "") for each in part["media"]]
