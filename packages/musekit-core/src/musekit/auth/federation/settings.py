"""Settings of signing in by another service; a part of ``MUSEKIT_AUTH_…``."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _site(url: str) -> str:
    """Return an address as it was given if tokens may be fetched from it; ValueError otherwise."""
    parts = urlsplit(url)
    near = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not near):
        raise ValueError("must be an https address")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user")
    return url


Site = Annotated[str, AfterValidator(_site)]


class OidcApp(BaseModel):
    """Our registration with an OpenID Connect provider.

    Attributes:
        key: in the address of the way back, ``/sign-in/return/<key>``.
        issuer: exactly as the provider's discovery document names it.
    """

    model_config = ConfigDict(extra="forbid")

    key: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    label: str = Field(min_length=1, max_length=40)
    issuer: Site
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = SecretStr("")
    scopes: list[str] = ["openid", "email", "profile"]


def _distinct(apps: list[OidcApp]) -> list[OidcApp]:
    keys = [app.key for app in apps]
    taken = {"google", "github", "saml"}.intersection(keys)
    if taken or len(set(keys)) < len(keys):
        raise ValueError("each key must be another one, and not google, github or saml")
    return apps


class FederationSettings(BaseSettings):
    """Where people may come from."""

    google_client_id: str = Field("", description="of the OAuth client; empty: no Google button")
    google_client_secret: SecretStr = Field(SecretStr(""), description="of the OAuth client")
    google_issuer: Site = Field("https://accounts.google.com", description="for tests")
    github_client_id: str = Field("", description="of the OAuth app; empty: no GitHub button")
    github_client_secret: SecretStr = Field(SecretStr(""), description="of the OAuth app")
    github_url: Site = Field("https://github.com", description="another one for GitHub Enterprise")
    github_api_url: Site = Field("https://api.github.com", description="its API")
    oidc: Annotated[list[OidcApp], AfterValidator(_distinct)] = Field(
        default_factory=list,
        description="further OpenID Connect providers, as JSON: a list of objects with key, label,"
        " issuer, client_id, client_secret and, where others are needed, scopes",
    )
