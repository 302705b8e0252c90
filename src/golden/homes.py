"""The folders that a ``~`` stands for. Nobody else expands one."""

from __future__ import annotations

from pathlib import Path

from golden.errors import BadConfig, NotFound


def expanded(path: str | Path, at: str = "") -> Path:
    """
    The path with a home folder in place of the ``~`` that it may begin with.

    NotFound where there is no such folder; BadConfig where ``at`` names what holds the path, e.g. a key of golden.toml.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0][1:]
        why = f"there is no user {user}" if user else "HOME is not set, and this account has none"
        words = f"{path} begins with no home folder: {why}"
        hint = "write the whole path"
        raise (BadConfig(f"{at}: {words}", hint=hint) if at else NotFound(words, hint=hint)) from None
