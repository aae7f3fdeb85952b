"""A post as the Posts API takes it: words, pictures or a video, or the card of a link."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from passivepost.api import Content, Part
from passivepost_platform_linkedin.littletext import little

_LINK = re.compile(r"https?://[\w\[][^\s<>\"]*", re.IGNORECASE)
_TRAILING = ".,;:!?'\"”’»…"


def author_of(member: str) -> str:
    """Return the URN of a member by the id that ``/v2/userinfo`` gives as ``sub``."""
    return f"urn:li:person:{member}"


def post_of(author: str, content: Content, uploads: Sequence[str]) -> dict[str, Any]:
    """Return the body of a create. `uploads`: URNs of the part's files, in order."""
    part = content.parts[0]
    post: dict[str, Any] = {
        "author": author,
        "commentary": little(part.text),
        "visibility": "PUBLIC",
        "distribution": {
            "feedDistribution": "MAIN_FEED",
            "targetEntities": [],
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }
    attached = _files(part, uploads) or _card(content)
    return {**post, "content": attached} if attached else post


def card_faults(content: Content) -> list[str]:
    """Return what stands against the card that the options ask for.

    ``options["linkedin"]["article"]`` has a ``title`` and may have a ``description``; the link is
    the first of the text. LinkedIn reads no page itself, so without a title there is no card.
    A picture for it (``thumbnail``) is not offered.
    """
    wanted = _wanted(content.options)
    if wanted is None:
        return []
    if not isinstance(wanted, Mapping) or set(wanted) - {"title", "description"}:
        return ["LinkedIn's option `article` takes a title and a description."]
    if any(not isinstance(value, str) for value in wanted.values()):
        return ["Title and description of LinkedIn's card are texts."]
    if not wanted.get("title", "").strip():
        return ["LinkedIn's card of a link needs a title."]
    part = content.parts[0]
    if part.media:
        return ["LinkedIn shows either files or the card of a link."]
    return [] if first_link(part.text) else ["LinkedIn's card needs a link in the text."]


def first_link(text: str) -> str:
    """Return the first http(s) address of a text, without what ends its sentence; else empty."""
    found = _LINK.search(text)
    if found is None:
        return ""
    link, end = found[0], len(found[0])
    unopened = link.count(")") - link.count("(")  # a bracket around the link is none of its own
    while link[end - 1] in _TRAILING or (link[end - 1] == ")" and unopened > 0):
        unopened -= link[end - 1] == ")"
        end -= 1
    return link[:end]


def _files(part: Part, uploads: Sequence[str]) -> dict[str, Any]:
    files = [
        # Of a video LinkedIn takes no alt text.
        {"id": urn, **({"altText": media.alt} if media.alt and ":image:" in urn else {})}
        for urn, media in zip(uploads, part.media, strict=True)
    ]
    if len(files) > 1:
        return {"multiImage": {"images": files}}
    return {"media": files[0]} if files else {}


def _card(content: Content) -> dict[str, Any]:
    wanted, link = _wanted(content.options), first_link(content.text)
    return {"article": {"source": link, **wanted}} if wanted and link else {}


def _wanted(options: Mapping[str, Any]) -> Any:
    # Options of one create go to all its networks: ours stand under our name.
    ours = options.get("linkedin")
    return ours.get("article") if isinstance(ours, Mapping) else None
