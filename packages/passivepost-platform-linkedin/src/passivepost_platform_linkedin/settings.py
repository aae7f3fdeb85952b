"""Settings of the LinkedIn platform: ``PASSIVEPOST_PLATFORM_LINKEDIN_*``."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class LinkedInSettings(BaseSettings):
    """The app registered with LinkedIn, and the addresses of its API.

    `pkce` is off because LinkedIn has it for native apps with loopback redirects only, switched on
    per app by a person at LinkedIn (authorization-code-flow-native, read 2026-11); any other app
    is known by its secret and the state alone.

    `refresh_tokens` is off because only apps that LinkedIn approved as partners get any
    (programmatic refresh tokens, read 2026-08). Without them people connect again every 60 days.
    """

    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_PLATFORM_LINKEDIN_", extra="ignore")

    client_id: str = Field("", description="client id of the app in LinkedIn's developer portal")
    client_secret: SecretStr = Field(SecretStr(""), description="its primary client secret")
    scopes: str = Field(
        "openid profile w_member_social",
        min_length=1,
        description="what people are asked to allow, parted by spaces; one that the app was not"
        " given makes LinkedIn refuse all",
    )
    pkce: bool = Field(
        False, description="send a PKCE challenge; only for apps for which LinkedIn switched it on"
    )
    refresh_tokens: bool = Field(
        False, description="LinkedIn has approved the app for programmatic refresh tokens"
    )
    version: str = Field(
        "202604",
        pattern=r"^20[0-9]{2}(0[1-9]|1[0-2])$",
        description="version of the API, YYYYMM; LinkedIn ends each about a year after its month",
    )
    api_url: str = Field("https://api.linkedin.com", description="base address of the API")
    site_url: str = Field(
        "https://www.linkedin.com",
        description="site on which people allow access and read posts",
    )
    longest_call_seconds: float = Field(
        60, gt=0, description="seconds after which a call counts as cut"
    )
    image_wait_seconds: float = Field(
        3,
        ge=0,
        description="wait after uploading pictures: LinkedIn does not tell members when they are"
        " ready",
    )
    media_wait_seconds: float = Field(
        60, gt=0, description="longest wait for LinkedIn to process a video, per attempt"
    )
    new_token_seconds: float = Field(
        5,
        ge=0,
        description="wait before asking again when LinkedIn does not know a token: new ones take"
        " some seconds",
    )
