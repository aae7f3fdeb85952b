"""Settings of PassivePost, from ``PASSIVEPOST_*`` environment variables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PassivePostSettings(BaseSettings):
    """Each is ``PASSIVEPOST_`` and the name below in capitals."""

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_", extra="ignore")

    # --- Publishing: intervals in seconds unless the name says otherwise ---
    late_minutes: float = Field(60, gt=0, description="a post later than this is not sent unasked")
    late_policy: Literal["ask", "publish", "skip"] = Field(
        "ask", description="what happens to posts that are too late"
    )
    poll_seconds: float = Field(5, gt=0, le=60, description="longest sleep of the publisher")
    sweep_seconds: float = Field(15, gt=0, description="between two looks for lost leases")
    lease_margin_seconds: float = Field(
        120, gt=0, description="lease beyond the longest call of the platform"
    )
    claim_batch: int = Field(1000, ge=1, description="posts claimed in one transaction, at most")
    send_slots: int = Field(400, ge=1, description="calls to platforms in flight per worker")
    per_space: int = Field(4, ge=1, description="posts of one space in flight, at most")
    retries: int = Field(3, ge=0, description="tries again after an error before the send")
    retry_base_seconds: float = Field(30, gt=0, description="wait before the first of them")
    retry_cap_seconds: float = Field(900, gt=0, description="longest wait between them")
    reconcile_seconds: list[float] = Field(
        default_factory=lambda: [30.0, 120.0, 600.0, 3600.0],
        description="when a sent but unconfirmed post is looked for, after the send",
    )
    cron_budget_seconds: float = Field(
        50, gt=0, description="how long one call of the cron endpoint delivers"
    )

    # --- Connected accounts ---
    oauth_minutes: float = Field(10, gt=0, le=60, description="life of a started connection")
    refresh_before_minutes: float = Field(
        10, gt=0, description="a token with less life left than this is refreshed before use"
    )
    refresh_wait_seconds: float = Field(
        10, gt=0, description="how long others wait for a refresh under way"
    )

    # --- Background ---
    health_seconds: float = Field(900, gt=0, description="between two checks of the platforms")
    trend_seconds: float = Field(21_600, gt=0, description="between two searches for trends")
    engagement_seconds: float = Field(86_400, gt=0, description="between two pulls of metrics")
    engagement_days: int = Field(30, ge=1, description="age up to which metrics are pulled")

    default_tier: str = Field(
        "tier_1",
        description="tier of spaces that subscribe to none; a private deployment may raise it",
    )
    past_grace_seconds: float = Field(
        120, ge=0, description="a time this far in the past still counts as now"
    )
    debug: bool = Field(
        False, validation_alias="MUSE_DEBUG_MODE", description="lets operators read /debug"
    )
