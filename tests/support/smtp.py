"""A real SMTP server on loopback (aiosmtpd), and a proxy that cuts a conversation at one step."""

from __future__ import annotations

import asyncio
import datetime
import email
import ipaddress
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from musekit.testing.servers import free_port

LOGIN, PASSWORD = "postmaster", "canary-smtp-password"


@dataclass
class Received:
    """A message that the server has taken."""

    sender: str
    to: list[str]
    content: bytes
    at: float

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class Receiver:
    """The server: what it has taken, and how it behaves.

    Mailboxes beginning with ``bounce`` do not exist (550), those with ``later`` are busy (451),
    those with ``spam`` have their message refused (554).
    """

    port: int
    taken: list[Received] = field(default_factory=list)
    connections: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    pause: float = 0  #: seconds between taking a message and saying so
    _controller: Controller | None = None
    _open: set[Any] = field(default_factory=set)

    def start(self) -> None:
        receiver = self

        class Counting(SMTP):
            def connection_made(self, transport: Any) -> None:
                receiver.connections += transport.get_extra_info("sslcontext") is None
                receiver._open.add(transport)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                if self.transport is not None:
                    receiver._open.discard(self.transport)
                super().connection_lost(error)

        class Listening(Controller):
            def factory(self) -> SMTP:
                return Counting(self.handler, **self.SMTP_kwargs)

        self._controller = Listening(self, hostname="127.0.0.1", port=self.port, **self.options)
        self._controller.start()
        self.connections = 0  # the controller tries itself

    def stop(self) -> None:
        """Be gone as a server whose process has died: nobody hears of what is under way."""
        if self._controller is not None:
            self._controller.loop.call_soon_threadsafe(self._hang_up)
            self._controller.stop()
            self._controller = None

    def _hang_up(self) -> None:
        for transport in self._open:
            with suppress(OSError):  # now, not when the loop comes to it: it ends
                transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            transport.abort()
        self._open.clear()

    def copies(self) -> Counter[str]:
        """How often each message was taken, by its id."""
        return Counter(each.message_id for each in self.taken)

    # aiosmtpd's handler

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("bounce"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.2.0 greylisted, try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        if envelope.rcpt_tos[0].startswith("spam"):
            return "554 5.7.1 looks like spam"
        assert isinstance(envelope.content, bytes)
        self.taken.append(
            Received(
                envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content, time.time()
            )
        )
        number = len(self.taken)
        await asyncio.sleep(self.pause)
        return f"250 2.0.0 queued as {number}"


@contextmanager
def receiver(**options: Any) -> Iterator[Receiver]:
    """Run a server on a free port; options are aiosmtpd's."""
    made = Receiver(free_port(), options=options)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def authenticator(server: Any, session: Any, envelope: Any, kind: str, data: Any) -> AuthResult:
    """Let the one login in."""
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (LOGIN.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a throw-away certificate for 127.0.0.1: the server's context, and the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "smtp.pem", folder / "smtp.key"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, private)
    return context, trusted
