"""Settings of the core, from ``MUSEKIT_*`` environment variables; and how sections are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeVar
from uuid import UUID

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from musekit.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseSettings)
Mode = Literal["production", "development", "demo", "test"]


class CoreSettings(BaseSettings):
    """Settings of the core. Each is ``MUSEKIT_`` and the name below in capitals."""

    model_config = SettingsConfigDict(env_prefix="MUSEKIT_", extra="ignore", populate_by_name=True)

    mode: Mode = Field("production", description="what this deployment is for")
    data_dir: Path = Field(Path("var"), description="folder of everything kept in files")
    public_url: str = Field(
        "http://127.0.0.1:8000", description="address under which browsers reach this deployment"
    )
    trusted_hosts: list[str] = Field(
        default_factory=list, description="host names accepted beside that of the public URL"
    )

    database_url: str = Field("", description="login of the application; empty: SQLite")
    database_system_url: str = Field("", description="login of workers, cron and token lookup")
    database_owner_url: str = Field("", description="login of migrations")
    database_pool_size: int = Field(10, ge=1, description="connections kept open per login")

    queue_backend: Literal["sqlite", "redis", "postgres"] = Field(
        "sqlite", description="where Huey keeps its messages"
    )
    queue_name: str = Field(
        "musekit", pattern="^[A-Za-z0-9_]+$", description="tells deployments on one Redis apart"
    )
    redis_url: str = Field("", description="Redis, for the queue and for rate limits")
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="addresses and networks of reverse proxies whose X-Forwarded headers are"
        " believed",
    )
    behind_proxy: Literal["unset", "none"] = Field(
        "unset",
        description="`none`: no proxy of ours is in front, so addresses are those of connections",
    )
    worker_threads: int = Field(4, ge=1, description="threads of a worker process for jobs")
    embedded_worker: bool = Field(
        False, description="run jobs and publisher inside the web process (`musekit up` does)"
    )
    worker_drain_seconds: float = Field(
        30, ge=0, description="seconds a worker told to stop may take to finish what it holds"
    )

    social_encryption_key: SecretStr | None = Field(
        None,
        validation_alias="SOCIAL_ENCRYPTION_KEY",
        description="key ring: `id:base64(32 bytes)`, newest first, comma between keys",
    )
    adopt_database: UUID | None = Field(
        None, description="id of a database that was written with other keys, to run it all the"
        " same: the message of the refusal names it",
    )  # fmt: skip
    auth_recent_minutes: float = Field(
        15, gt=0, description="minutes after a sign-in in which dangerous acts ask for no other"
    )
    tier_cache_seconds: float = Field(
        5, ge=0, description="seconds that another process may go on with a tier after its change"
    )
    web_linger_seconds: float | None = Field(
        None, ge=0,
        description="seconds a web process told to stop still takes requests, while /readyz says"
        " 503; empty: 3 in production, else 0",
    )  # fmt: skip
    web_drain_seconds: int = Field(
        10, ge=0, description="seconds that requests under way may then take to end"
    )
    limit_wait_seconds: float = Field(
        0.05, gt=0, description="seconds for which a rate limit waits for Redis before it does"
        " without; more where Redis is far away",
    )  # fmt: skip
    otel_endpoint: str = Field(
        "", description="base address of an OpenTelemetry collector (OTLP over HTTP), for traces"
    )
    session_days: int = Field(30, ge=1, description="days a browser session lives without use")
    cron_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("MUSEKIT_CRON_SECRET", "CRON_SECRET"),
        description="bearer secret of the cron endpoints, ≥ 32 bytes; without it they answer 404",
    )
    cron_budget_seconds: float = Field(
        50, gt=0, description="seconds in which one call of /api/cron/work begins jobs"
    )
    metrics_secret: SecretStr | None = Field(
        None, description="bearer secret of /metrics, ≥ 32 bytes; without it that answers 404"
    )
    outbound_allow: list[str] = Field(
        default_factory=list,
        description="exact host:port pairs that outbound calls may reach though not public",
    )
    outbound_body_limit: int = Field(
        10_000_000, ge=1000, description="bytes of an answer that outbound calls read at most"
    )
    disabled_plugins: list[str] = Field(
        default_factory=list, description="plugins not to import (also `musekit plugins disable`)"
    )
    plugin_import_seconds: float = Field(
        20, gt=0, description="time limit of a new plugin's first import, tried in a child process"
    )
    strict_plugins: bool = Field(False, description="a faulty plugin is an error, for CI")
    log_format: Literal["console", "json"] = Field("json", description="how log lines look")
    log_level: str = Field("INFO", description="least level logged")

    @field_validator("database_url", "database_system_url", "database_owner_url")
    @classmethod
    def _a_database_we_know(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise ValueError("begins with sqlite:/// or postgresql+psycopg://")
        return url

    @property
    def is_postgres(self) -> bool:
        """True when the database is PostgreSQL."""
        return self.database_url.startswith("postgresql")


def load_section(model: type[Model], plugin: str) -> Model:
    """Read a settings class from the environment.

    Raises:
        ConfigurationError: naming each wrong setting and the plugin it belongs to.
    """
    try:
        return model()
    except SettingsError as error:
        faults = _unread(model, error)
        raise ConfigurationError(
            f"Settings of plugin “{plugin}” are not usable: {faults}"
        ) from None
    except ValidationError as error:
        faults = "; ".join(
            f"{_variable(model, fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(
            f"Settings of plugin “{plugin}” are not usable: {faults}"
        ) from None


def _unread(model: type[BaseSettings], error: SettingsError) -> str:
    """Say which variable could not even be read; pydantic-settings tells the field in its text."""
    field = re.search(r'field "(\w+)"', str(error))
    name = _variable(model, (field[1],)) if field else "a setting"
    return f'{name}: lists and mappings are written as JSON, such as ["a", "b"]'


def _variable(model: type[BaseSettings], location: tuple[int | str, ...]) -> str:
    """Return the environment variable of a faulty value; an alias stands for itself."""
    name = "_".join(str(part) for part in location)
    if str(location[0]) not in model.model_fields:
        return name.upper()
    return f"{model.model_config.get('env_prefix') or ''}{name}".upper()
