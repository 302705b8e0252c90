"""Sizes, ages, times and columns as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.cli.human import age, columns, duration, seconds, size, width
from golden.errors import UsageError


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "0 B"), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 << 30, "200 GiB"), (3 << 40, "3.0 TiB")],
)
def test_sizes_have_the_unit_that_suits_them(count: int | None, text: str) -> None:
    """Bytes are told in the largest unit of 1024 that leaves a number above one."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(days=90), "3 months ago"),
        (timedelta(days=800), "2.2 years ago"),
    ],
)
def test_ages_are_told_in_one_unit(ago: timedelta, text: str) -> None:
    """How long ago a moment was, to the unit that matters."""
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert age((now - ago).isoformat(), now) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12, "0.1 s"), (12.4, "12 s"), (3, "3 s"), (185.0, "3 min 5 s"), (3600.0, "60 min"), (7500.0, "2 h 5 min")],
)
def test_durations_are_short(value: float, text: str) -> None:
    """Seconds, minutes or hours, never all of them."""
    assert seconds(value) == text


def test_a_duration_that_is_none_is_refused() -> None:
    """What is no time is a usage error, never a guess."""
    for text in ("", "-1", "1d", "h", "nan", "1e3", "0", "٣"):
        with pytest.raises(UsageError):
            duration(text, 1)
    assert duration(None, 7) == 7
    assert duration("1.5m", 7) == 90


@given(st.lists(st.lists(st.text("abc \x1b[31m", max_size=9), min_size=3, max_size=3), max_size=6))
def test_columns_begin_at_the_same_place(rows: list[list[str]]) -> None:
    """Every cell of a column begins as far right as the others, colors not counted."""
    lines = columns([["|", cell, "|end"] for row in rows for cell in row])
    assert len({width(line.rpartition("|end")[0]) for line in lines}) <= 1
