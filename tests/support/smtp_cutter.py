"""A proxy before an SMTP server that cuts the connection at one step of the conversation.

It keeps a ledger: which message was on its way to whom, whether its end went through, and whether
the sender was given an answer. What a sender may believe and do can be judged by that alone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

#: Steps at which a conversation is cut. A command has reached the server, its answer is swallowed;
#: ``body``: a part of the message is through; ``dot``: the server has taken it, nobody hears of it.
STEPS = ("greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "body", "dot", "QUIT")

#: Steps of a conversation that goes over to TLS; what comes after them passes unseen.
TLS_STEPS = ("STARTTLS", "handshake")


@dataclass
class Sending:
    """One message on its way, from the server's leave to send it on.

    Attributes:
        to: the last mailbox that was named before it.
        ended: the line with the single dot was passed on: the server may have it from here on.
        answered: the sender was told what the server said to it.
    """

    to: str
    ended: bool = False
    answered: bool = False


class Cutter:
    """Cuts the next `times` conversations at `step`; the others go through.

    Attributes:
        cuts: how many were cut.
        sendings: every message that was begun, in order.
    """

    def __init__(self, target: int) -> None:
        self.sendings: list[Sending] = []
        self._lock = threading.Lock()
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.step = ""
        self.times = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, step: str, times: int = 1) -> None:
        assert step in STEPS + TLS_STEPS
        self.step, self.times = step, times

    def close(self) -> None:
        # A thread that waits in accept() keeps the socket open until it is shut down.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _is_now(self, step: str) -> bool:
        with self._lock:
            if self.step != step or self.times <= 0:
                return False
            self.times -= 1
            self.cuts += 1
            return True

    def _talk(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            self._converse(client)

    def _converse(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as up:
            client_file, up_file = client.makefile("rb"), up.makefile("rb")
            to = ""
            greeting = _reply(up_file)
            if self._is_now("greeting"):
                return
            client.sendall(greeting)
            while line := client_file.readline():
                up.sendall(line)
                answer = _reply(up_file)
                word = line.split()[0].upper().decode("latin-1") if line.split() else ""
                if word == "RCPT":
                    to = line.decode().partition("<")[2].partition(">")[0]
                if word in (*STEPS, "STARTTLS") and self._is_now(word):
                    return
                if not answer:
                    return  # the server has hung up
                client.sendall(answer)
                if word == "STARTTLS" and answer.startswith(b"220"):
                    if not self._is_now("handshake"):
                        _relay(client, up)
                    return
                if (
                    word == "DATA"
                    and answer.startswith(b"354")
                    and not self._message(to, client, client_file, up, up_file)
                ):
                    return

    def _message(
        self, to: str, client: socket.socket, client_file: BinaryIO, up: socket.socket,
        up_file: BinaryIO,
    ) -> bool:  # fmt: skip
        """Pass a message on; False where the conversation ends here."""
        self.sendings.append(sending := Sending(to))
        while line := client_file.readline():
            sending.ended = line == b".\r\n"
            up.sendall(line)
            if self._is_now("body"):
                return False
            if sending.ended:
                break
        answer = _reply(up_file)
        if not answer or self._is_now("dot"):
            return False
        sending.answered = True  # before it is, so that it is never the other way round
        client.sendall(answer)
        return True


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on both ways until one side has enough."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=pump, args=(other, one), daemon=True)
    back.start()
    pump(one, other)
    back.join(5)


def _reply(file: BinaryIO) -> bytes:
    """Read one answer of the server, with all its lines."""
    whole = b""
    while line := file.readline():
        whole += line
        if line[3:4] != b"-":
            break
    return whole


@contextmanager
def cutter(target: int) -> Iterator[Cutter]:
    """Run a proxy before a port of 127.0.0.1."""
    made = Cutter(target)
    try:
        yield made
    finally:
        made.close()
