"""
How Linux guests are spoken to: constant argument lists, and orders as lines that sh can read without parsing.

The argument lists in whole::

    make_folder     /bin/mkdir -p -- PATH
    remove_folder   /bin/rm -rf -- PATH
    launch          /bin/sh LAUNCHER ORDER
    shipped         /bin/sh SCRIPT PARAMETERS RESULT
    interpreter     SCRIPT                     (the launcher reads its first line; see scripts/launch.sh)
    shut_down       /sbin/shutdown -P now
    restart         /sbin/shutdown -r now

A minimal Debian has neither Python nor jq, so an order is not JSON but lines of ``KEY BASE64``: any bytes but NUL get
through, and nothing of them is ever shell text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from golden.errors import UsageError
from golden.guest.dialect import Script

SCRIPTS = Path(__file__).parent / "scripts"
WORK_FOLDER = "/var/tmp/golden"  # noqa: S108 - in the guest; it outlives a restart, which /tmp does not

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class LinuxDialect:
    """Constant argument lists and path rules of Linux guests; fulfils ``golden.guest.dialect.Dialect``."""

    launcher = Script(SCRIPTS / "launch.sh")

    def __init__(self, work_folder: str = WORK_FOLDER) -> None:
        """``work_folder`` is the parent of the run folders, in the guest."""
        self.work_folder = work_folder

    @property
    def probe(self) -> Script:
        """The script that tells the boot mark and whether a process exists."""
        return Script(SCRIPTS / "probe.sh")

    @property
    def hasher(self) -> Script:
        """The script that measures and hashes a file."""
        return Script(SCRIPTS / "hash.sh")

    def join(self, folder: str, *names: str) -> str:
        """A path below ``folder``."""
        return "/".join((folder.rstrip("/"), *names))

    def make_folder(self, path: str) -> tuple[str, ...]:
        """Make a folder and its parents; there already is success."""
        return ("/bin/mkdir", "-p", "--", path)

    def remove_folder(self, path: str) -> tuple[str, ...]:
        """Take a folder away with all in it; not there is success."""
        return ("/bin/rm", "-rf", "--", path)

    def launch(self, launcher: str, order: str) -> tuple[str, ...]:
        """Run the launcher on an order file."""
        return ("/bin/sh", launcher, order)

    def encode_order(self, order: Mapping[str, object]) -> bytes:
        """An order as launch.sh reads it. UsageError for a NUL, or a name that no environment can hold."""
        return encode_lines(order)

    def encode_parameters(self, parameters: Mapping[str, object]) -> bytes:
        """Parameters as golden's own scripts read them."""
        return encode_lines(parameters)

    def shipped(self, script: str, parameters: str, result: str) -> tuple[str, ...]:
        """Run one of golden's own scripts."""
        return ("/bin/sh", script, parameters, result)

    def interpreter(self, script: str) -> tuple[str, ...]:
        """Run a user's script; its first line says with what. UsageError for Windows' endings."""
        if script.lower().endswith((".ps1", ".cmd", ".bat")):
            raise UsageError(
                f"a Linux guest cannot run {script.rpartition('/')[2]!r}",
                hint="scripts for Linux end in .sh and name their interpreter in the first line",
            )
        return (script,)

    def shut_down(self) -> tuple[str, ...]:
        """Switch the guest off from inside, in order."""
        return ("/sbin/shutdown", "-P", "now")

    def restart(self) -> tuple[str, ...]:
        """Restart the guest from inside, in order."""
        return ("/sbin/shutdown", "-r", "now")


def encode_lines(values: Mapping[str, object]) -> bytes:
    """
    Lines of ``KEY BASE64``, one for each value; a list gives one line an item, a mapping one ``NAME=value`` an item.

    Numbers are decimal text, booleans ``true`` and ``false``; None is left out. UsageError for a NUL in a value or a
    name in a mapping that no environment can hold.
    """
    lines = (f"{key} {_base64(key, text)}\n" for key, value in values.items() for text in _texts(key, value))
    return "".join(lines).encode("ascii")


def _texts(key: str, value: object) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, text in value.items():
            if not _NAME.fullmatch(str(name)):
                raise UsageError(f"{name!r} cannot be the name of an environment variable in a Linux guest")
            yield f"{name}={text}"
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(key, item)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    else:
        yield str(value)


def _base64(key: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise UsageError(f"{key} holds a NUL character, which no argument in a Linux guest can", details=repr(text))
    return base64.b64encode(data).decode("ascii")
