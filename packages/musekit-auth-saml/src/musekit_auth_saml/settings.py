"""Settings of SAML, from ``MUSEKIT_AUTH_SAML_*`` environment variables."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SamlSettings(BaseSettings):
    """Each is ``MUSEKIT_AUTH_SAML_`` and the name below in capitals."""

    model_config = SettingsConfigDict(env_prefix="MUSEKIT_AUTH_SAML_", extra="ignore")

    xmlsec1: str = Field(
        "", description="path of the program xmlsec1; empty: it is looked for on the PATH"
    )
    minutes: int = Field(10, ge=2, le=60, description="minutes that a sign-in may take on its way")
