"""How PassivePost is doing: stored states of platforms, and checks that call no network."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.api import Actor, Health, Host, SocialPost
from passivepost.accounts.models import PlatformHealth
from passivepost.accounts.registry import is_configured, platforms_of
from passivepost.publishing.models import PublishState

#: Due for so long without being taken: nobody publishes.
STUCK = timedelta(minutes=10)


def platform_states(session: Session, host: Host) -> list[dict[str, Any]]:
    """Return the last known state of each platform that can be used here."""
    known = {row.platform: row for row in session.scalars(select(PlatformHealth))}
    states = []
    for platform in platforms_of(host).all():
        row = known.get(platform.name)
        state = {
            "platform": platform.name,
            "label": platform.label,
            "status": row.status if row else "unknown",
            "detail": row.detail if row else "Not checked yet.",
            "checked_at": row.checked_at if row else None,
        }
        if platform.stub:
            state |= {"status": "not_available", "detail": "Not available yet.", "checked_at": None}
        elif not is_configured(platform):
            state |= {"status": "not_configured", "detail": "Its client id is missing."}
        states.append(state)
    return states


def check_platforms(host: Host) -> Health:
    """Warn when no platform can be connected, or one is down."""
    usable = [p for p in platforms_of(host).all() if not p.stub and is_configured(p)]
    if not usable:
        return Health(
            status="warn",
            detail="no platform can be connected",
            advice="Install a platform package and set its client id, then restart.",
        )
    with host.database.session(Actor.system("health"), readonly=True) as session:
        down = session.scalars(
            select(PlatformHealth.platform).where(PlatformHealth.status == "down")
        ).all()
    if down:
        return Health(status="warn", detail=f"down at the last check: {', '.join(sorted(down))}")
    return Health(status="ok", detail=", ".join(platform.label for platform in usable))


def check_publisher(host: Host) -> Health:
    """Fail when due posts lie untaken: no worker runs, or it cannot work."""
    limit = datetime.now(UTC) - STUCK
    with host.database.session(Actor.system("health"), readonly=True) as session:
        oldest = session.scalar(
            select(func.min(PublishState.due_at)).where(
                PublishState.stage == "waiting",
                PublishState.hold.is_(None),
                PublishState.due_at < limit,
            )
        )
    if oldest is None:
        return Health(status="ok")
    return Health(
        status="fail",
        detail=f"a post due at {oldest.isoformat(timespec='seconds')} was not taken",
        advice="Start `musekit worker`, or have cron call /api/social/cron/process-scheduled.",
    )


def debug_state(host: Host) -> dict[str, Any]:
    """Return internal state for the operator; no token, no text of a post."""
    with host.database.session(Actor.system("debug"), readonly=True) as session:
        posts = session.execute(
            select(SocialPost.status, func.count().label("n")).group_by(SocialPost.status)
        ).all()
        queue = session.execute(
            select(PublishState.stage, PublishState.hold, func.count()).group_by(
                PublishState.stage, PublishState.hold
            )
        ).all()
    return {
        "version": importlib.metadata.version("passivepost"),
        "mode": host.settings.mode,
        "database": "postgresql" if host.database.is_postgres else "sqlite",
        "posts": {row.status: row.n for row in posts},
        "queue": [{"stage": stage, "hold": hold, "count": n} for stage, hold, n in queue],
        "platforms": [
            {"name": p.name, "stub": p.stub, "configured": is_configured(p)}
            for p in platforms_of(host).all()
        ],
        "quarantined": [each.plugin for each in host.registry.quarantined],
    }
