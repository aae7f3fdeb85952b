"""The Jinja environment: templates of the core and the plugins, each under its package's name."""

from __future__ import annotations

import gettext
import importlib.resources
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup

from musekit.kernel.web.static import Assets
from musekit.kernel.web.times import FILTERS


def package_folder(package: str, folder: str) -> Path | None:
    """Return a folder inside a package, or None if the package has none."""
    root = importlib.resources.files(package)
    path = Path(os.fspath(root)) / folder  # type: ignore[call-overload]
    return path if path.is_dir() else None


def static_folders(packages: Iterable[str]) -> dict[str, Path]:
    """Return each package's folder of static files, ``<package>/static/<package>``."""
    found = {name: package_folder(name, f"static/{name}") for name in packages}
    return {name: path for name, path in found.items() if path}


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates of this process: tests build a host each, from the same files."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket, which sees itself whether it is of the same source."""
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._code[bucket.key] = bucket.bytecode_to_string()


COMPILED = _Compiled()


def template_loader(packages: Iterable[str]) -> jinja2.BaseLoader:
    """Return a loader that finds each package's templates under the package's name."""
    folders = {name: package_folder(name, f"templates/{name}") for name in packages}
    return jinja2.PrefixLoader(
        {name: jinja2.FileSystemLoader(path) for name, path in folders.items() if path}
    )


def environment(packages: Iterable[str], assets: Assets, *, strict: bool) -> jinja2.Environment:
    """Build the environment.

    Args:
        packages: import names; templates of `x` lie in ``x/templates/x`` and are called ``x/…``.
        assets: gives the addresses of static files to templates, as ``static(package, path)``.
        strict: an unknown variable is an error, so that tests find it; in production it is empty.
    """
    packages = tuple(packages)
    env = jinja2.Environment(
        loader=template_loader(packages),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined if strict else jinja2.Undefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"],
        bytecode_cache=COMPILED if strict else None,
    )
    env.install_gettext_translations(translations(packages, "en"), newstyle=True)  # type: ignore[attr-defined]
    env.filters.update(FILTERS, ink_on=ink_on)
    env.globals.update(static=assets.url, attrs=attributes)
    return env


def attributes(values: Mapping[str, Any]) -> Markup:
    """Return HTML attributes, escaped: None and False are left out, True has no value.

    Underscores become hyphens: ``{"aria_label": "Close", "hidden": True}``.
    """
    parts = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        name = name.strip("_").replace("_", "-")  # noqa: PLW2901 - the name as HTML spells it
        parts.append(Markup(" {}").format(name) if value is True
                     else Markup(' {}="{}"').format(name, value))  # fmt: skip
    return Markup("").join(parts)


@lru_cache(maxsize=256)
def ink_on(colour: str) -> str:
    """Return the ink that stands out on a colour ``#rrggbb``: white, or near black on light ones.

    By relative luminance (WCAG 2.2); what is no such colour gets white.
    """
    try:
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    except ValueError:
        return "#ffffff"
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in (red, green, blue)]  # fmt: skip
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#1a1f1d" if luminance > 0.5 else "#ffffff"


@lru_cache(maxsize=32)
def translations(packages: tuple[str, ...], language: str) -> gettext.NullTranslations:
    """Return the catalogues of all packages for a language; English is the text itself.

    A package ships ``<package>/locale/<language>/LC_MESSAGES/<package>.mo``.
    """
    found = gettext.NullTranslations()
    for package in reversed(packages):
        folder = package_folder(package, "locale")
        if folder is None:
            continue
        catalogue = gettext.translation(package, folder, languages=[language], fallback=True)
        catalogue.add_fallback(found)
        found = catalogue
    return found
