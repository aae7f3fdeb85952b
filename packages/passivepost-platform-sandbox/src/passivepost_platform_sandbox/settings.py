"""Settings of the sandbox platform: ``PASSIVEPOST_PLATFORM_SANDBOX_*``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Where the network is mounted inside the application.
MOUNT = "/-/sandbox"


class SandboxSettings(BaseSettings):
    """Where the sample network is, and what the platform declares about it."""

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_PLATFORM_SANDBOX_", extra="ignore")

    base_url: str = Field(
        "", description="address of the network; empty: the one inside this application"
    )
    client_id: str = Field("passivepost", description="client registered with the network")
    client_secret: SecretStr = Field(
        SecretStr("sample-network-secret"), description="its secret, the network's sample"
    )
    idempotency: Literal["native", "none"] = Field(
        "native", description="declare that the network honours our keys, or that it does not"
    )
    read_back: bool = Field(True, description="declare that posts can be read back")
    duplicate_signal: Literal["id", "no_id", "none"] = Field(
        "none", description="declare what a refusal of a repeat carries"
    )
    longest_call_seconds: float = Field(
        20, gt=0, description="seconds after which a call counts as cut"
    )

    def address(self, public_url: str) -> str:
        """Return the network's address, without a slash at the end."""
        return (self.base_url or public_url.rstrip("/") + MOUNT).rstrip("/")
