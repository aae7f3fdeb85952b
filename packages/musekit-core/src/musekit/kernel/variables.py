"""The environment variables that settings are read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings


class Secret(NamedTuple):
    """A secret that is set, and the first name of its variable."""

    variable: str
    value: str


def names_of(model: type[BaseSettings]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each setting of a class with the variables it may be given by, the first one ours."""
    prefix = str(model.model_config.get("env_prefix") or "")
    for name, field in model.model_fields.items():
        yield name, _variables(prefix, name, field)


def secrets_of(section: BaseSettings) -> Iterator[Secret]:
    """Yield the secrets that are set in a section, also those in lists and mappings.

    Several in one variable, with commas between, are as many secrets.
    """
    for name, variables in names_of(type(section)):
        for value in _within(getattr(section, name)):
            for part in value.split(","):
                if part.strip():
                    yield Secret(variables[0], part.strip())


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _within(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _within(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _within(each)


def _variables(prefix: str, name: str, field: FieldInfo) -> tuple[str, ...]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        found = tuple(each for each in alias.choices if isinstance(each, str))
        return tuple(each.upper() for each in found)
    return (alias.upper(),) if isinstance(alias, str) else (f"{prefix}{name}".upper(),)
