"""The tests that tests/run --quick leaves out, by file."""
import pytest


def mark_slow(items, files):
    for item in items:
        if item.path.stem in files:
            item.add_marker(pytest.mark.slow)
