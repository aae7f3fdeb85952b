"""Settings of organizations, from ``MUSEKIT_ORGANIZATIONS_*`` environment variables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OrganizationsSettings(BaseSettings):
    """Each is ``MUSEKIT_ORGANIZATIONS_`` and the name below in capitals."""

    model_config = SettingsConfigDict(env_prefix="MUSEKIT_ORGANIZATIONS_", extra="ignore")

    create: Literal["everybody", "operators"] = Field(
        "everybody", description="who may make an organization"
    )
    invite_days: int = Field(7, ge=1, le=90, description="days that an invitation may be accepted")
