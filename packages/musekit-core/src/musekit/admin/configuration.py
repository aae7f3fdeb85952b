"""The settings this process runs with: where each comes from, and no secret among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from musekit.kernel.discovery import CORE
from musekit.kernel.host import Host
from musekit.kernel.logs import HIDDEN, hide, is_secret_name

Source = Literal["environment", "default", "program"]
#: What stands between a scheme and a host: who, and the password, which may hold any sign.
_LOGIN = re.compile(r"(?<=://)[^\s\"']+(?=@)")
LONGEST = 300


class Setting(NamedTuple):
    """One setting as it is shown."""

    variables: tuple[str, ...]  #: the variables it is read from, the first one is ours
    value: str
    secret: bool
    source: Source
    description: str


class Section(NamedTuple):
    """The settings of one class of one plugin."""

    plugin: str
    title: str
    settings: list[Setting]


def sections(host: Host, *, search: str = "") -> list[Section]:
    """Return every section whose settings hold a text, the core's first.

    Args:
        search: part of a variable's name or of its description; values are not searched.
    """
    text = search.casefold()
    held: dict[type[BaseSettings], BaseSettings] = {type(host.settings): host.settings}
    held |= host.sections
    found = []
    for model, instance in held.items():
        prefix = str(model.model_config.get("env_prefix") or "")
        plugin = host.registry.owner_of(f"settings {prefix.upper()}") or CORE
        chosen = [
            each
            for each in _settings(prefix, instance)
            if text in f"{' '.join(each.variables)} {each.description}".casefold()
        ]
        if chosen:
            title = (model.__doc__ or "").strip().partition("\n")[0].replace("`", "")
            found.append(Section(plugin, title, chosen))
    return sorted(found, key=lambda each: each.plugin != CORE)


def _settings(prefix: str, instance: BaseSettings) -> Iterator[Setting]:
    for name, field in type(instance).model_fields.items():
        variables = _variables(prefix, name, field)
        value = getattr(instance, name)
        secret = _is_secret(value) or _is_named_so(value, name)
        yield Setting(
            variables, shown(value, name), secret, _source(instance, name, variables),
            field.description or "",
        )  # fmt: skip


def shown(value: Any, name: str = "") -> str:
    """Return a value as the operator may see it: of a secret only whether it is set."""
    bare = value.get_secret_value() if isinstance(value, SecretStr | SecretBytes) else value
    if bare in (None, "", b"", [], {}, ()):
        return "not set"
    if _is_secret(value) or _is_named_so(value, name):
        return "set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return hide(_LOGIN.sub(HIDDEN, _plain(value)))[:LONGEST]


def _plain(value: Any) -> str:
    """Write a value that may hold others; secrets inside are hidden as those outside."""
    if _is_secret(value):
        return HIDDEN
    if isinstance(value, BaseModel):
        return _plain({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, Mapping):
        pairs = (
            f"{name}: {HIDDEN if is_secret_name(str(name)) and each else _plain(each)}"
            for name, each in value.items()
        )
        return ", ".join(pairs)
    if isinstance(value, list | tuple | set | frozenset):
        return "; ".join(_plain(each) for each in value)
    return str(value)


def _is_named_so(value: Any, name: str) -> bool:
    """True for a text under a name that secrets go by; a number of tokens is none."""
    return is_secret_name(name) and not isinstance(value, int | float)


def _is_secret(value: Any) -> bool:
    return isinstance(value, SecretStr | SecretBytes)


def _source(instance: BaseSettings, name: str, variables: tuple[str, ...]) -> Source:
    known = {each.upper() for each in os.environ}
    if any(each.upper() in known for each in variables):
        return "environment"
    return "program" if name in instance.model_fields_set else "default"


def _variables(prefix: str, name: str, field: FieldInfo) -> tuple[str, ...]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(each for each in alias.choices if isinstance(each, str))
    return (alias,) if isinstance(alias, str) else (f"{prefix}{name}".upper(),)
