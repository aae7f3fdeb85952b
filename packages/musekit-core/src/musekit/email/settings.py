"""Settings of mail."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class EmailSettings(BaseSettings):
    """Mail: who it is from, and how it leaves."""

    model_config = SettingsConfigDict(
        env_prefix="MUSEKIT_EMAIL_", extra="ignore", validate_default=True, populate_by_name=True
    )

    provider: Literal["outbox", "smtp", "resend"] = Field(
        "outbox", description="how mail leaves: kept here to be read by the operator, or sent"
    )
    sender: str = Field(
        "", description="address mail is from; needed to send; empty: no-reply@ the public host"
    )
    sender_name: str = Field("", description="name mail is from; empty: that of the product")
    reply_to: str = Field("", description="address that answers go to")
    smtp_host: str = Field("", description="name of the SMTP server")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_username: str = Field("", description="login there; empty: none is needed")
    smtp_password: SecretStr | None = Field(None, description="password of the login")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`tls` from the first byte (port 465), or STARTTLS; or in the clear"
    )
    smtp_seconds: float = Field(30, gt=0, le=100, description="longest wait for one answer of it")
    resend_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("MUSEKIT_EMAIL_RESEND_API_KEY", "RESEND_API_KEY"),
        description="key of Resend that may send",
    )  # fmt: skip
    resend_url: str = Field("https://api.resend.com", description="API base of Resend")
    resend_webhook_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(
            "MUSEKIT_EMAIL_RESEND_WEBHOOK_SECRET", "RESEND_WEBHOOK_SECRET"
        ),
        description=(
            "`whsec_…` of its webhook to /api/email/resend/webhook, by which it tells of bounces"
            " and complaints; comma between two while they change"
        ),
    )
    retry_seconds: float = Field(
        30, gt=0, description="wait before the first further try; doubled for each next one"
    )
    retry_hours: float = Field(
        48, gt=0, description="hours after which a mail that could not be sent counts as failed"
    )
    keep_days: int = Field(30, ge=1, description="days a mail is listed after it was sent")
    batch: int = Field(20, ge=1, le=100, description="mails sent over one connection at most")
    at_once: int = Field(2, ge=1, le=20, description="mails under way at a time in one process")

    @field_validator("sender", "reply_to")
    @classmethod
    def _an_address(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "sender" and not value and info.data.get("provider") != "outbox":
            raise ValueError("must be set, for mail is to be sent")
        try:
            return (
                value
                and validate_email(
                    value.strip(), check_deliverability=False, test_environment=True
                ).normalized
            )
        except EmailNotValidError as error:
            raise ValueError(str(error)) from None

    @field_validator("sender_name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("is one line of text")
        return value

    @field_validator("smtp_host")
    @classmethod
    def _where_to(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("provider") == "smtp":
            raise ValueError("must be set, for MUSEKIT_EMAIL_PROVIDER is smtp")
        return value

    @field_validator("resend_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("resend_api_key")
    @classmethod
    def _a_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        text = value.get_secret_value().strip() if value is not None else ""
        if not text and info.data.get("provider") == "resend":
            raise ValueError("must be set, for MUSEKIT_EMAIL_PROVIDER is resend")
        if not text.isascii() or not text.isprintable():
            raise ValueError("is no key of Resend")
        return SecretStr(text) if text else None

    @field_validator("resend_webhook_secret")
    @classmethod
    def _signing_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            for each in _parts(value):
                try:
                    key = base64.b64decode(each.removeprefix("whsec_"), validate=True)
                except binascii.Error:
                    raise ValueError("is `whsec_` and a key in Base64") from None
                if len(key) < 24:
                    raise ValueError("is shorter than the 24 bytes that Resend gives")
        return value

    @property
    def keeps_all(self) -> bool:
        """True where no mail leaves: whoever runs the deployment reads it on the admin pages."""
        return self.provider == "outbox"

    @property
    def sends_in_the_clear(self) -> bool:
        """True where whoever is on the way reads the mail: links that open accounts are in it."""
        here = self.smtp_host in ("localhost", "::1") or self.smtp_host.startswith("127.")
        return self.provider == "smtp" and self.smtp_security == "none" and not here

    @property
    def webhook_keys(self) -> list[bytes]:
        """The keys that sign webhooks now; empty: none is taken."""
        return [
            base64.b64decode(each.removeprefix("whsec_"))
            for each in _parts(self.resend_webhook_secret)
        ]


def _parts(value: SecretStr | None) -> list[str]:
    text = value.get_secret_value() if value is not None else ""
    return [part.strip() for part in text.split(",") if part.strip()]
