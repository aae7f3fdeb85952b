"""The demo: one sample person, an account on the sandbox network, and posts in every state."""
