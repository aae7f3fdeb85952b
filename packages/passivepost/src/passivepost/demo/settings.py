"""Who the sample person is: ``PASSIVEPOST_DEMO_*``."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DemoSettings(BaseSettings):
    """Read when ``musekit up --demo`` has started."""

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_DEMO_", extra="ignore")

    email: str = Field("sample@demo.test", description="address of the sample sign-in")
    password: SecretStr = Field(
        SecretStr(""), description="its password; empty: one is made and printed"
    )
    username: str = Field("juniper", description="account of the sandbox network it connects")
