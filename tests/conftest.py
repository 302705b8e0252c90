"""What holds for all tests."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: the tests of a group go to one worker, and the last group must not begin last."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
