"""``/api/social/tier``, ``/health`` and ``/debug``."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from typing_extensions import TypedDict

from musekit.api import (
    Actor,
    HostDep,
    NotFoundError,
    ReadSession,
    Space,
    requires,
    signed_in,
)
from passivepost import health, tiers
from passivepost.accounts import service as accounts
from passivepost.posts import caps, clock
from passivepost.settings import PassivePostSettings

router = APIRouter(tags=["monitoring"])


class Usage(TypedDict):
    """How much of a limit is used; `limit` None is unlimited."""

    limit: int | None
    used: int
    resets_at: datetime | None


class TierOut(TypedDict):
    """The tier of the space, its limits and what is used of them."""

    product: str
    tier: str
    label: str
    limits: dict[str, int | None]
    usage: dict[str, Usage]
    upgrade: dict[str, Any] | None


class PlatformState(TypedDict):
    """The last known state of a platform."""

    platform: str
    label: str
    status: str
    detail: str
    checked_at: datetime | None


class HealthOut(TypedDict):
    """The last known state of all platforms."""

    status: str
    items: list[PlatformState]
    next_cursor: None


@router.get("/tier")
def get_tier(
    actor: Annotated[Actor, requires("social.posts.read")], host: HostDep, session: ReadSession
) -> TierOut:
    """Get the tier, its limits, and what is used of them today and this month."""
    assert actor.space_id is not None
    allowed = tiers.allowance(host, actor.space_id)
    space = session.get(Space, actor.space_id)
    if space is None:
        raise NotFoundError("There is no such space here.")
    zone, now = space.timezone, datetime.now(UTC)
    day = clock.day_of(now, zone)
    posts = caps.used(session, space.id, caps.POSTS, [day, day[:7]])
    ai = caps.used(session, space.id, "ai", [day])
    connected = accounts.connected(session, space.id)
    tomorrow, month = clock.next_day(now, zone), clock.next_month(now, zone)
    used: dict[str, tuple[int, datetime | None]] = {
        "posts_per_day": (posts[day], tomorrow),
        "posts_per_month": (posts[day[:7]], month),
        "platforms": (connected, None),
        "ai_per_day": (ai[day], tomorrow),
    }
    return {
        "product": tiers.PRODUCT,
        "tier": allowed.tier.key,
        "label": allowed.tier.label,
        "limits": dict(allowed.tier.limits),
        "usage": {
            name: {"limit": allowed.limit(name), "used": count, "resets_at": resets}
            for name, (count, resets) in used.items()
        },
        "upgrade": None
        if allowed.upgrade is None
        else {
            "tier": allowed.upgrade.key,
            "label": allowed.upgrade.label,
            "limits": dict(allowed.upgrade.limits),
        },
    }


@router.get("/health")
def get_health(
    actor: Annotated[Actor, requires("social.posts.read")], host: HostDep, session: ReadSession
) -> HealthOut:
    """Get the state of each platform as it was seen last. Asks no network."""
    items = health.platform_states(session, host)
    worst = {each["status"] for each in items} & {"down", "degraded"}
    return {
        "status": "degraded" if worst else "ok",
        "items": items,  # type: ignore[typeddict-item]
        "next_cursor": None,
    }


@router.get("/debug")
def get_debug(actor: Annotated[Actor, signed_in()], host: HostDep) -> dict[str, Any]:
    """Show internal state to the operator, with MUSE_DEBUG_MODE on and not in production."""
    on = host.settings_of(PassivePostSettings).debug and host.settings.mode != "production"
    if not (on and actor.is_operator):
        raise NotFoundError("There is no such page.")
    return health.debug_state(host)
