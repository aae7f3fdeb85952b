"""Fine tuning of the publisher; the settings people meet stand in `passivepost.settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PublishingSettings(BaseSettings):
    """Each is ``PASSIVEPOST_PUBLISH_`` and the name below in capitals. Seconds."""

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_PUBLISH_", extra="ignore")

    arm_safety: float = Field(
        10, gt=0, description="lease left beyond the longest call when a post is armed"
    )
    arm_fresh: float = Field(
        2, gt=0, description="an armed post not sent within this time is not sent at all"
    )
    resend_quiet: float = Field(
        600, ge=0, description="after the longest call, before a post found absent is sent again"
    )
    drain_grace: float = Field(
        30, ge=0, description="beyond the longest call, for calls in flight when stopping"
    )
    rate_limit_wait: float = Field(
        60, gt=0, description="wait after a rate limit that names no time"
    )
    rate_limit_jitter: float = Field(
        5, ge=0, description="spread of the posts that wait for the same moment"
    )
    prepare_slots: int = Field(
        16, ge=1, description="posts whose media are prepared at the same time, per worker"
    )
    prepare_seconds: float = Field(
        100, gt=0, description="longest preparation of a post's media; below the lease's margin"
    )
    media_bytes: int = Field(
        100_000_000, ge=1000, description="bytes of a picture or video, at most; held in memory"
    )
    crash_limit: int = Field(
        2, ge=1, description="workers a post may end while being prepared, before it is failed"
    )
    gather_ms: float = Field(
        2, ge=0, description="how long a database thread gathers a batch while posts stream"
    )
    spool_kib: int = Field(
        1024, ge=16, description="space kept on disk for results while the database is away"
    )
    spool_seconds: float = Field(5, gt=0, description="between two tries to store spooled results")
