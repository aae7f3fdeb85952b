"""What a person wants mail about: chosen on a page or by JSON, and taken along to a new address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth import removal
from musekit.auth.models import User
from musekit.email import preferences, service, suppression
from musekit.email.delivery import deliver
from musekit.email.models import OutboxMail, Suppression
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
PATH = "/account/notifications"
JSON = "/api/email/preferences"
HTML = {"accept": "text/html"}
SAMPLE = {"url": "https://x.example", "hours": 1}


@pytest.fixture
def ada(make_user: Callable[..., SignedIn]) -> SignedIn:
    return make_user("ada@example.com")


def shut(
    host: Host, category: str, reason: suppression.Reason, key: str = "ada@example.com"
) -> None:
    with host.database.session(SYSTEM) as session:
        suppression.add(session, key, category, reason, "a detail")


def kept(host: Host) -> list[tuple[str, str, str]]:
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(Suppression).order_by(Suppression.category)).all()
    return [(row.email_key, row.category, row.reason) for row in rows]


def post(user: SignedIn, path: str = PATH, **fields: Any) -> str:
    """Send a form as the page does; return the page it leads to."""
    page = user.client.get(PATH, headers=HTML).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return user.client.post(path, data={"csrf_token": token, **fields}, headers=HTML).text


def near_limit(host: Host, user: SignedIn) -> Any:
    """Queue a mail that one can do without."""
    template = host.registry.email_templates["usage-near-limit"]
    with host.database.session(SYSTEM) as session:
        person = session.get_one(User, user.user_id)
        return service.queue(session, host, template.key, to=person, context=template.sample())


def test_a_kind_of_mail_is_ended_and_begun_again_by_the_page(host: Host, ada: SignedIn) -> None:
    page = ada.client.get(PATH, headers=HTML).text
    assert "Limits of your plan" in page
    assert "A limit is near" in page
    assert "Choose a new password" not in page  # nothing to choose about
    assert near_limit(host, ada)
    for _ in range(2):
        answer = post(ada, shown="usage")
        assert "Your choice is saved" in answer
    assert kept(host) == [("ada@example.com", "usage", "unsubscribed")]
    assert near_limit(host, ada) is None
    post(ada, shown="usage", wanted="usage")
    assert kept(host) == []
    assert near_limit(host, ada)


def test_what_the_page_did_not_show_stays_as_it_is(host: Host, ada: SignedIn) -> None:
    shut(host, "usage", "unsubscribed")
    post(ada, wanted=["usage", "security"])
    post(ada, shown=["security", "no-such-kind"])
    assert kept(host) == [("ada@example.com", "usage", "unsubscribed")]


def test_the_same_as_json(host: Host, ada: SignedIn) -> None:
    (kind,) = ada.client.get(JSON).json()["kinds"]
    assert kind == {
        "category": "usage", "label": "Limits of your plan", "mails": ["A limit is near"],
        "wanted": True,
    }  # fmt: skip
    answer = ada.client.patch(JSON, json={"kinds": {"usage": False}}).json()
    assert answer["mailbox"] is None
    assert [each["wanted"] for each in answer["kinds"]] == [False]
    assert ada.client.get(JSON).json() == answer
    for wrong in ("security", "transactional", "*", "x", "\0"):
        refused = ada.client.patch(JSON, json={"kinds": {"usage": True, wrong: False}})
        assert refused.status_code in (404, 422), wrong
    assert kept(host) == [("ada@example.com", "usage", "unsubscribed")]


@pytest.mark.parametrize(
    ("reason", "verified", "may"),
    [
        ("bounce", False, True), ("bounce", True, True), ("complaint", True, True),
        ("complaint", False, False), ("operator", True, False),
    ],
)  # fmt: skip
def test_a_mailbox_that_is_shut_says_so_and_is_tried_again(
    host: Host, ada: SignedIn, outbox: Any, reason: suppression.Reason, verified: bool, may: bool
) -> None:
    with host.database.session(SYSTEM) as session:
        now = utc_now() if verified else None
        session.get_one(User, ada.user_id).email_verified_at = now
    shut(host, "*", reason)
    page = ada.client.get(PATH, headers=HTML).text
    assert "No mail is sent to you" in page
    assert ("Send mail there again" in page) is may
    assert ada.client.get(JSON).json()["mailbox"] == reason
    answer = post(ada, f"{PATH}/mailbox")
    assert ("A mail is on its way" in answer) is may
    assert (kept(host) == []) is may
    assert outbox.states() == (["queued"] if may else [])
    if may:
        again = post(ada, f"{PATH}/mailbox")
        assert "already" in again
        assert deliver(host).outcomes == {"accepted": 1}


def test_trying_again_and_again_is_refused(host: Host, ada: SignedIn, outbox: Any) -> None:
    for _ in range(7):
        shut(host, "*", "bounce")
        answer = post(ada, f"{PATH}/mailbox")
    assert "on its way" not in answer
    assert len(outbox.states()) == 5
    assert kept(host) == [("ada@example.com", "*", "bounce")]


def test_choices_go_along_to_a_new_address(host: Host, ada: SignedIn) -> None:
    shut(host, "usage", "unsubscribed")
    shut(host, "*", "bounce")
    with host.database.session(SYSTEM) as session:
        preferences.move(session, "ada@example.com", "lovelace@example.com")
    assert kept(host) == [
        ("ada@example.com", "*", "bounce"), ("lovelace@example.com", "usage", "unsubscribed")
    ]  # fmt: skip


def test_who_is_gone_leaves_no_choices_and_no_mails(
    host: Host, client: TestClient, ada: SignedIn, outbox: Any
) -> None:
    near_limit(host, ada)
    deliver(host)
    near_limit(host, ada)  # still to be sent
    shut(host, "usage", "unsubscribed")
    shut(host, "*", "bounce")
    with host.database.session(SYSTEM) as session:
        removal.remove(session, ada.user_id)
    assert kept(host) == [("ada@example.com", "*", "bounce")]
    with host.database.session(SYSTEM, readonly=True) as session:
        (row,) = session.scalars(select(OutboxMail)).all()
    assert (row.state, row.user_id) == ("queued", None)


def test_the_export_lists_mails_and_choices(host: Host, ada: SignedIn) -> None:
    near_limit(host, ada)
    shut(host, "usage", "unsubscribed")
    with host.database.session(SYSTEM, readonly=True) as session:
        given = preferences.export(session, ada.user_id)
    assert [mail["to"] for mail in given["mails"]] == ["ada@example.com"]
    assert [each["kind"] for each in given["no_mail_of"]] == ["usage"]
    assert "body" not in str(given)


def test_a_mail_written_before_the_person_had_enough_is_not_sent(
    host: Host, ada: SignedIn, outbox: Any
) -> None:
    near_limit(host, ada)
    shut(host, "usage", "unsubscribed")
    assert deliver(host).outcomes == {"suppressed": 1}
    (row,) = outbox.rows()
    assert (row.state, row.body_encrypted, row.attempts) == ("suppressed", None, 0)
