"""Telling people and other programs what became of posts and accounts (ADR 0019)."""
