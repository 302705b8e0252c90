"""What nobody foresaw: files that cannot be used are named, and anything else is written down for a report."""

from __future__ import annotations

import errno
import tempfile
import time
import traceback
from pathlib import Path

from golden.errors import GoldenError, Refused, UsageError

_DISK = {errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", -1)}
_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS, *_DISK}
_NAMES = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EINVAL}


def as_refusal(error: Exception) -> GoldenError | None:
    """The sentence for a file or folder of the user's that cannot be used; None where it is something else."""
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_nowhere():
        return UsageError("the folder that this is typed in is not there any more", hint="cd to one that is")
    if not isinstance(error, OSError) or (error.filename is None and error.errno not in _DISK):
        return None
    words = f"{str(error.filename or 'a file')[:200]}: {error.strerror}"
    if error.errno in _RIGHTS:
        return Refused(words, hint="check who owns it, its permissions, and the room on its disk")
    return UsageError(words) if error.errno in _NAMES else None


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def write_down(error: BaseException) -> Path:
    """The traceback in a file in the state folder, or a temporary one where that cannot be written: its path."""
    text = "".join(traceback.format_exception(error))
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    try:
        from golden.settings import load

        folder = load().state
        if folder.is_dir():
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            return folder / name
    except Exception:  # noqa: BLE001, S110  the record matters more than its place, even where load() is at fault
        pass
    path = Path(tempfile.mkdtemp(prefix="golden-")) / name
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
