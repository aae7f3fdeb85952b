"""Every mail that is declared: both parts, nothing fetched, and nobody's text run as a template."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import jinja2
import pytest
from fastapi import FastAPI

from musekit.declarations import EmailTemplate
from musekit.email.render import Writer, writer_of
from musekit.kernel.host import Host

pytestmark = pytest.mark.parametrize("backend", ["sqlite"])
#: Template injection as found in the field: seen as text, never run (D35).
EVIL = [
    "{{7*7}}", "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}", "${7*7}",
    "{{ config }}", "{{ self.__init__.__globals__ }}", "{# hidden #}", "{{''.__class__.mro()}}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}", "<%= 7*7 %>", "#{7*7}", "*{7*7}",
    "{{ lipsum.__globals__['os'] }}", "{% import 'os' as os %}", "{% include '/etc/passwd' %}",
    "{% extends 'musekit/shell.html' %}", "{{ request }}", "{{ joiner.__init__ }}", "@(7*7)",
    "{%print(7*7)%}", "{{url_for.__globals__}}", "%(site)s", "%s%s%n", "{site}", "{0.__class__}",
    "<script>alert(7*7)</script>", "<img src=x onerror=alert(1)>", "\"><a href='http://evil'>",
    "{{ namespace.__init__ }}", "{% set x = 49 %}{{ x }}", "{{7*'7'}}",
]  # fmt: skip


class Links(HTMLParser):
    """Everything that a mail points to or fetches."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "background")]
        self.fetched += re.findall(r"url\([^)]*\)", dict(attrs).get("style") or "")


def test_every_declared_mail_can_be_written(host: Host) -> None:
    writer = Writer(host)
    assert {"verify-email", "reset-password", "password-changed"} <= set(
        host.registry.email_templates
    )
    for key, template in host.registry.email_templates.items():
        written = writer.write(template, template.sample())
        assert 5 <= len(written.subject) <= 150, key
        assert written.subject == " ".join(written.subject.split())
        page = Links()
        page.feed(written.html)
        assert page.fetched == [], key
        assert not {"script", "img", "link", "style", "iframe", "form"} & set(page.tags), key
        assert len(written.html) < 15_000
        assert "<" not in written.text.replace("<https://", ""), key
        assert len(written.text.splitlines()) >= 5
        for name, value in template.sample().items():
            if isinstance(value, str) and value.startswith("https://"):
                assert value in written.text, f"{key} leaves {name} out of its plain text"
                assert value in written.html


def test_what_people_typed_is_text(host: Host) -> None:
    template = host.registry.email_templates["password-changed"]
    plain = Writer(host).write(template, template.sample())
    for evil in EVIL:
        written = Writer(host).write(template, {**template.sample(), "ip": evil})
        assert evil in written.text
        assert "49" not in written.text.replace(evil, "")
        before, after = Links(), Links()
        before.feed(plain.html)
        after.feed(written.html)
        assert after.tags == before.tags, evil


def test_a_template_reaches_nothing_behind_what_it_is_given(host: Host) -> None:
    env = Writer(host)._text
    assert env.from_string("{{ name.upper() }}").render(name="ada") == "ADA"
    for evil in ("{{ name.__class__.__mro__ }}", "{{ cycler.__init__.__globals__.os }}",
                 "{{ ''.__class__.__base__.__subclasses__() }}"):  # fmt: skip
        with pytest.raises(jinja2.exceptions.SecurityError):
            env.from_string(evil).render(name="ada")


def test_a_variable_that_is_missing_is_found_in_tests_and_empty_in_production(host: Host) -> None:
    template = host.registry.email_templates["verify-email"]
    with pytest.raises(jinja2.UndefinedError, match="url"):
        writer_of(host).write(template, {"hours": 1})
    host.settings.mode = "production"
    assert "Confirm" in Writer(host).write(template, {"hours": 1}).subject


def test_a_subject_is_one_line_and_not_too_long(host: Host) -> None:
    writer = Writer(host)
    env = jinja2.Environment(loader=jinja2.DictLoader({
        "x.txt": "{% block subject %}{{ name }}{% endblock %}{% block body %}b{% endblock %}",
        "x.html": "<p>{{ name }}</p>",
    }), autoescape=False)  # noqa: S701  # fmt: skip
    writer._text = writer._html = env
    template = EmailTemplate(key="x", label="X", template="x", sample=dict)
    written = writer.write(template, {"name": "Ada\r\nBcc: eve@example.com" + " long" * 60})
    assert "\n" not in written.subject
    assert "\r" not in written.subject
    assert len(written.subject) == 150


def test_the_link_to_unsubscribe_stands_in_both_parts(host: Host) -> None:
    template = replace(host.registry.email_templates["verify-email"], category="product")
    sample = {**template.sample(), "unsubscribe_url": "https://app.example/unsubscribe/t"}
    written = Writer(host).write(template, sample)
    assert "https://app.example/unsubscribe/t" in written.text
    assert 'href="https://app.example/unsubscribe/t"' in written.html


def test_a_worker_needs_no_application_to_write(host: Host, app: FastAPI) -> None:
    assert writer_of(host) is writer_of(host)
