"""Settings of outgoing webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WebhookSettings(BaseSettings):
    """Outgoing webhooks: how long a receiver may take, and when it is tried again."""

    model_config = SettingsConfigDict(env_prefix="MUSEKIT_WEBHOOK_", extra="ignore")

    timeout_seconds: float = Field(
        15, gt=0, le=60, description="longest wait for a receiver’s answer"
    )
    schedule: list[Annotated[float, Field(gt=0)]] = Field(
        [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], max_length=11,
        description="seconds before each further try, as a JSON list",
    )  # fmt: skip
    disable_after_days: float = Field(
        5, gt=0, description="days of nothing but failures after which an endpoint is switched off"
    )
    per_space: int = Field(10, ge=1, le=100, description="endpoints that one space may have")
    in_flight: int = Field(
        20, ge=1, le=80, description="endpoints that one run of the job calls at the same time"
    )
    keep_days: int = Field(30, ge=4, description="days that what was told is listed")
