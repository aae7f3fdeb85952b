"""Writing mails from templates: one of HTML and one of plain text, which also gives the subject.

The templates of a mail lie beside each other: ``<name>.html`` extends ``musekit/email/base.html``,
``<name>.txt`` extends ``musekit/email/base.txt`` and has the blocks ``subject`` and ``body``. What
people have typed is only ever a variable, never part of a template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from musekit.kernel.web.templates import template_loader, translations
from musekit.kernel.web.times import number, short, zone_of

if TYPE_CHECKING:
    from musekit.declarations import EmailTemplate
    from musekit.kernel.host import Host

#: Longest subject: longer ones are cut by what shows them.
LONGEST_SUBJECT = 150
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Written:
    """The three texts of a mail."""

    subject: str
    html: str
    text: str


class Writer:
    """The templates of mail of all plugins. One per host: `writer_of`."""

    def __init__(self, host: Host) -> None:
        packages = tuple(
            dict.fromkeys(["musekit", *(each.package for each in host.registry.plugins)])
        )
        loader = template_loader(packages)
        strict = host.settings.mode != "production"
        self._html = _environment(loader, packages, strict=strict, escape=True)
        self._text = _environment(loader, packages, strict=strict, escape=False)
        products = host.registry.products
        self._shared = {
            "site": products[0].name if products else "MuseKit",
            "site_url": host.settings.public_url,
            "unsubscribe_url": "",
        }

    def write(self, template: EmailTemplate, context: Mapping[str, Any]) -> Written:
        """Write a mail.

        Raises:
            jinja2.TemplateError: a template is missing, wrong, or lacks a variable (the last not
                in production, where it stays empty).
        """
        known = {**self._shared, "category": template.category, **context}
        text = self._text.get_template(f"{template.template}.txt")
        subject = "".join(text.blocks["subject"](text.new_context(known)))
        subject = " ".join(subject.split())[:LONGEST_SUBJECT]
        html = self._html.get_template(f"{template.template}.html")
        return Written(
            subject=subject,
            html=html.render(known, subject=subject),
            text=_BLANK_LINES.sub("\n\n", text.render(known)).strip() + "\n",
        )


def writer_of(host: Host) -> Writer:
    """Return the templates of a host, made at their first use: most processes write no mail."""
    try:
        writer = host.get(Writer)
    except KeyError:
        writer = Writer(host)
        host.put(Writer, writer)
    assert isinstance(writer, Writer)
    return writer


def _environment(
    loader: jinja2.BaseLoader, packages: tuple[str, ...], *, strict: bool, escape: bool
) -> jinja2.Environment:
    # Sandboxed: what a template is given is data, and reaches nothing behind it.
    env = SandboxedEnvironment(
        loader=loader,
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined if strict else jinja2.Undefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(translations(packages, "en"), newstyle=True)  # type: ignore[attr-defined]
    env.filters.update(number=number, moment=_moment)
    return env


def _moment(value: datetime, zone: str = "UTC") -> str:
    """Show a moment by the clock of a zone, which it names."""
    return short(value, zone_of(zone))
