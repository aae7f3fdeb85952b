"""sandbox for PassivePost."""
