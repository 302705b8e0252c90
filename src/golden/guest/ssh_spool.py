"""What golden keeps in an account it logs on to over SSH: a folder for each boot of the guest, in it one a line."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko

START = "start.sh"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def furnished(sftp: paramiko.SFTPClient, own: str, starter: Path) -> str:
    """A line's own folder with the starter in it; what earlier boots left goes. Raises what SFTP raises."""
    with sftp.open(BOOT_ID, "rb") as file:
        boot = file.read(64).decode("ascii").strip()
    home = sftp.normalize(".")
    spool = home.rstrip("/") + "/.golden"
    for folder in (spool, f"{spool}/{boot}", f"{spool}/{boot}/{own}"):
        if not is_there(sftp, folder):
            sftp.mkdir(folder, 0o700)
    for earlier in sftp.listdir(spool):
        if earlier != boot:
            _remove(sftp, f"{spool}/{earlier}")
    spool = f"{spool}/{boot}/{own}"
    if not is_there(sftp, f"{spool}/{START}"):
        with sftp.open(f"{spool}/{START}.new", "wb") as file:
            file.write(starter.read_bytes())
        sftp.posix_rename(f"{spool}/{START}.new", f"{spool}/{START}")
    return spool


def clear(sftp: paramiko.SFTPClient, spool: str, told: Mapping[int, str]) -> None:
    """Take away what has ended and was told of, and folders that nothing is left in; whatever will not go raises."""
    for pid, place in told.items():
        for ending in ("code", "started"):
            with suppress(FileNotFoundError):
                sftp.remove(f"{place}/{pid}.{ending}")
    boot = spool.rpartition("/")[0]
    for place in {spool, *told.values()}:
        if sftp.listdir(place) == [START]:
            sftp.remove(f"{place}/{START}")
            sftp.rmdir(place)
    sftp.rmdir(boot)  # Refused while other lines have something there; so is the next.
    sftp.rmdir(boot.rpartition("/")[0])


def is_there(sftp: paramiko.SFTPClient, path: str) -> bool:
    """Whether a file or folder is there."""
    try:
        sftp.stat(path)
    except FileNotFoundError:
        return False
    return True


def _remove(sftp: paramiko.SFTPClient, folder: str) -> None:
    """What an earlier boot of the guest left; its programs are gone, so nobody needs it."""
    with suppress(FileNotFoundError):
        for entry in sftp.listdir_attr(folder):
            path = f"{folder}/{entry.filename}"
            if stat.S_ISDIR(entry.st_mode or 0):
                _remove(sftp, path)
            else:
                sftp.remove(path)
        sftp.rmdir(folder)
