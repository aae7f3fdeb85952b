"""bluesky for PassivePost."""
