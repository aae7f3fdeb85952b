"""A product that a stranger might have written: it makes things, so many a day."""
