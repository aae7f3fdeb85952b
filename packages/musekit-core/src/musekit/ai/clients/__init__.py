"""Plain protocol code: how each kind of model service is spoken to."""
