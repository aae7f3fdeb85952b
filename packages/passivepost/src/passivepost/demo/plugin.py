"""The demo, as PassivePost adds it to ``musekit up --demo``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from musekit import declarations as d
from musekit import hookimpl

if TYPE_CHECKING:
    from musekit.api import Host


@hookimpl
def musekit_register_settings() -> Iterable[d.SettingsSection]:
    """Who the sample person is."""
    from passivepost.demo.settings import DemoSettings

    return [d.SettingsSection(model=DemoSettings)]


@hookimpl
def musekit_on_demo(host: Host, base_url: str) -> Mapping[str, Any] | None:
    """Fill the deployment with a sample account and its posts, once."""
    from passivepost.demo.seeding import seed

    return seed(host, base_url)
