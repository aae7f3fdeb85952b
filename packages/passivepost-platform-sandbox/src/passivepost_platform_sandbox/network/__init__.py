"""A real, small social network over HTTP: accounts, OAuth 2.0, posts, media, read-back, metrics.

It knows nothing of PassivePost or MuseKit. Its ledger is the oracle of the chaos tests, so it
stands in a store of its own; its faults are switched by ``PUT /faults`` (see `faults`).
"""

from passivepost_platform_sandbox.network.service import Network, NetworkSettings

__all__ = ["Network", "NetworkSettings"]
