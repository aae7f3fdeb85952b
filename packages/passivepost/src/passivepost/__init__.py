"""PassivePost: social media management that publishes exactly when due, exactly once."""

__version__ = "0.1.0"
