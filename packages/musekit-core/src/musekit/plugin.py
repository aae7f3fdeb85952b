"""The core's own face: its features use the same hooks as anybody's."""
