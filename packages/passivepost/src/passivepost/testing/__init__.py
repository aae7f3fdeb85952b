"""The test kit of platform authors: a contract to subclass, a double to post to, a client.

::

    from passivepost.testing import Answer, Double, PlatformContract

    class TestMine(PlatformContract):
        @pytest.fixture
        def server(self): ...
        @pytest.fixture
        def platform(self, server): ...

See ``docs/platforms.md``. Needs pytest and httpx.
"""

from passivepost.testing.client import HttpxClient
from passivepost.testing.contract import PlatformContract
from passivepost.testing.double import Answer, Double, Request
from passivepost.testing.facts import FactsContract
from passivepost.testing.server import Accepted, Fault, Server

__all__ = [
    "Accepted",
    "Answer",
    "Double",
    "FactsContract",
    "Fault",
    "HttpxClient",
    "PlatformContract",
    "Request",
    "Server",
]
