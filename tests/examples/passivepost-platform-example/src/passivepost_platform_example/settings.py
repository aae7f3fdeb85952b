"""Settings: PASSIVEPOST_PLATFORM_EXAMPLE_CLIENT_ID and so on."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExampleSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PASSIVEPOST_PLATFORM_EXAMPLE_")

    url: str = "https://api.example.com"
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
