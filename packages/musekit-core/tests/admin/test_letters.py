"""Templates of mail with previews that can do nothing but look; and mailboxes that get none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from musekit.admin import letters
from musekit.email import suppression
from musekit.email.delivery import deliver
from musekit.email.models import OutboxMail, Suppression
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host

SYSTEM = Actor.system("tests")


def main(page: Any) -> str:
    text: str = page.text.partition("<main")[2]
    return text


@pytest.mark.parametrize("backend", ["sqlite"])
def test_every_mail_has_a_preview_of_both_parts(host: Host, operator: Any) -> None:
    listed = main(operator.page("/admin/email/templates"))
    assert len(host.registry.email_templates) > 3
    for key, template in host.registry.email_templates.items():
        assert template.label in listed
        found = letters.letter(host, key)
        assert found.written, found.fault
        page = operator.page(f"/admin/email/templates/{key}")
        assert page.status_code == 200
        assert "cannot be written" not in page.text
        assert "frame-src 'self'" in page.headers["content-security-policy"]
        html = operator.page(f"/admin/email/templates/{key}/html")
        assert "<html" in html.text


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_preview_may_do_nothing_but_look(operator: Any) -> None:
    html = operator.page("/admin/email/templates/verify-email/html")
    policy = html.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy
    assert policy.endswith("sandbox")
    assert "script" not in policy
    styles = set(re.findall(r' style="([^"]*)"', html.text))
    assert policy.count("'sha256-") == len(styles) > 3
    assert html.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_template_that_is_broken_is_shown_as_such(
    host: Host, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = host.registry.email_templates["verify-email"]
    monkeypatch.setitem(template.__dict__, "sample", dict)
    assert "cannot be written" in operator.page("/admin/email/templates/verify-email").text
    assert operator.page("/admin/email/templates/verify-email/html").status_code == 404
    assert operator.page("/admin/email/templates/else").status_code == 404


def test_one_is_sent_to_oneself(host: Host, operator: Any) -> None:
    answer = operator.send("/admin/email/templates/usage-near-limit/try")
    deliver(host)
    page = main(operator.page(answer.headers["location"]))
    assert "operator@example.com" in page
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalars(select(OutboxMail)).one().state == "sent"
    with host.database.session(SYSTEM) as session:
        suppression.add(session, "operator@example.com", "usage", "unsubscribed")
    operator.send("/admin/email/templates/usage-near-limit/try")
    assert "Nothing was sent" in operator.page("/admin/email/templates/usage-near-limit").text


def test_mailboxes_are_silenced_and_let_through_again(host: Host, operator: Any) -> None:
    path = "/admin/email/suppressions"
    operator.send(path, address="  Ada@Example.COM ")
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.scalars(select(Suppression)).one()
    assert (row.email_key, row.category, row.reason) == ("ada@example.com", "*", "operator")
    assert "ada@example.com" in main(operator.page(path, search="ADA"))
    assert "ada@example.com" not in main(operator.page(path, reason="bounce"))
    operator.send(f"{path}/remove", address="ada@example.com", category="*")
    operator.send(f"{path}/remove", address="ada@example.com", category="*")
    assert "Every mailbox gets its mail" in main(operator.page(path))
    for evil in ("", "nobody", "a@b@c", "a\0@example.com", "x" * 400 + "@example.com"):
        assert operator.send(path, address=evil).status_code == 422, evil


def test_the_list_of_mailboxes_is_read_to_its_end(
    host: Host, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with host.database.session(SYSTEM) as session:
        for number in range(120):
            suppression.add(session, f"box{number:03}@crowd.example", "usage", "unsubscribed")
    seen: list[str] = []
    page = operator.page("/admin/email/suppressions")
    while True:
        seen += re.findall(r"<strong>(box\d+)@", page.text)
        more = re.search(r'href="(/admin/email/suppressions\?[^"]+)" rel="next"', page.text)
        if not more:
            break
        page = operator.page(more[1].replace("&amp;", "&"))
    assert len(seen) == len(set(seen)) == 120


def test_what_failed_is_sent_again_at_once(host: Host, operator: Any) -> None:
    for _ in range(3):
        operator.send("/admin/email/templates/usage-near-limit/try")
    with host.database.session(SYSTEM) as session:
        for row in session.scalars(select(OutboxMail)):
            row.state = "failed"
    operator.send("/admin/email/failed/again")
    assert deliver(host).outcomes == {"accepted": 3}
    operator.send("/admin/email/failed/again")
    assert "no failed mail" in operator.page("/admin/email").text
