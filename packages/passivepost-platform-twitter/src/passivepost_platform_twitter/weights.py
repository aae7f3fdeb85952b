"""X's weighted length: 280 units, of which a plain letter takes one and a link 23.

Configuration 3 of twitter-text (config/v3.json, 2021-10): default weight 200, scale 100; weight
100 for U+0000–10FF, U+2000–200D, U+2010–201F, U+2032–2037; a link 23; an emoji sequence 2.
"""

from __future__ import annotations

import unicodedata

import regex

from passivepost_platform_twitter.links import links

LIMIT = 280
LINK = 23

_LIGHT = regex.compile(
    r"[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]", flags=regex.VERSION1
)
_PICTURE = r"(?:\p{Emoji_Presentation}|\p{Extended_Pictographic})"
_EMOJI = regex.compile(
    # Flags; keycaps; then a picture with its modifiers, joined ones and tag flags included. A
    # sign such as © counts as an emoji only when it asks to be shown as one (U+FE0F).
    rf"\p{{RI}}\p{{RI}}|[0-9#*]\ufe0f?\u20e3|"
    rf"(?:\p{{Emoji_Presentation}}|\p{{Extended_Pictographic}}(?=\ufe0f|\u200d|\p{{EMod}}))"
    rf"(?:\ufe0f|\p{{EMod}})?(?:\u200d{_PICTURE}(?:\ufe0f|\p{{EMod}})?)*"
    r"[\U000e0020-\U000e007f]*"
)


def weighted_length(text: str) -> int:
    """Return the length of a text as X counts it."""
    text = unicodedata.normalize("NFC", text)
    total = at = 0
    for start, end in links(text):
        total += _weigh(text[at:start]) + LINK
        at = end
    return total + _weigh(text[at:])


def has_link(text: str) -> bool:
    """True if X will show a link in this text; such a post costs more."""
    return any(links(text))


def _weigh(text: str) -> int:
    if text.isascii():
        # Keycaps begin with ASCII but hold a character that is not: none here.
        return len(text)
    rest, emoji = _EMOJI.subn("", text)
    light = len(_LIGHT.findall(rest))
    return 2 * int(emoji) + light + 2 * (len(rest) - light)
