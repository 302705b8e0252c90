"""Arguments of installers, which are one text: each installer splits its command line in a way of its own."""

from __future__ import annotations

from golden.errors import UsageError
from golden.guest.family import Wanted

_LONGEST = 8000
_SUCCESS = (0, 3010, 1641)
"""What set-up programs end with by convention when they have succeeded. docs/facts: windows 5.4."""
_BITS = 1 << 32


def checked_tail(wanted: Wanted) -> str:
    """The text after ``--args``; UsageError for what no command line holds."""
    tail = dict(wanted.options).get("args", "")
    if any(char in tail for char in "\0\r\n"):
        raise UsageError("--args is one line of text")
    if len(tail) > _LONGEST:
        raise UsageError(f"--args is longer than a command line may be: {len(tail)} characters")
    return tail


def success_codes(wanted: Wanted) -> tuple[int, ...]:
    """The exit codes after ``--ok-codes``, such as ``0,3010`` or ``0x0,-5``; the usual ones where none are given."""
    text = dict(wanted.options).get("ok-codes")
    if text is None:
        return _SUCCESS
    try:
        codes = tuple(int(part.strip(), 0) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--ok-codes takes numbers, not {text!r}", hint="--ok-codes 0,3010") from None
    if any(not -_BITS // 2 <= code < _BITS for code in codes):
        raise UsageError(f"--ok-codes {text!r}: exit codes have 32 bits")
    return codes
