"""Settings of the Bluesky platform: ``PASSIVEPOST_PLATFORM_BLUESKY_*``."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class BlueskySettings(BaseSettings):
    """Addresses of the network's public services; a private network has its own."""

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_PLATFORM_BLUESKY_", extra="ignore")

    resolver_url: str = Field(
        "https://public.api.bsky.app", description="service that turns a handle into a DID"
    )
    plc_url: str = Field("https://plc.directory", description="directory of did:plc documents")
    appview_url: str = Field(
        "https://public.api.bsky.app", description="service that counts likes and replies"
    )
    web_url: str = Field("https://bsky.app", description="site on which people read posts")
    longest_call_seconds: float = Field(
        60, gt=0, description="seconds after which a call counts as cut"
    )
