"""Whoever invites learns nothing of whether the address has an account here (D17)."""

from __future__ import annotations

from typing import Any

import pytest

from musekit.email import service as email
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor

SYSTEM = Actor.system("tests")
#: What differs between any two invitations.
OF_EACH = ("id", "email", "created_at", "expires_at", "sent_at")


def asked(team: Any, address: str) -> tuple[int, dict[str, Any], list[str]]:
    answer = team.invite(address, "editor")
    body = {name: value for name, value in answer.json().items() if name not in OF_EACH}
    return answer.status_code, body, sorted(answer.headers)


def mail_to(team: Any, address: str) -> str:
    with team.host.database.session(SYSTEM, readonly=True) as session:
        row = session.query(OutboxMail).filter_by(to_email=address, template="invitation").one()
        text = email.unseal(team.host, row).text
    return text.replace(address, "…").replace(team.token(address), "…")


def test_the_answer_and_the_mail_are_the_same(team: Any) -> None:
    known = team.make_user("known@example.com").email
    assert asked(team, known) == asked(team, "unknwn@example.com")
    assert mail_to(team, known) == mail_to(team, "unknwn@example.com")
    listed = team.owner.client.get(f"{team.url}/invitations").json()["items"]
    assert {frozenset(each) for each in listed} == {frozenset(listed[0])}


def test_the_page_of_the_link_is_the_same(team: Any, browser: Any) -> None:
    known = team.make_user("known@example.com").email
    pages = []
    for address in (known, "unknwn@example.com"):
        team.invite(address)
        token = team.token(address)
        page = browser.get(f"/invite/{token}", headers={"accept": "text/html"}).text
        quoted = address.replace("@", "%40")
        pages.append(page.replace(address, "…").replace(quoted, "…").replace(token, "…"))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("address", ["known@example.com", "unknwn@example.com"])
def test_asked_too_often_it_ends_for_both(team: Any, address: str) -> None:
    """One mailbox gets a few mails only, however many organizations write to it."""
    team.make_user("known@example.com")
    made = team.invite(address).json()
    url = f"{team.url}/invitations/{made['id']}/again"
    codes = [team.owner.client.post(url, json={}).status_code for _ in range(7)]
    assert codes[0] == 200
    assert codes[-1] == 429
