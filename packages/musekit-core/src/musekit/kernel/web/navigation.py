"""The navigation as one person sees it: entries of the plugins, in groups, without dead ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from musekit.declarations import Area, NavItem
from musekit.kernel.actors import Actor

AREAS: tuple[Area, ...] = get_args(Area)


@dataclass
class NavGroup:
    """A titled part of the navigation."""

    label: str
    items: list[NavItem] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Navigation:
    """What one person may go to from a page, by area."""

    areas: Mapping[Area, Sequence[NavGroup]]
    area: Area  #: where the page is
    current: str | None  #: href of the entry that the page belongs to

    @property
    def sidebar(self) -> Sequence[NavGroup]:
        """The groups of the sidebar: those of the admin pages there, else of the application."""
        return self.areas["admin" if self.area == "admin" else "app"]

    def items(self, area: Area) -> list[NavItem]:
        """Return the entries of an area, in order."""
        return [item for group in self.areas[area] for item in group.items]

    def home(self, area: Area) -> str | None:
        """Return the first page of an area; None if the person sees nothing of it."""
        return next((item.href for item in self.items(area)), None)


def navigation_of(actor: Actor | None, items: Sequence[NavItem], path: str) -> Navigation:
    """Return what an actor may go to from the page at `path`."""
    areas = {area: navigation_for(actor, items, area) for area in AREAS}
    found = current_entry(path, [group for groups in areas.values() for group in groups])
    area: Area = "app"
    for name, groups in areas.items():
        if found in [item.href for group in groups for item in group.items]:
            area = name
    return Navigation(areas=areas, area=area, current=found)


def navigation_for(
    actor: Actor | None, items: Iterable[NavItem], area: Area = "app"
) -> list[NavGroup]:
    """Return the groups of an area that an actor sees, each in the order of its entries' weights.

    Args:
        items: sorted by weight; a group stands where its lightest entry would.
    """
    if actor is None:
        return []
    groups: dict[str, NavGroup] = {}
    for item in items:
        if item.area == area and _may_see(actor, item):
            groups.setdefault(item.group, NavGroup(item.group)).items.append(item)
    return list(groups.values())


def _may_see(actor: Actor, item: NavItem) -> bool:
    if item.operator and not actor.is_operator:
        return False
    return item.permission is None or actor.may(item.permission)


def current_entry(path: str, groups: Sequence[NavGroup]) -> str | None:
    """Return the href of the entry that a path belongs to: the longest that begins it."""
    hrefs = [item.href for group in groups for item in group.items]
    fitting = [href for href in hrefs if path == href or path.startswith(href.rstrip("/") + "/")]
    return max(fitting, key=len, default=None)
