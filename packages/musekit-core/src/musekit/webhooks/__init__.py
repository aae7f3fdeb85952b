"""Outgoing webhooks: what happens in a space is told to the addresses it has named.

Events are written in the unit of work that causes them (`emitting`), claimed under leases
(`queue`), sent without any unit open (`sending`), and recorded (`delivery`).
"""
