"""The form by which a service is set up, for an organization and for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from musekit.ai import configs
from musekit.kernel.host import Host


class ServiceForm(BaseModel):
    """What the form sends."""

    provider: str = ""
    model: str = ""
    base_url: str = ""
    key: str = ""
    timeout_seconds: str = "60"
    is_default: str = ""

    def wanted(self) -> configs.Wanted:
        """Return what is wanted; a time that is no number is too short."""
        seconds = self.timeout_seconds.strip()
        return configs.Wanted(
            provider=self.provider, model=self.model, base_url=self.base_url, key=self.key,
            timeout_seconds=int(seconds) if seconds.isdecimal() and len(seconds) < 5 else 0,
            is_default=bool(self.is_default),
        )  # fmt: skip

    def again(self) -> dict[str, Any]:
        """Return what was typed, for the form; a key does not come back."""
        return self.model_dump(exclude={"key"})


def filled(host: Host, services: Sequence[configs.Shown], edit: str) -> dict[str, Any]:
    """Return what the form's template needs, filled for the service that is to be changed."""
    providers = host.registry.ai_providers
    known = next((each for each in services if each.provider == edit), None)
    given = {
        "provider": edit if edit in providers else next(iter(providers), ""), "is_default": "on",
        "model": known.model if known else "", "base_url": known.base_url if known else "",
        "timeout_seconds": known.timeout_seconds if known else 60,
    }  # fmt: skip
    choices = [(each.key, each.label) for each in providers.values()]
    return {"given": given, "errors": {}, "editing": known, "choices": choices}
