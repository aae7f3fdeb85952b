"""Misuse of signing in by another service, one list for every kind of provider (D12, D14)."""

from tests.support.misuse import addresses, binding, linking
from tests.support.misuse.scene import CASES, Case, Scene, Way, trial

__all__ = ["CASES", "Case", "Scene", "Way", "of", "trial"]

#: They note their cases as they are imported.
MODULES = (binding, linking, addresses)


def of(kind: str) -> list[Case]:
    """Return the cases that mean something for a kind of provider."""
    return [each for each in CASES if kind in each.kinds]
