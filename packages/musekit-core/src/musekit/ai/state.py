"""Who answers in a space, for people and programs that want to know before they ask."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.ai import choosing
from musekit.ai.opening import SYSTEM
from musekit.ai.schemas import StateOut
from musekit.ai.settings import AISettings
from musekit.declarations import Health
from musekit.errors import UnavailableError
from musekit.kernel.host import Host
from musekit.spaces.models import Space


def of_space(host: Host, space_id: UUID) -> StateOut:
    """Say who answers in a space. Calls no service."""
    with host.database.session(SYSTEM, readonly=True) as session:
        organization_id = session.scalar(select(Space.organization_id).where(Space.id == space_id))
        try:
            choice = choosing.choose(session, host, organization_id)
        except UnavailableError as error:
            return StateOut(
                source="provider", ai_generated=True, provider="", model="", own=False,
                problem=error.detail,
            )  # fmt: skip
    if choice is None:
        return StateOut(
            source="offline", ai_generated=False, provider="offline", model="", own=False,
            problem=None,
        )  # fmt: skip
    return StateOut(
        source="provider", ai_generated=True, provider=choice.provider.key,
        model=choice.config.model, own=choice.own_key, problem=None,
    )  # fmt: skip


def of_operator(session: Session, host: Host) -> tuple[choosing.Choice | None, str]:
    """Return what answers where nobody has an own one, and why it cannot; empty: it can.

    Calls no service; runs as the system.
    """
    try:
        return choosing.choose(session, host, None), ""
    except UnavailableError as error:
        return None, error.detail


def health(host: Host) -> Health:
    """Judge what the settings say; what people set up themselves they see on its page."""
    settings = host.settings_of(AISettings)
    try:
        choice = choosing.of_settings(host)
    except UnavailableError as error:
        return Health(
            status="warn", detail=error.detail,
            advice="Set the key, choose another MUSEKIT_AI_PROVIDER, or leave it empty.",
        )  # fmt: skip
    if choice is None:
        return Health(status="ok", detail="no model in the settings; the offline drafter answers")
    if not choice.config.model or not choice.config.base_url:
        missing = "MODEL" if not choice.config.model else "BASE_URL"
        return Health(
            status="warn", detail=f"{settings.provider} is to answer, without a {missing.lower()}",
            advice=f"Set MUSEKIT_AI_{missing}.",
        )  # fmt: skip
    return Health(status="ok", detail=f"{choice.provider.label}, {choice.config.model}")
