"""See the module names: each holds one job of this folder."""
