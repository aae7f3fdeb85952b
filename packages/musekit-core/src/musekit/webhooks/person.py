"""Who may be shown a secret: programs with the right, people who have just proven themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from musekit.errors import ReauthenticationNeededError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def demand_recent(host: Host, actor: Actor) -> None:
    """Refuse a browser whose person has not proven who they are lately; programs pass.

    Rules of access ask either for a browser or not at all; these routes are for both. That it is
    no operator who acts as the person is left to the rule (`in_person`).

    Raises:
        ReauthenticationNeededError: the proof is too old.
    """
    if actor.session_id is None:
        return
    window = timedelta(minutes=host.settings.auth_recent_minutes)
    at = actor.authenticated_at
    if at is None or datetime.now(UTC) - at > window:
        raise ReauthenticationNeededError(
            "Confirm that it is you, then repeat this. Nothing was changed."
        )
