"""Names are resolved by the system, in threads of each client's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

#: Look-ups at the same time. The pool is no other client's: names that users gave and that resolve
#: slowly (uvloop has 4 threads for all of a process) cannot hold up the publisher's.
THREADS = 16


class SystemResolver:
    """`getaddrinfo`: the hosts file, the search list and the servers that the operator expects."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="musekit-names")

    async def resolve(self, host: str, port: int) -> Sequence[tuple[socket.AddressFamily, str]]:
        """Return all addresses of a name. Raises OSError when it has none."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _look_up, host, port)

    async def close(self) -> None:
        """Let go of the threads; look-ups that hang end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        answers = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except UnicodeError:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    # An IPv6 scope stays off the address: link-local ones are refused by the guard anyway.
    return [(family, str(address[0])) for family, _, _, _, address in answers]
