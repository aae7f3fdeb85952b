"""The offline drafter: rules of ours, no model. What it gives is labelled so everywhere.

It makes a short draft out of the sentences that the person has given, those that hold most of what
their text is about. It invents nothing and always answers alike.
"""

from __future__ import annotations

import re
from collections import Counter

from pydantic import BaseModel

from musekit.providers import AICall

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_WORD = re.compile(r"\w{4,}", re.UNICODE)
#: Sentences of a draft, and characters of the text that are looked at.
_MOST, _LOOKED_AT = 3, 20_000
#: Characters that a token stands for, so that the asked length holds here, too.
_PER_TOKEN = 4


def draft(call: AICall) -> str | BaseModel:
    """Return a draft from what the person wrote last."""
    given = next((each.content for each in reversed(call.messages) if each.role == "user"), "")
    sentences = [each.strip() for each in _SENTENCE.split(given[:_LOOKED_AT]) if each.strip()]
    counts = Counter(word for each in sentences for word in _words(each))
    chosen = sorted(
        range(len(sentences)), key=lambda n: (-_weight(sentences[n], counts), n)
    )[:_MOST]  # fmt: skip
    text = " ".join(_ended(sentences[n]) for n in sorted(chosen))
    return _cut(text, call.max_tokens * _PER_TOKEN)


def _words(sentence: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(sentence)}


def _weight(sentence: str, counts: Counter[str]) -> float:
    """Return how much of the text's words a sentence holds; long ones are not favoured."""
    words = _words(sentence)
    return sum(counts[word] for word in words) / (len(words) + 3)


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?…:" else f"{sentence}."


def _cut(text: str, most: int) -> str:
    """Return text of so many characters at most, cut between words."""
    if len(text) <= most:
        return text
    return text[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
