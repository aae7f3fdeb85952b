"""The form of an endpoint, and what its page needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel

from musekit.kernel.host import Host
from musekit.webhooks.emitting import EVERYTHING
from musekit.webhooks.endpoints import Wanted
from musekit.webhooks.models import WebhookEndpoint


class EndpointForm(BaseModel):
    """What the form sends."""

    url: str = ""
    description: str = ""
    events: list[str] = []

    def wanted(self) -> Wanted:
        """Return what is wanted."""
        return Wanted(url=self.url, description=self.description, events=self.events)


class Choice(NamedTuple):
    """An event that can be ticked."""

    key: str
    label: str
    known: bool  #: False: of a plugin that is not installed just now


def choices(host: Host, chosen: Iterable[str] = ()) -> list[Choice]:
    """Return the events that can be chosen, and those that were and are not there any more."""
    events = host.registry.webhook_events
    found = [Choice(each.key, each.label, known=True) for each in events.values()]
    gone = set(chosen) - events.keys() - {EVERYTHING}
    found += [Choice(key, "", known=False) for key in gone]
    return sorted(found)


def blank() -> dict[str, Any]:
    """Return the values of an empty form."""
    return {"url": "", "description": "", "events": [EVERYTHING]}


def filled(row: WebhookEndpoint) -> dict[str, Any]:
    """Return the values of an endpoint's form."""
    return {"url": row.url, "description": row.description, "events": row.events}
