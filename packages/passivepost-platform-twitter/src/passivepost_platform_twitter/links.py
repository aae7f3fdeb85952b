"""Links as X finds them: each counts 23, whatever its length; what is no link to X counts whole.

The rules are twitter-text's (extractUrlsWithIndices.js and its patterns, 3.1.0, 2020-05): with a
scheme any domain under a real top-level domain; without one only its labels in Latin letters.
Domains are judged label by label instead of by one pattern, which hostile text would make slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import regex
from linkify_it.tlds import TLDS

_LATIN = r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0100-\u024f\u0253\u0254\u0256\u0257\u0259\u025b"
_LATIN += r"\u0263\u0268\u026f\u0272\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
_NO_LABEL = (
    r"!'#%&()*+,\\/:;<=>?@\[\]^{|}~$\u2026\""  # punctuation but . - _
    r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    r"\ufffe\ufeff\uffff\u202a-\u202e\u061c\u200e\u200f\u2066\u2067\u2068\u2069"
)
_RUN = regex.compile(rf"(https?://)?((?:(?!https?://)[^{_NO_LABEL}])++)", flags=regex.IGNORECASE)
_LATIN_RUN = regex.compile(rf"[a-z0-9._\-{_LATIN}]++", flags=regex.IGNORECASE)
_PATH = rf"[a-z\p{{Cyrillic}}0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{_LATIN}]"
_PARENS = rf"\((?:{_PATH}++|(?:{_PATH}*\({_PATH}++\){_PATH}*+))\)"
_PATH_END = rf"(?:[+\-a-z\p{{Cyrillic}}0-9=_#/{_LATIN}]|{_PARENS})"
_SLASH = rf"/(?:{_PATH}*(?:{_PARENS}{_PATH}*)*{_PATH_END})?"
_QUERY = r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])?"
_REST = regex.compile(rf"(?::[0-9]+)?(?:{_SLASH})?{_QUERY}", flags=regex.IGNORECASE)
#: Without a scheme port and query belong to the link only when there is a path.
_BARE_REST = regex.compile(rf"(?:(?::[0-9]+)?{_SLASH}{_QUERY})?", flags=regex.IGNORECASE)
_LONGEST_ENDING = 24


def links(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end (characters) of each link of a text, in order."""
    at = 0
    while run := _RUN.search(text, at):
        at = run.end()
        if "." not in run[2]:
            continue
        before = text[run.start() - 1 : run.start()] if run.start() else ""
        if run[1]:
            end = _domain(text, run.start(2), run.end())
            if end and not _forbids(before):
                at = _REST.match(text, end).end()
                yield run.start(), at
                continue
        last = None
        for start, end in _bare(text, run.start(2), run.end(), before if not run[1] else "/"):
            if last:
                yield last
            last = (start, end)
        if last:
            at = max(at, last[1])
            if last[1] == _domain(text, run.start(2), run.end()):
                at = _BARE_REST.match(text, last[1]).end()
                last = (last[0], at)
            yield last


def _bare(text: str, start: int, end: int, before: str) -> Iterator[tuple[int, int]]:
    """Yield the domains in Latin letters within a run of characters that may be a domain's."""
    for run in _LATIN_RUN.finditer(text, start, end):
        first = run.start()
        if run[0][0] in ".-_" or (first == start and (_forbids(before) or before == "/")):
            continue
        found = _domain(text, first, run.end())
        if found:
            yield first, found


def _domain(text: str, start: int, end: int) -> int:
    """Return where the domain in `text[start:end]` ends: after its last real ending; else 0."""
    found, at = 0, start
    labels = text[start:end].split(".")
    for number, label in enumerate(labels):
        ending = _ending(label, text[end : end + 1] if number == len(labels) - 1 else ".")
        name = labels[number - 1] if number else ""
        if ending and name and "_" not in name and not name.startswith("-") and name[-1] != "-":
            found = at + ending
        at += len(label) + 1
    return found


def _ending(label: str, after: str) -> int:
    """Return the length of the top-level domain a label begins with, 0 if it does not."""
    for size in range(min(len(label), _LONGEST_ENDING), 1, -1):
        follows = label[size : size + 1] or after
        if follows.isascii() and (follows.isalnum() or follows in {"@", "+", "-"}):
            continue
        if label[:size].lower() in _endings():
            return size
    return 0


def _forbids(before: str) -> bool:
    return before in {"@", "\uff20", "$", "#", "\uff03"} or (before.isascii() and before.isalnum())


@cache
def _endings() -> frozenset[str]:
    endings = {ending.lower() for ending in TLDS}
    return frozenset(endings | {_unicode(each) for each in endings if each.startswith("xn--")})


def _unicode(ending: str) -> str:
    try:
        return ending.encode().decode("idna")
    except UnicodeError:
        return ending
