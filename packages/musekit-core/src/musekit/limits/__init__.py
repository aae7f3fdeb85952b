"""The face of the rate limits: their settings, and how they are."""
