"""Names that golden gives to machines, images and frozen points."""

from __future__ import annotations

import re

from golden.errors import BadName

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")


def checked(name: str) -> str:
    """The name itself; BadName for anything that could be more than a name in a path, argument or XML."""
    if not _NAME.fullmatch(name):
        raise BadName(f"{name!r} is no name for a machine: small letters, digits and - only")
    return name
