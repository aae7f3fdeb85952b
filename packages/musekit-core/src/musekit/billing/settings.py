"""Settings of billing, from ``MUSEKIT_BILLING_*`` environment variables."""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class BillingSettings(BaseSettings):
    """Each is ``MUSEKIT_BILLING_`` and the name below in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="MUSEKIT_BILLING_", extra="ignore", populate_by_name=True
    )

    stripe_secret_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("MUSEKIT_BILLING_STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY"),
        description="secret or restricted key of Stripe; without it nothing is for sale",
    )
    stripe_webhook_secrets: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(
            "MUSEKIT_BILLING_STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET"
        ),
        description="signing secrets of the webhook endpoint, comma between them while they change",
    )
    stripe_url: str = Field("https://api.stripe.com", description="API base of Stripe")
    stripe_account: str = Field(
        "", description="`acct_…` whose events count, where Stripe Connect sends those of several"
    )
    trial_days: int = Field(0, ge=0, le=730, description="days of a trial, once per customer")
    grace_days: int = Field(
        7, ge=0, description="days that a subscription whose payment failed keeps its tier"
    )
    automatic_tax: bool = Field(
        False, description="let Stripe Tax work out taxes on its pages; to be set up there first"
    )
    event_days: int = Field(90, ge=1, description="days that Stripe's events are kept")

    @field_validator("stripe_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @property
    def is_configured(self) -> bool:
        """True when there is a key: things can be sold."""
        return bool(self.stripe_secret_key and self.stripe_secret_key.get_secret_value())

    @property
    def is_live(self) -> bool:
        """True when the key moves real money."""
        key = self.stripe_secret_key.get_secret_value() if self.stripe_secret_key else ""
        return "_live_" in key

    @property
    def webhook_secrets(self) -> list[str]:
        """The signing secrets that are accepted now."""
        text = self.stripe_webhook_secrets.get_secret_value() if self.stripe_webhook_secrets else ""
        return [part.strip() for part in text.split(",") if part.strip()]
