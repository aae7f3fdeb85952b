"""Secrets made up for a test, and where they must not turn up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass
class Canaries:
    """Secrets by name. They are plain letters: nothing in them looks like a token."""

    known: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, *, prefix: str = "", length: int = 40) -> str:
        """Make a secret and remember it."""
        value = prefix + "q" + secrets.token_hex(length // 2)
        return self.keep(name, value)

    def keep(self, name: str, value: str) -> str:
        """Remember a secret that the product made."""
        assert len(value) >= 8
        self.known[f"{name} #{len(self.known)}"] = value
        return value

    def found_in(self, text: str) -> list[str]:
        """Return the names of the secrets that stand in a text."""
        return [name for name, value in self.known.items() if value in text]

    def demand_clean(self, where: str, text: str) -> None:
        """Fail if a secret stands in a text, showing where."""
        for name, value in self.known.items():
            at = text.find(value)
            assert at < 0, f"{name} in {where}: …{text[max(0, at - 300) : at + 100]}…"
