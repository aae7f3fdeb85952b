"""Receivers of webhooks on loopback: one that keeps what it is told, one that counts connects."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from musekit.testing.servers import free_port


@dataclass(frozen=True, kw_only=True)
class Told:
    """One request, verbatim."""

    at: float
    path: str
    headers: dict[str, str]  #: names in lower case
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Listener:
    """A receiver over plain sockets, so that it can misbehave in every way.

    Attributes:
        told: every request whose body came in whole, in order.
        script: how the next requests are answered: a status, or a function that is given the
            connection; when it is empty, `usual`.
        pause: seconds between a request and its answer.
        connects: how many connections were made.
    """

    port: int = 0
    told: list[Told] = field(default_factory=list)
    script: list[int | Callable[[socket.socket], None]] = field(default_factory=list)
    usual: int | Callable[[socket.socket], None] = 204
    pause: float = 0.0
    connects: int = 0
    most_at_once: int = 0  #: requests that were under way at the same time, at most
    _now: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def copies(self) -> Counter[str]:
        """Return how often each message came."""
        return Counter(each.id for each in self.told)

    # --- within ---

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection."""
        with connection:
            self._open.append(connection)
            connection.settimeout(30)
            rest = b""
            while True:
                try:
                    told, rest = self._read(connection, rest)
                except (OSError, ValueError):
                    return
                if told is None:
                    return
                with self._lock:
                    self._now += 1
                    self.most_at_once = max(self.most_at_once, self._now)
                    self.told.append(told)
                    answer = self.script.pop(0) if self.script else self.usual
                try:
                    time.sleep(self.pause)
                finally:
                    with self._lock:
                        self._now -= 1
                try:
                    if callable(answer):
                        answer(connection)
                        return
                    connection.sendall(plain(answer))
                except OSError:
                    return

    def hang_up(self) -> None:
        """End all connections, as a process that dies does."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _read(self, connection: socket.socket, data: bytes) -> tuple[Told | None, bytes]:
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            data += piece
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.strip().lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
        length = int(headers.get("content-length", "0"))
        while len(data) < length:
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            data += piece
        told = Told(
            at=time.time(), path=first.split(" ")[1], headers=headers, body=data[:length]
        )  # fmt: skip
        return told, data[length:]


def plain(status: int, *headers: str, body: bytes = b"") -> bytes:
    """Return an answer."""
    lines = [f"HTTP/1.1 {status} X", *headers]
    if status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def redirect(target: str) -> Callable[[socket.socket], None]:
    """Answer by leading elsewhere."""
    return lambda connection: connection.sendall(plain(302, f"Location: {target}"))


def hang(seconds: float) -> Callable[[socket.socket], None]:
    """Say nothing for a while, then hang up."""
    return lambda connection: time.sleep(seconds)


def cut(connection: socket.socket) -> None:
    """Hang up in the middle of an answer's headers."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def garbage(connection: socket.socket) -> None:
    """Speak something else."""
    connection.sendall(b"220 mail.example ESMTP\r\n")


def flood(status: int) -> Callable[[socket.socket], None]:
    """Answer with a body that does not end, as fast as it is taken."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(16 * 64):  # 64 MB
            connection.sendall(piece)

    return answer


def drip(status: int, seconds: float) -> Callable[[socket.socket], None]:
    """Answer with a status at once, and a body that comes a byte at a time."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 100000\r\n\r\n".encode())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.sendall(b"x")
            time.sleep(0.05)

    return answer


@contextmanager
def listening(port: int = 0, host: str = "127.0.0.1") -> Iterator[Listener]:
    """Run a receiver; it is gone, with its port, at the end."""
    server = socket.create_server((host, port or free_port()))
    made = Listener(port=server.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            made.connects += 1
            threading.Thread(target=made.serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        made.hang_up()
