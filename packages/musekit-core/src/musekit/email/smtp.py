"""Mail by SMTP (RFC 5321): one connection for a batch, and certainty about what was taken.

A server has a message once it has read the line with the single dot. Whatever fails before that
line is written has sent nothing; what fails after it, before the answer, may have sent it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from musekit.email.mail import Mail
from musekit.email.settings import EmailSettings
from musekit.email.transports import Outcome, Sender

#: Steps before any mail is spoken of.
_BEFORE = ("connect", "EHLO", "STARTTLS", "AUTH")
#: Of 550, 551 and 553, which also say “I relay nothing for you”: those that speak of the mailbox,
#: by the enhanced status (RFC 3463 §3.2), or in words where a server gives none.
_STATUS = re.compile(r"^5\.(\d{1,3})\.(\d{1,3})\b")
_NO_MAILBOX_STATUS = {("1", number) for number in ("1", "2", "3", "6", "10")}
_NO_MAILBOX_WORDS = re.compile(
    r"no (such|mailbox)|(unknown|invalid) (user|recipient|mailbox|address)"
    r"|(user|recipient|mailbox|address).*(unknown|not (exist|found)|doesn.t exist|unavailable)",
    re.IGNORECASE,
)


def says_no_mailbox(code: int, words: str) -> bool:
    """True if an answer to RCPT says that there is no such mailbox, and never will be."""
    if code not in (550, 551, 553):
        return False
    status = _STATUS.match(words)
    if status is not None:
        return status.groups() in _NO_MAILBOX_STATUS
    return _NO_MAILBOX_WORDS.search(words) is not None


class _Refused(Exception):
    """The server said no, and to what."""

    def __init__(self, step: str, code: int, text: bytes) -> None:
        words = " ".join(text.decode("utf-8", "replace").split())[:300]
        super().__init__(f"{step}: {code} {words}".strip())
        self.step, self.code, self.text = step, code, words


class SmtpTransport:
    """Delivery to the server of the settings. Connects when the first mail is sent."""

    name = "smtp"
    keeps = False
    copies_known_for_hours: float | None = None  #: by their Message-ID

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    @contextmanager
    def open(self) -> Iterator[Sender]:
        """Return a sender whose connection lasts as long as the batch."""
        sender = _Connection(self._settings)
        try:
            yield sender
        finally:
            sender.close()


class _Connection:
    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._smtp: smtplib.SMTP | None = None

    def send(self, mail: Mail) -> Outcome:
        """Try once to send; afterwards the connection is either clean or gone."""
        try:
            content = mail.as_bytes()
        except ValueError as error:
            return Outcome(kind="refused", detail=f"not a mail: {error}")
        progress = _Progress()
        try:
            if self._smtp is None:
                progress.step = "connect"
                self._smtp = self._connect(progress)
            reply = _transmit(self._smtp, mail, content, progress)
        except _Refused as error:
            return self._refusal(error)
        except (OSError, smtplib.SMTPException) as error:  # timeouts and broken TLS are OSErrors
            self._drop()
            what = f"{progress.step}: {type(error).__name__}: {error}"[:300]
            return Outcome(
                kind="unknown" if progress.dot_written else "later", detail=what,
                down=progress.step in _BEFORE,
            )  # fmt: skip
        return Outcome(kind="accepted", detail=reply, reference=reply[:200])

    def _refusal(self, error: _Refused) -> Outcome:
        """Tell what a clear no means, and leave the connection ready for the next mail."""
        about_this_mail = error.step in ("MAIL", "RCPT", "DATA", "message")
        if about_this_mail and self._smtp is not None:
            try:
                _say(self._smtp, "RSET", "RSET", (250,))
            except (_Refused, OSError, smtplib.SMTPException):
                self._drop()
        else:
            self._drop()
        for_good = about_this_mail and 500 <= error.code < 600
        return Outcome(
            kind="refused" if for_good else "later", detail=str(error), down=not about_this_mail,
            bounced=for_good and error.step == "RCPT" and says_no_mailbox(error.code, error.text),
        )  # fmt: skip

    def _connect(self, progress: _Progress) -> smtplib.SMTP:
        """Return a connection that may send, or raise; nothing is left open then."""
        settings = self._settings
        implicit = settings.smtp_security == "tls"
        kind: Any = smtplib.SMTP_SSL if implicit else smtplib.SMTP
        more = {"context": ssl.create_default_context()} if implicit else {}
        # Named by the sender's domain: to look our own name up may take long, and tells little.
        name = settings.sender.rpartition("@")[2]
        smtp: smtplib.SMTP | None = None
        try:
            smtp = kind(
                settings.smtp_host, settings.smtp_port, name, timeout=settings.smtp_seconds, **more
            )
            progress.step = "EHLO"
            smtp.ehlo_or_helo_if_needed()
            if settings.smtp_security == "starttls":
                progress.step = "STARTTLS"
                # Where it is not offered nothing goes out: neither login nor mail in the clear.
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            if settings.smtp_username:
                progress.step = "AUTH"
                password = settings.smtp_password
                smtp.login(settings.smtp_username, password.get_secret_value() if password else "")
        except smtplib.SMTPResponseException as error:
            _hang_up(smtp)
            raise _Refused(progress.step, error.smtp_code, _bytes(error.smtp_error)) from None
        except BaseException:
            _hang_up(smtp)
            raise
        return smtp

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        _hang_up(smtp)

    def close(self) -> None:
        """Take leave. What was accepted stays accepted, whatever becomes of the farewell."""
        if self._smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._drop()


class _Progress:
    """How far the sending of one mail has come."""

    step = "connect"
    dot_written = False


def _transmit(smtp: smtplib.SMTP, mail: Mail, content: bytes, progress: _Progress) -> str:
    """Send one message; return the server's answer to it."""
    options = ""
    if not mail.is_ascii:
        if not smtp.has_extn("smtputf8"):
            raise _Refused("RCPT", 553, b"the server takes no address with such letters")
        options = " SMTPUTF8"
    progress.step = "MAIL"
    _say(smtp, "MAIL", f"MAIL FROM:<{mail.sender.email}>{options}", (250,))
    progress.step = "RCPT"
    _say(smtp, "RCPT", f"RCPT TO:<{mail.to.email}>", (250, 251))
    progress.step = "DATA"
    _say(smtp, "DATA", "DATA", (354,))
    progress.step = "message"
    smtp.send(_dotted(content))
    progress.dot_written = True  # before it is, so that it is never the other way round
    smtp.send(b".\r\n")
    code, text = smtp.getreply()
    if code == -1:
        raise smtplib.SMTPServerDisconnected("no answer")
    if code != 250:
        raise _Refused("message", code, text)
    return " ".join(text.decode("utf-8", "replace").split())[:300]


def _say(smtp: smtplib.SMTP, step: str, line: str, wanted: tuple[int, ...]) -> None:
    smtp.command_encoding = "utf-8"
    smtp.putcmd(line)
    code, text = smtp.getreply()
    if code == -1:
        raise smtplib.SMTPServerDisconnected("no answer")
    if code not in wanted:
        if code == 421:  # the server hangs up: about the connection, whatever was asked
            raise smtplib.SMTPServerDisconnected(_words(code, text))
        raise _Refused(step, code, text)


def _dotted(content: bytes) -> bytes:
    """Double the dots that begin lines (RFC 5321 §4.5.2), and end with a line break."""
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _hang_up(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()


def _words(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
