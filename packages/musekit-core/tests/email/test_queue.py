"""Queueing: with its cause or not at all, once, readable by nobody, and never to who wants none."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from musekit.email import service, suppression, unsubscribing
from musekit.email.mail import Address
from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.keyring import DecryptionError
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id

SYSTEM = Actor.system("tests")


def rings(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the bells of a host, which still ring."""
    heard: list[str] = []
    enqueue = host.broker.enqueue

    def noting(name: str, /, **more: Any) -> bool:
        heard.append(name)
        return enqueue(name, **more)

    monkeypatch.setattr(host.broker, "enqueue", noting)
    return heard


def test_a_mail_is_kept_with_its_cause_and_rung_for_after_the_commit(
    host: Host, outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = rings(host, monkeypatch)
    with host.database.session(SYSTEM) as session:
        for _ in range(3):
            with session.begin_nested():
                service.queue(
                    session, host, "verify-email", to=Address(email="ada@example.com"),
                    context={"url": "https://x", "hours": 1},
                )  # fmt: skip
        assert heard == []
    assert heard == ["email-deliver"]
    assert outbox.states() == ["queued"] * 3


def test_what_is_rolled_back_leaves_no_mail_and_rings_no_bell(
    host: Host, outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = rings(host, monkeypatch)

    def queue_and_fail() -> None:
        with host.database.session(SYSTEM) as session:
            service.queue(
                session, host, "verify-email", to=Address(email="ada@example.com"),
                context={"url": "https://x", "hours": 1},
            )  # fmt: skip
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        queue_and_fail()
    assert (outbox.rows(), heard) == ([], [])


def test_only_the_system_queues(host: Host) -> None:
    actor = Actor(kind="user", name="x", user_id=new_id(), space_id=new_id())
    with host.database.session(actor) as session, pytest.raises(TenancyError):
        service.queue(session, host, "verify-email", to=Address(email="a@example.com"), context={})


def test_a_key_is_queued_once_however_close_they_come(host: Host, outbox: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: outbox.queue(dedupe_key="verify:1"), range(50)))
    assert len([each for each in made if each]) == 1
    assert len(outbox.rows()) == 1
    assert outbox.queue(dedupe_key="verify:2") is not None


def test_the_text_stands_nowhere_in_the_clear(host: Host, outbox: Any) -> None:
    outbox.queue()
    (row,) = outbox.rows()
    assert row.message_id == f"<{row.id.hex}@127.0.0.1>"
    assert "canary" not in json.dumps({key: str(value) for key, value in vars(row).items()})
    mail = service.unseal(host, row)
    assert "canary-of-a-link" in mail.text
    assert "canary-of-a-link" in mail.html
    assert mail.sender == Address(email="no-reply@localhost", name="MuseKit")
    row.id = new_id()
    with pytest.raises(DecryptionError):
        service.unseal(host, row)


def test_a_mailbox_that_bounced_gets_nothing(host: Host, outbox: Any) -> None:
    with host.database.session(SYSTEM) as session:
        suppression.add(session, "ada@example.com", suppression.EVERYTHING, "bounce", "550")
        suppression.add(session, "ada@example.com", suppression.EVERYTHING, "operator")
        suppression.add(session, "eve@example.com", "product", "unsubscribed")
    assert outbox.queue("Ada@Example.com") is None
    (row,) = outbox.rows()
    assert (row.state, row.body_encrypted) == ("suppressed", None)
    assert outbox.queue("eve@example.com") is not None  # she only wants none of the other kind
    with host.database.session(SYSTEM) as session:
        suppression.remove(session, "ada@example.com", suppression.EVERYTHING)
    assert outbox.queue("ada@example.com") is not None


def test_header_injection_is_the_fault_of_who_queues(host: Host, outbox: Any) -> None:
    with (
        pytest.raises(ValueError, match="CR or LF|invalid"),
        host.database.session(SYSTEM) as session,
    ):
        service.queue(
            session, host, "verify-email", context={"url": "https://x", "hours": 1},
            to=Address(email="ada@example.com", name="Ada\r\nBcc: eve@example.com"),
        )  # fmt: skip
    assert outbox.rows() == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_unsubscribe_links_are_ours_alone(host: Host) -> None:
    user = new_id()
    token = unsubscribing.url(host, user, "usage").rpartition("/")[2]
    assert re.fullmatch(r"[\w-]+", token)
    assert unsubscribing.read(host, token) == (user, "usage")
    for at in range(len(token)):
        forged = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        found = unsubscribing.read(host, forged)
        assert found is None or (at == len(token) - 1 and found == (user, "usage"))
    for junk in ("", "x", "ü", "=" * 50, "A" * 44, token[:-6]):
        assert unsubscribing.read(host, junk) is None


@pytest.mark.parametrize("backend", ["sqlite"])
def test_names_of_columns_are_rotated_with_the_keys(host: Host) -> None:
    from musekit.kernel.crypto.columns import registered

    assert ("email_outbox", "body_encrypted", "id", "id") in {
        (each.table, each.column, each.id_column, each.space_column) for each in registered()
    }
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(text("SELECT count(*) FROM email_outbox")) == 0
