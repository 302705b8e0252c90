"""What the checks must know of how the guest is going to be sealed."""

from __future__ import annotations

import re

from golden.guest.family import SealOrder
from golden.windows.checks.rules import Wish

_COPY_PROFILE = re.compile(rb"<\s*(?:\w+:)?CopyProfile\s*>\s*(true|1)\s*<", re.IGNORECASE)
_MOST = 4 << 20
"""Bytes of an answer file that are looked through."""


def wish(order: SealOrder) -> Wish:
    """The account, and whether the answer file asks for CopyProfile (in UTF-8, UTF-16 or an 8-bit encoding)."""
    content = b""
    if order.answer_file is not None and order.answer_file.is_file():
        with order.answer_file.open("rb") as file:
            content = file.read(_MOST).replace(b"\0", b"")
    return Wish(order.account, bool(_COPY_PROFILE.search(content)))
