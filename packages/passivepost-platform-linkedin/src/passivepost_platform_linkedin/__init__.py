"""LinkedIn for PassivePost."""

__version__ = "0.1.0"
