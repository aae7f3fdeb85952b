"""The sandbox network: a small social network of its own, and the platform that speaks to it."""

__version__ = "0.1.0"
