"""Recognising our own posts among an account's recent ones."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from passivepost.api import Part
from passivepost_platform_twitter.links import links

_LINK = "\x00"


def match(
    recent: Sequence[Mapping[str, Any]], parts: Sequence[Part], known: Sequence[str]
) -> list[str] | None:
    """Return the ids of the parts found, in order, beginning with those `known`.

    A part matches a post with the same text (X's shortened links put back, a picture's own link
    taken off) that replies to the part before, or to nothing for the first.

    Returns:
        None when a post is like a part but for its links, which X may have rewritten: then it
        cannot be told, and "not there" would be a second post.
    """
    ids = list(known)
    for part in parts[len(known) :]:
        parent = ids[-1] if ids else None
        candidates = [post for post in recent if _parent(post) == parent]
        found = [str(post["id"]) for post in candidates if _normal(part.text) in _readings(post)]
        if not found:
            masked = _normal(_masked(part.text))
            like = _LINK in masked and any(masked == _normal(_text(p, _LINK)) for p in candidates)
            return None if like else ids
        ids.append(found[-1])  # newest first: the last is the earliest
    return ids


def _readings(post: Mapping[str, Any]) -> set[str]:
    # X escapes & < > in texts; a text that only looks escaped is ours as it stands.
    return {_normal(_text(post)), _normal(html.unescape(_text(post)))}


def _parent(post: Mapping[str, Any]) -> str | None:
    for reference in post.get("referenced_tweets") or post.get("referenced_posts") or []:
        if reference.get("type") == "replied_to":
            return str(reference.get("id"))
    return None


def _text(post: Mapping[str, Any], mask: str = "") -> str:
    text = str(post.get("text", ""))
    for link in (post.get("entities") or {}).get("urls") or []:
        short, real = str(link.get("url", "")), str(link.get("expanded_url", ""))
        if short:
            text = text.replace(short, "" if link.get("media_key") else mask or real, 1)
    return html.unescape(text) if mask else text


def _masked(text: str) -> str:
    kept, at = [], 0
    for start, end in links(text):
        kept += [text[at:start], _LINK]
        at = end
    return "".join([*kept, text[at:]])


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    kept, at = [], 0
    for start, end in links(text):
        link = text[start:end].casefold()
        link = link.removeprefix("https://").removeprefix("http://").rstrip("/")
        kept += [text[at:start], link]
        at = end
    return " ".join("".join([*kept, text[at:]]).split())
