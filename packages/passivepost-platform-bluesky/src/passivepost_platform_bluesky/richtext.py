"""Graphemes, and the links, mentions and tags of a text as facets.

The network detects nothing on its own: what is not a facet is not a link. Offsets are of UTF-8
bytes (lexicon app.bsky.richtext.facet, read 2026-08); the server does not check them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from linkify_it.tlds import TLDS

_GRAPHEME = regex.compile(r"\X")
# The rules are those of the reference implementation (@atproto/api, rich-text/detection.ts and
# util.ts, read 2026-11), but for hyphens and capitals in a bare domain, which it overlooks.
_BEFORE = r"(?<=^|[\s(])"
_MENTION = regex.compile(_BEFORE + r"@([a-zA-Z0-9.-]*[a-zA-Z0-9])(?![a-zA-Z0-9_])")
_LINK = regex.compile(
    _BEFORE + r"(?:(?P<scheme>https?://)\S+"
    r"|(?P<domain>[a-z][a-z0-9]*+(?:-++[a-z0-9]++)*+(?:\.[a-z0-9]++(?:-++[a-z0-9]++)*+)++)\S*)",
    flags=regex.IGNORECASE,
)
_ZERO_WIDTH = r"\u00ad\u2060\u200a-\u200d\u20e2"
_TAG = regex.compile(
    rf"(?<=^|\s)[#＃]((?!\ufe0f)[^\s{_ZERO_WIDTH}]*[^\d\s\p{{P}}{_ZERO_WIDTH}][^\s{_ZERO_WIDTH}]*)"
)
_TICKER = regex.compile(_BEFORE + r"\$([A-Za-z][A-Za-z0-9]{0,4})(?=$|[\s.,;:!?)\"'\u2019])")
_TRAILING = regex.compile(r"\p{P}+$")
#: A tag has at most 64 graphemes and 640 bytes (lexicon).
_TAG_LIMIT, _TAG_BYTES = 64, 640


def graphemes(text: str) -> int:
    """Return the number of extended grapheme clusters (UAX #29): the unit of the 300 limit."""
    return len(text) if text.isascii() and "\r" not in text else len(_GRAPHEME.findall(text))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that means something: characters `start` to `end`."""

    start: int
    end: int
    kind: str  #: link, mention or tag
    value: str  #: address, handle or tag


@cache
def _endings() -> frozenset[str]:
    return frozenset(ending.lower() for ending in TLDS)


def _is_domain(text: str) -> bool:
    name, dot, ending = text.rpartition(".")
    return bool(name and dot) and ending.lower() in _endings()


def spans(text: str) -> list[Span]:
    """Return links, mentions and tags in order, none overlapping another."""
    found = [*_links(text)]
    for match in _MENTION.finditer(text):
        if _is_domain(match[1]) or match[1].endswith(".test"):
            found.append(Span(match.start(), match.end(), "mention", match[1].lower()))
    for match in _TAG.finditer(text):
        tag = _TRAILING.sub("", match[1])
        if tag and graphemes(tag) <= _TAG_LIMIT and len(tag.encode()) <= _TAG_BYTES:
            found.append(Span(match.start(), match.start(1) + len(tag), "tag", tag))
    for match in _TICKER.finditer(text):
        found.append(Span(match.start(), match.end(), "tag", f"${match[1].upper()}"))
    found.sort(key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in found:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _links(text: str) -> Iterator[Span]:
    for match in _LINK.finditer(text):
        shown = match[0]
        if not match["scheme"] and not _is_domain(match["domain"]):
            continue
        if shown[-1] in ".,;:!?":
            shown = shown[:-1]
        if shown.endswith(")") and "(" not in shown:
            shown = shown[:-1]
        address = shown if match["scheme"] else f"https://{shown}"
        if len(shown) > len(match["scheme"] or ""):
            yield Span(match.start(), match.start() + len(shown), "link", address)


def facets(text: str, dids: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    """Return the facets of a text.

    Args:
        dids: DIDs of mentioned handles; a handle that is not among them stays plain text.
    """
    result = []
    for span in spans(text):
        if span.kind == "link":
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": span.value}
        elif span.kind == "tag":
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": span.value}
        elif span.value in dids:
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": dids[span.value]}
        else:
            continue
        start = len(text[: span.start].encode())
        index = {"byteStart": start, "byteEnd": start + len(text[span.start : span.end].encode())}
        result.append({"index": index, "features": [feature]})
    return result
