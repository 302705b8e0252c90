"""What people write by hand: paths that begin with a ``~``, and texts that Notepad or PowerShell saved."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

from golden.errors import BadConfig, NotFound


def expanded(path: str | Path, at: str = "") -> Path:
    """
    The path with a home folder in place of the ``~`` that it may begin with. Nobody else expands one.

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


def utf8(data: bytes, file: Path) -> str:
    """UTF-8, with the mark that Windows' editors put before it or without. BadConfig for anything else."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        hint = "save it as UTF-8; in PowerShell: Set-Content -Encoding utf8"
        raise BadConfig(f"{file} is UTF-16 text, and golden reads it as UTF-8 only", hint=hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadConfig(f"{file} is not UTF-8 text: byte {error.start}", hint="save it as UTF-8") from error
