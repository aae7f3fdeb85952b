"""Settings of the language models, from ``MUSEKIT_AI_*`` environment variables."""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _key(name: str, service: str) -> AliasChoices:
    return AliasChoices(f"MUSEKIT_AI_{name}_API_KEY", f"{service}_API_KEY")


class AISettings(BaseSettings):
    """Each is ``MUSEKIT_AI_`` and the name below in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="MUSEKIT_AI_", extra="ignore", populate_by_name=True
    )

    provider: str = Field(
        "", description="`openai`, `xai`, `anthropic`, `compatible` or a plugin's; empty: none"
    )
    model: str = Field("", description="model that answers; empty: the provider's usual one")
    base_url: str = Field("", description="API base of a `compatible` provider, with its /v1")
    openai_api_key: SecretStr | None = Field(
        None, validation_alias=_key("OPENAI", "OPENAI"), description="key of OpenAI"
    )
    xai_api_key: SecretStr | None = Field(
        None, validation_alias=_key("XAI", "XAI"), description="key of xAI"
    )
    anthropic_api_key: SecretStr | None = Field(
        None, validation_alias=_key("ANTHROPIC", "ANTHROPIC"), description="key of Anthropic"
    )
    compatible_api_key: SecretStr | None = Field(
        None, description="key of a `compatible` provider, where it asks for one"
    )
    openai_url: str = Field("https://api.openai.com/v1", description="API base of OpenAI")
    xai_url: str = Field("https://api.x.ai/v1", description="API base of xAI")
    anthropic_url: str = Field("https://api.anthropic.com", description="API base of Anthropic")
    timeout_seconds: float = Field(60, gt=0, le=600, description="longest wait for a whole answer")
    first_token_seconds: float = Field(
        20, gt=0, le=600, description="longest wait for the beginning of an answer"
    )
    retries: int = Field(
        2, ge=0, le=5, description="further tries while nothing of an answer has come"
    )
    prices: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description="prices that are not the published ones: model → dollars per million tokens"
        ' read and written, such as `{"my-model": [0.5, 1.5]}`',
    )

    @field_validator("base_url", "openai_url", "xai_url", "anthropic_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.strip().rstrip("/")

    def url_of(self, provider: str) -> str:
        """Return the API base of a provider of ours, "" of another."""
        return {
            "openai": self.openai_url, "xai": self.xai_url, "anthropic": self.anthropic_url,
            "compatible": self.base_url,
        }.get(provider, self.base_url)  # fmt: skip

    def key_of(self, provider: str) -> SecretStr:
        """Return the key of a provider of ours, empty where there is none."""
        key = {
            "openai": self.openai_api_key, "xai": self.xai_api_key,
            "anthropic": self.anthropic_api_key,
        }.get(provider, self.compatible_api_key)  # fmt: skip
        return key or SecretStr("")
