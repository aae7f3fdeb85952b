"""Fixtures that tests of every package share."""

import gc

pytest_plugins = ("tests.support.fixtures", "tests.support.skips")


def pytest_collection_finish() -> None:
    """Keep the collector from looking through all tests again and again: they stay to the end."""
    gc.collect()
    gc.freeze()
