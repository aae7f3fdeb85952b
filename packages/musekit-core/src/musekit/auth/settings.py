"""Settings of sign-in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from musekit.auth.federation.settings import FederationSettings


class AuthSettings(FederationSettings):
    """Sign-in: how long what is mailed is good for, and where people may come from."""

    model_config = SettingsConfigDict(env_prefix="MUSEKIT_AUTH_", extra="ignore")

    verify_email: Literal["asked", "required"] = Field(
        "asked",
        description="required: nobody comes in before their address is confirmed, and signing up"
        " tells nobody which addresses have an account; mail must work then",
    )
    verify_hours: int = Field(
        48, ge=1, le=720, description="hours in which a mailed link confirms an address"
    )
    reset_minutes: int = Field(
        60, ge=5, le=60, description="minutes in which a mailed link sets a new password"
    )
    impersonation_minutes: int = Field(
        60, ge=0, le=60, description="minutes in which an operator may act as a person, who is"
        " told; 0: never",
    )  # fmt: skip
