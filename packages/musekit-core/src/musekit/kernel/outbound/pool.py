"""Connections, kept alive and counted; one pool per client, of one event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohappyeyeballs import start_connection

from musekit.kernel.outbound.errors import NotSent
from musekit.kernel.outbound.exchange import Connection
from musekit.kernel.outbound.guard import Guard, guarded_socket

#: Seconds an idle connection is kept. Shorter than the 5 s after which Node, uvicorn and Apache
#: drop theirs: a POST that meets such a drop would have to be reported as of unknown outcome.
KEEP_ALIVE = 4.0
#: Seconds that the addresses of a name are used for new connections.
NAMES_KEPT = 10.0
#: Seconds before the next address of a name is tried beside the first (RFC 8305).
STAGGER = 0.25

#: Scheme, host and port.
Origin = tuple[str, str, int]
#: Family and address, as the system's `getaddrinfo` tells them.
Address = tuple[socket.AddressFamily, str]


class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Return all addresses of a name. Raises OSError when it has none."""

    async def close(self) -> None:
        """Let go of what it holds."""


class Pool:
    """At most `limit` connections. An idle one is used again; the longest idle makes room."""

    def __init__(
        self,
        guard: Guard,
        resolver: Resolver,
        limit: int,
        make: Callable[[asyncio.AbstractEventLoop], Connection] = Connection,
    ) -> None:
        self._guard, self._resolver, self._limit, self._make = guard, resolver, limit, make
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Origin, list[Connection]] = {}
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._names: dict[tuple[str, int], tuple[float, asyncio.Task[Sequence[Address]]]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self.closed = False

    def idle(self, origin: Origin) -> Connection | None:
        """Return a connection that waits, if there is one."""
        waiting = self._idle.get(origin)
        oldest = self._loop.time() - KEEP_ALIVE
        while waiting:
            connection = waiting.pop()  # the last used: it is the likeliest to stand
            if connection.is_open and connection.idle_since > oldest:
                return connection
            self._drop(connection)
        return None

    async def connect(self, origin: Origin) -> Connection:
        """Open a connection, when there is room for it.

        Raises:
            NotSent: nobody listens, the name does not resolve, no secure connection came about.
        """
        while self._open >= self._limit and not self._make_room():
            turn = self._loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._next()
                raise
            if connection := self.idle(origin):
                return connection
        self._open += 1
        try:
            return await self._dial(origin)
        except BaseException:
            self._open -= 1
            self._next()
            raise

    def release(self, origin: Origin, connection: Connection) -> None:
        """Take a connection back after its exchange."""
        if self.closed or not connection.is_open:
            self._drop(connection)
            return
        connection.idle_since = self._loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEP_ALIVE, self._drop_old)
        self._next()

    async def close(self) -> None:
        """Drop all connections that wait; those in use are dropped when they come back."""
        self.closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for waiting in self._idle.values():
            for connection in waiting:
                connection.close()
        self._idle.clear()
        for _, looking in self._names.values():
            looking.cancel()
        await self._resolver.close()

    # --- Within ---

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._open -= 1
        self._next()

    def _make_room(self) -> bool:
        """Drop the connection that waits longest, whatever its origin."""
        longest = min(
            (waiting for waiting in self._idle.values() if waiting),
            key=lambda waiting: waiting[0].idle_since,
            default=None,
        )
        if longest is None:
            return False
        longest.pop(0).close()
        self._open -= 1
        return True

    def _drop_old(self) -> None:
        oldest = self._loop.time() - KEEP_ALIVE
        for origin, waiting in list(self._idle.items()):
            while waiting and (not waiting[0].is_open or waiting[0].idle_since <= oldest):
                self._drop(waiting.pop(0))
            if not waiting:
                del self._idle[origin]
        self._sweep = self._loop.call_later(1.0, self._drop_old) if self._idle else None

    async def _dial(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        addresses = await self._addresses(host, port)
        infos = [
            (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for family, address in addresses
        ]
        link = await start_connection(
            infos,
            happy_eyeballs_delay=STAGGER,
            interleave=1,
            loop=self._loop,
            socket_factory=lambda info: guarded_socket(self._guard, (host, port), info),
        )
        secure = scheme == "https"
        _, connection = await self._loop.create_connection(
            lambda: self._make(self._loop),
            sock=link,
            ssl=self._tls if secure else None,
            server_hostname=host.rstrip(".") if secure else None,
        )
        return connection

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        """Resolve a name, once for all who ask at the same time."""
        now = self._loop.time()
        kept = self._names.get((host, port))
        if kept is None or kept[0] < now:
            looking = self._loop.create_task(self._look_up(host, port))
            kept = self._names[host, port] = (now + NAMES_KEPT, looking)
            looking.add_done_callback(lambda task: self._forget(host, port, task))
        return await asyncio.shield(kept[1])

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        address = _literal(host)
        answers = [address] if address else await self._resolver.resolve(host, port)
        self._guard.check_answers(host, port, [address for _, address in answers])
        if not answers:
            raise NotSent(f"{host} has no address")
        return answers

    def _forget(self, host: str, port: int, task: asyncio.Task[Sequence[Address]]) -> None:
        """Ask again after a failure."""
        if task.cancelled() or task.exception() is not None:
            self._names.pop((host, port), None)


def _literal(host: str) -> Address | None:
    """Return a host that is an address already."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (socket.AF_INET if address.version == 4 else socket.AF_INET6), str(address)
