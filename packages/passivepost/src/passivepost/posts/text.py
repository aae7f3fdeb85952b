"""Text as it is stored: NFC, without what no network can take; odd characters are shown."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

#: Characters that change the direction of what follows, invisibly (Unicode UAX #9 §2).
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def clean(text: str) -> str:
    """Return text in NFC with plain line ends; nothing else is changed.

    Raises:
        ValueError: it holds NUL or a lone surrogate, which cannot be stored or sent.
    """
    if "\x00" in text:
        raise ValueError("holds the character NUL, which no network takes; remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair; paste the emoji again") from None
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def warnings_of(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a person should know of a text that is stored as it came."""
    marks = {char for part in parts for char in part["text"] if char in BIDI_CONTROLS}
    if not marks:
        return []
    names = ", ".join(f"U+{ord(char):04X}" for char in sorted(marks))
    return [f"The text holds invisible marks that turn its direction: {names}."]


def content_hash(parts: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of what is published; approvals and attempts hold on to it.

    Media facts found out later (size, type) do not change it: text, addresses, alt texts and
    options do.
    """
    essence = {
        "parts": [
            {
                "text": part["text"],
                "media": [{"url": m["url"], "alt": m.get("alt", "")} for m in part["media"]],
            }
            for part in parts
        ],
        "options": options,
    }
    packed = json.dumps(essence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(packed.encode()).hexdigest()
