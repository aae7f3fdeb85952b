"""The navigation as one person sees it: entries of the plugins, in groups, without dead ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from musekit.declarations import NavItem
from musekit.kernel.actors import Actor


@dataclass
class NavGroup:
    """A titled part of the navigation."""

    label: str
    items: list[NavItem] = field(default_factory=list)


def navigation_for(actor: Actor | None, items: Sequence[NavItem]) -> list[NavGroup]:
    """Return the groups an actor sees, each in the order of its entries' weights.

    Args:
        items: sorted by weight; a group stands where its lightest entry would.
    """
    if actor is None:
        return []
    groups: dict[str, NavGroup] = {}
    for item in items:
        if item.permission is None or actor.may(item.permission):
            groups.setdefault(item.group, NavGroup(item.group)).items.append(item)
    return list(groups.values())


def current_entry(path: str, groups: Sequence[NavGroup]) -> str | None:
    """Return the href of the entry that a path belongs to: the longest that begins it."""
    hrefs = [item.href for group in groups for item in group.items]
    fitting = [href for href in hrefs if path == href or path.startswith(href.rstrip("/") + "/")]
    return max(fitting, key=len, default=None)
