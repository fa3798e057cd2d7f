"""Marks of tests, by file: slow (tests/run --quick leaves them out) and alone (they run when no other test does)."""
import pytest


def mark(items, slow=(), alone=()):
    for item in items:
        if item.path.stem in slow:
            item.add_marker(pytest.mark.slow)
        if item.path.stem in alone:
            item.add_marker(pytest.mark.alone)
