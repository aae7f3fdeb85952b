"""Settings of the X platform: ``PASSIVEPOST_PLATFORM_TWITTER_*``."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TwitterSettings(BaseSettings):
    """The app registered with X, and the addresses of its API."""

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_PLATFORM_TWITTER_", extra="ignore")

    client_id: str = Field("", description="OAuth 2.0 client id from X's developer portal")
    client_secret: SecretStr = Field(
        SecretStr(""), description="its secret; empty for a public client"
    )
    api_url: str = Field("https://api.x.com", description="base address of the API")
    authorize_url: str = Field(
        "https://x.com/i/oauth2/authorize", description="page on which a person allows access"
    )
    longest_call_seconds: float = Field(
        60, gt=0, description="seconds after which a call counts as cut"
    )
    media_wait_seconds: float = Field(
        60,
        gt=0,
        description="longest wait for X to process a video, per attempt",
    )
