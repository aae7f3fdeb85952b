"""Upkeep of the core's own machinery: old rows are deleted, the queue is looked after."""
