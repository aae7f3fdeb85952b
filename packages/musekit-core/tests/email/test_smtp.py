"""SMTP against a real server: what is taken, what is refused, and what nobody can know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.smtp import (
    LOGIN,
    PASSWORD,
    Receiver,
    authenticator,
    certificate,
    receiver,
)
from tests.support.smtp_cutter import STEPS, TLS_STEPS, cutter

from musekit.email.mail import Address, Mail
from musekit.email.settings import EmailSettings
from musekit.email.smtp import SmtpTransport, says_no_mailbox
from musekit.email.transports import Outcome

MAIL = Mail(
    id=UUID(int=7), message_id="<7@app.example>", to=Address(email="ada@example.com", name="Ada Ü"),
    sender=Address(email="no-reply@app.example", name="Things"), subject="Grüße, Ada",
    html="<p>Hallo</p>", text="Hallo\n.\n..zwei\nEnde", date="Mon, 23 Nov 2026 10:00:00 +0000",
    reply_to="help@app.example", headers={"List-Unsubscribe": "<https://app.example/u>"},
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def settings(port: int, **more: Any) -> EmailSettings:
    given = {
        "provider": "smtp", "sender": "no-reply@app.example", "smtp_host": "127.0.0.1",
        "smtp_port": port, "smtp_security": "none", "smtp_seconds": 5,
    }  # fmt: skip
    return EmailSettings(**(given | more))


def send(port: int, *mails: Mail, **more: Any) -> list[Outcome]:
    with SmtpTransport(settings(port, **more)).open() as sender:
        return [sender.send(mail) for mail in mails]


def to(email: str, number: int = 1) -> Mail:
    return replace(
        MAIL, id=UUID(int=number), message_id=f"<{number}@app.example>", to=Address(email=email)
    )


def test_what_arrives_is_what_was_written(server: Receiver) -> None:
    outcomes = send(server.port, MAIL)
    assert [each.kind for each in outcomes] == ["accepted"]
    assert "queued as 1" in outcomes[0].reference
    (got,) = server.taken
    assert (got.sender, got.to) == ("no-reply@app.example", ["ada@example.com"])
    assert got.text.splitlines() == ["Hallo", ".", "..zwei", "Ende"]
    assert got.html.strip() == "<p>Hallo</p>"
    heads = {name: str(got.message[name]) for name in ("From", "To", "Subject", "Reply-To", "Date",
             "Message-ID", "List-Unsubscribe", "Auto-Submitted")}  # fmt: skip
    assert heads == {
        "From": "Things <no-reply@app.example>", "To": "Ada Ü <ada@example.com>",
        "Subject": "Grüße, Ada", "Reply-To": "help@app.example",
        "Date": "Mon, 23 Nov 2026 10:00:00 +0000", "Message-ID": "<7@app.example>",
        "List-Unsubscribe": "<https://app.example/u>", "Auto-Submitted": "auto-generated",
    }  # fmt: skip


def test_a_second_try_sends_the_same_bytes(server: Receiver) -> None:
    copy = Mail.from_body(
        MAIL.body(), id=MAIL.id, message_id=MAIL.message_id, to=MAIL.to, subject=MAIL.subject
    )
    send(server.port, MAIL)
    send(server.port, copy)
    assert server.taken[0].content == server.taken[1].content


def test_one_connection_takes_a_batch_and_survives_what_is_refused(server: Receiver) -> None:
    names = ["a@x.test", "bounce@x.test", "b@x.test", "later@x.test", "spam@x.test", "c@x.test"]
    outcomes = send(server.port, *(to(name, at) for at, name in enumerate(names)))
    assert [(each.kind, each.bounced) for each in outcomes] == [
        ("accepted", False), ("refused", True), ("accepted", False), ("later", False),
        ("refused", False), ("accepted", False),
    ]  # fmt: skip
    assert [each.to for each in server.taken] == [["a@x.test"], ["b@x.test"], ["c@x.test"]]
    assert "550 5.1.1 no such mailbox" in outcomes[1].detail
    assert server.connections == 1


def test_nobody_there_is_later(server: Receiver) -> None:
    server.stop()
    (outcome,) = send(server.port, MAIL)
    assert outcome.kind == "later"
    assert outcome.detail.startswith("connect: ConnectionRefusedError")


@pytest.mark.parametrize("step", STEPS)
def test_a_cut_connection_is_unknown_only_after_the_dot(server: Receiver, step: str) -> None:
    server.options |= {"authenticator": authenticator, "auth_require_tls": False}
    server.stop()
    server.start()
    with cutter(server.port) as proxy:
        proxy.cut(step)
        login = {"smtp_username": LOGIN, "smtp_password": PASSWORD}
        first = send(proxy.port, MAIL, **login)[0]
        assert proxy.cuts == 1
        expected = {"dot": "unknown", "QUIT": "accepted", "body": "unknown"}.get(step, "later")
        assert (first.kind, len(server.taken)) == (expected, int(step in ("dot", "QUIT")))
        assert PASSWORD not in first.detail
        if step != "QUIT":  # as the job does: again, the same
            assert send(proxy.port, MAIL, **login)[0].kind == "accepted"
    assert server.copies() == {MAIL.message_id: 2 if step == "dot" else 1}
    assert len({each.content for each in server.taken}) == 1


def test_a_message_cut_before_its_end_was_not_taken(server: Receiver) -> None:
    """Too long for the buffers on the way: the dot is not written when the connection breaks."""
    with cutter(server.port) as proxy:
        proxy.cut("body")
        long = replace(MAIL, text="a line\n" * 3_000_000)
        assert send(proxy.port, long)[0].kind == "later"
    assert server.taken == []


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    context, file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return context


@pytest.mark.parametrize("step", TLS_STEPS)
def test_a_connection_cut_on_its_way_to_tls_sends_nothing(trusted: Any, step: str) -> None:
    with receiver(tls_context=trusted, require_starttls=True) as server, cutter(server.port) as by:
        by.cut(step)
        (outcome,) = send(by.port, MAIL, smtp_security="starttls")
        assert (outcome.kind, outcome.down, by.cuts) == ("later", True, 1)
        assert outcome.detail.startswith("STARTTLS")
        assert server.taken == []
        assert send(by.port, MAIL, smtp_security="starttls")[0].kind == "accepted"
        assert server.copies() == {MAIL.message_id: 1}


#: Answers to RCPT as servers give them, and whether they say that the mailbox does not exist.
REFUSALS = [
    (550, "5.1.1 <x@y.example>: Recipient address rejected: User unknown", True),
    (550, "5.1.1 The email account that you tried to reach does not exist.", True),
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", True),
    (550, "5.1.2 host or domain name not found", True),
    (550, "No such user here", True),
    (550, "Requested action not taken: mailbox unavailable", True),
    (551, "User not local; user unknown", True),
    (553, "sorry, no mailbox here by that name", True),
    (554, "5.7.1 <x@y.example>: Relay access denied", False),
    (550, "5.7.1 Unable to relay", False),
    (550, "5.7.1 Recipient address rejected: blocked, unknown user of a list", False),
    (550, "relay not permitted", False),
    (550, "5.7.26 Unauthenticated email is not accepted", False),
    (550, "5.2.2 mailbox full", False),
    (552, "5.2.2 The recipient's inbox is out of storage space", False),
    (553, "5.7.1 Sender address rejected: not owned by user", False),
    (550, "Your address is listed at a block list", False),
    (550, "5.1.8 Sender address rejected: Domain not found", False),
]


@pytest.mark.parametrize(("code", "words", "gone"), REFUSALS)
def test_a_server_that_relays_nothing_says_nothing_of_the_mailbox(
    code: int, words: str, gone: bool
) -> None:
    assert says_no_mailbox(code, words) is gone


def test_what_is_about_no_mail_says_that_the_way_is_shut(server: Receiver) -> None:
    down = {each: send(server.port, to(f"{each}@x.test"))[0].down for each in ("later", "spam")}
    assert down == {"later": False, "spam": False}
    server.stop()
    assert send(server.port, MAIL)[0].down
    with cutter(server.port) as proxy:
        server.start()
        for step in ("greeting", "EHLO"):
            proxy.cut(step)
            assert send(proxy.port, MAIL)[0].down
        for step in ("MAIL", "RCPT", "DATA", "body", "dot"):
            proxy.cut(step)
            assert not send(proxy.port, MAIL)[0].down


def test_starttls_and_login(trusted: Any) -> None:
    more = {"smtp_security": "starttls", "smtp_username": LOGIN, "smtp_password": PASSWORD}
    with receiver(
        tls_context=trusted, require_starttls=True, authenticator=authenticator, auth_required=True
    ) as server:
        assert send(server.port, MAIL, **more)[0].kind == "accepted"
        wrong = send(server.port, MAIL, **(more | {"smtp_password": "canary-wrong"}))[0]
        assert (wrong.kind, wrong.detail[:9]) == ("later", "AUTH: 535")
        assert "canary" not in wrong.detail
        assert len(server.taken) == 1


def test_tls_from_the_first_byte(trusted: Any) -> None:
    with receiver(ssl_context=trusted) as server:
        assert send(server.port, MAIL, smtp_security="tls")[0].kind == "accepted"


def test_a_certificate_that_nobody_vouches_for_is_not_spoken_to(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with receiver(tls_context=context) as server:
        (outcome,) = send(server.port, MAIL, smtp_security="starttls")
        assert outcome.kind == "later"
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.detail
        assert server.taken == []


def test_mail_in_the_clear_is_named_as_such() -> None:
    for host, security, clear in (
        ("smtp.example.com", "none", True), ("10.0.0.3", "none", True),
        ("127.0.0.1", "none", False), ("localhost", "none", False),
        ("smtp.example.com", "starttls", False), ("smtp.example.com", "tls", False),
    ):  # fmt: skip
        found = settings(25, smtp_host=host, smtp_security=security)
        assert found.sends_in_the_clear is clear, host


def test_without_starttls_nothing_goes_out_in_the_clear(server: Receiver) -> None:
    (outcome,) = send(server.port, MAIL, smtp_security="starttls")
    assert (outcome.kind, server.taken) == ("later", [])
    assert outcome.detail.startswith("STARTTLS")


def test_a_header_with_a_line_break_is_refused_and_sends_nothing(server: Receiver) -> None:
    evil = [
        replace(MAIL, subject="Hi\r\nBcc: all@example.com"),
        replace(MAIL, to=Address(email="ada@example.com", name="A\nBcc: x@example.com")),
        replace(MAIL, to=Address(email="ada@example.com>\r\nRCPT TO:<b@example.com")),
        replace(MAIL, headers={"X": "a\r\n\r\nbody"}),
    ]
    assert [each.kind for each in send(server.port, *evil)] == ["refused"] * 4
    assert server.taken == []


@pytest.mark.parametrize(("offered", "kind"), [(True, "accepted"), (False, "refused")])
def test_an_address_beyond_ascii_needs_a_server_that_takes_it(offered: bool, kind: str) -> None:
    with receiver(enable_SMTPUTF8=offered) as server:
        (outcome,) = send(server.port, to("grüße@x.test"))
        assert outcome.kind == kind, outcome.detail
        assert [each.to for each in server.taken] == ([["grüße@x.test"]] if offered else [])
