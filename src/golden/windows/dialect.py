"""
How Windows guests are spoken to: constant argument lists, one per act.

The argument lists in whole (PS is ``C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -NoProfile
-NonInteractive -ExecutionPolicy Bypass -File``, CMD is ``C:\\Windows\\System32\\cmd.exe /d /c``)::

    make_folder     CMD if not exist PATH mkdir PATH
    remove_folder   CMD if exist PATH rmdir /s /q PATH
    launch          PS LAUNCHER -Order ORDER
    shipped         PS SCRIPT -Parameters PARAMETERS -Result RESULT
    interpreter     PS SCRIPT            (.ps1)
                    CMD SCRIPT           (.cmd, .bat)
    shut_down       C:\\Windows\\System32\\shutdown.exe /s /t 0
    restart         C:\\Windows\\System32\\shutdown.exe /r /t 0

Every word above is an argument of its own. Paths given to cmd.exe are golden's own, or folders that a user named and
``is_plain`` has judged, so no character of theirs means anything to cmd.exe; ``make_folder`` and its like refuse
others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from golden.errors import UsageError
from golden.guest.dialect import Script

SYSTEM32 = "C:\\Windows\\System32"
POWERSHELL = (
    f"{SYSTEM32}\\WindowsPowerShell\\v1.0\\powershell.exe",
    "-NoProfile",
    "-NonInteractive",
    "-ExecutionPolicy",
    "Bypass",
    "-File",
)
CMD = (f"{SYSTEM32}\\cmd.exe", "/d", "/c")
SHUTDOWN = f"{SYSTEM32}\\shutdown.exe"
SCRIPTS = Path(__file__).parent / "scripts"

_REFUSED = (
    "something keeps PowerShell from running golden's scripts; look in the guest: Get-ExecutionPolicy -List (nothing "
    "overrides a MachinePolicy or UserPolicy of AllSigned or Restricted), and what App Control (WDAC), AppLocker or "
    "the virus scanner refused"
)
"""Policies that come before ``-ExecutionPolicy``. docs/facts: windows 5.10."""
_PLAIN_PATH = re.compile(r"[A-Za-z]:(\\[\w. +~()-]+)+")


class WindowsDialect:
    """Constant argument lists and path rules of Windows guests; fulfils ``golden.guest.dialect.Dialect``."""

    work_folder = "C:\\Windows\\Temp\\golden"
    launcher = Script(SCRIPTS / "launch.ps1")

    @property
    def probe(self) -> Script:
        """The script that tells the boot mark and the sysprep signals of the running guest."""
        return Script(SCRIPTS / "probe.ps1", _REFUSED)

    @property
    def hasher(self) -> Script:
        """The script that measures and hashes a file."""
        return Script(SCRIPTS / "hash.ps1")

    def join(self, folder: str, *names: str) -> str:
        """A path below ``folder``."""
        return "\\".join((folder.rstrip("\\"), *names))

    def make_folder(self, path: str) -> tuple[str, ...]:
        """Make a folder and its parents; there already is success (a bare mkdir would end with 1)."""
        return (*CMD, "if", "not", "exist", _plain(path), "mkdir", path)

    def remove_folder(self, path: str) -> tuple[str, ...]:
        """Take a folder away with all in it; not there is success."""
        return (*CMD, "if", "exist", _plain(path), "rmdir", "/s", "/q", path)

    def launch(self, launcher: str, order: str) -> tuple[str, ...]:
        """Run the launcher on an order file."""
        return (*POWERSHELL, launcher, "-Order", order)

    def encode_order(self, order: Mapping[str, object]) -> bytes:
        """An order as launch.ps1 reads it."""
        return json.dumps(order).encode()

    def encode_parameters(self, parameters: Mapping[str, object]) -> bytes:
        """Parameters as golden's own scripts read them."""
        return json.dumps(parameters).encode()

    def shipped(self, script: str, parameters: str, result: str) -> tuple[str, ...]:
        """Run one of golden's own scripts."""
        return (*POWERSHELL, script, "-Parameters", parameters, "-Result", result)

    def interpreter(self, script: str) -> tuple[str, ...]:
        """Run a user's script by its ending; UsageError for anything but .ps1, .cmd and .bat."""
        ending = script.rpartition(".")[2].lower()
        if ending == "ps1":
            return (*POWERSHELL, script)
        if ending in ("cmd", "bat"):
            return (*CMD, _plain(script))
        raise UsageError(
            f"a Windows guest cannot run {script.rpartition(chr(92))[2]!r}",
            hint="scripts for Windows end in .ps1, .cmd or .bat",
        )

    def shut_down(self) -> tuple[str, ...]:
        """Switch the guest off from inside, in order."""
        return (SHUTDOWN, "/s", "/t", "0")

    def restart(self) -> tuple[str, ...]:
        """Restart the guest from inside, in order."""
        return (SHUTDOWN, "/r", "/t", "0")


def is_plain(path: str) -> bool:
    """
    Whether cmd.exe takes the path as it is: a drive, and names without any character that means something to it.

    Parentheses do nothing only inside quotes, which are put around paths with a space, as in "Program Files (x86)".
    """
    if not _PLAIN_PATH.fullmatch(path) or any(part.strip() in ("", "..", ".") for part in path.split("\\")):
        return False
    return " " in path or not re.search(r"[()]", path)


def _plain(path: str) -> str:
    if not is_plain(path):
        raise UsageError(
            f"golden does not make or remove the folder {path!r} in a guest",
            hint="folder names of letters, digits, spaces and . _ - + ~",
        )
    return path
