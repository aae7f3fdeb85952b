"""twitter for PassivePost."""
