"""Recognising our own posts among an account's recent ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from passivepost.api import Part


def match(
    recent: Sequence[Mapping[str, Any]], parts: Sequence[Part], known: Sequence[str]
) -> list[str]:
    """Return the ids of the parts found, in order, beginning with those `known`.

    A part matches a post with the same text (X's shortened links put back, a picture's own link
    taken off) that replies to the part before, or to nothing for the first.
    """
    ids = list(known)
    for part in parts[len(known) :]:
        wanted, parent = _normal(part.text), ids[-1] if ids else None
        found = [
            str(post["id"])
            for post in recent
            if _parent(post) == parent and _normal(_text(post)) == wanted
        ]
        if not found:
            break
        ids.append(found[-1])  # newest first: the last is the earliest
    return ids


def _parent(post: Mapping[str, Any]) -> str | None:
    for reference in post.get("referenced_tweets") or post.get("referenced_posts") or []:
        if reference.get("type") == "replied_to":
            return str(reference.get("id"))
    return None


def _text(post: Mapping[str, Any]) -> str:
    text = str(post.get("text", ""))
    for link in (post.get("entities") or {}).get("urls") or []:
        short, real = str(link.get("url", "")), str(link.get("expanded_url", ""))
        text = text.replace(short, "" if link.get("media_key") else real)
    return text


def _normal(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return plain.replace("https://", "").replace("http://", "").replace("/ ", " ").rstrip("/")
