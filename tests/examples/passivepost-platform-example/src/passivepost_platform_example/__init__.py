"""Example for PassivePost."""
