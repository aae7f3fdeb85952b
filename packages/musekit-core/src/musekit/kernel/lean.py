"""Starts that are quick and processes that are small. Each measure names what it saved."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musekit.kernel.settings import CoreSettings

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  #: of malloc.h (glibc)


def slim(settings: CoreSettings) -> None:
    """Take the measures. Call it first in the process, before there are threads."""
    tune_malloc()
    spared = {"redis": "redis", "psycopg": "postgres"}
    _huey_without([name for name, queue in spared.items() if settings.queue_backend != queue])


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Import and build what stays for the life of the process: 17 % of a start's CPU.

    The garbage collector would go through it again and again and find nothing; nor does it look
    at it later.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def tune_malloc() -> None:
    """Let threads share two heaps instead of one each, and give what is large back at once.

    The first saves 20 MB of 200, with 20 threads. The second is for password hashes: glibc would
    learn from the first one's 19 MiB to keep such pieces, one in each heap.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, 2)
        library.mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def _huey_without(libraries: Sequence[str]) -> None:
    """Import Huey as where these are not installed: it tries them all, redis-py alone is 22 MB."""
    hidden = [name for name in libraries if name not in sys.modules]
    if "huey" in sys.modules or not hidden:
        return
    modules: dict[str, Any] = sys.modules
    for name in hidden:
        modules[name] = None  # an import of it raises ImportError, which Huey expects
    try:
        import huey  # noqa: F401
    finally:
        for name in hidden:
            del modules[name]
