"""Scripts of the user's: .ps1, .cmd and .bat, with arguments; they leave no trace of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from golden.disk.source import Files
from golden.errors import UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline

ENDINGS = (".ps1", ".cmd", ".bat")
_MEANS_SOMETHING_TO_CMD = re.compile(r'[&|<>^%!"\r\n]')


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG001 - every Windows runs scripts
    """One that Windows runs, with arguments that reach it as they are."""
    hint = "scripts for Windows end in .ps1, .cmd or .bat"
    if wanted.source.is_dir():
        raise UsageError(f"{wanted.source} is a folder, and a script was wanted", hint=hint)
    if wanted.source.suffix.lower() not in ENDINGS:
        raise UsageError(f"a Windows guest cannot run {wanted.source.name!r}", hint=hint)
    _check_arguments(wanted)
    return changes.prepare_script(wanted)


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Push it and run it by its ending."""
    return changes.apply_script(session, change, files, deadline)


def look(session: Session, change: Change, deadline: Deadline) -> Standing:  # noqa: ARG001
    """Only the script knows what it was to do."""
    return Standing(None, "a script leaves nothing that golden could look for")


def prove(volume: Files, change: Change) -> str:  # noqa: ARG001
    """Its exit code is all there is."""
    return "exit code 0"


def _check_arguments(wanted: Wanted) -> None:
    """cmd.exe reads the arguments of a batch file as part of a command line, so some characters cannot pass."""
    if wanted.source.suffix.lower() not in (".cmd", ".bat"):
        return
    for argument in wanted.arguments:
        if _MEANS_SOMETHING_TO_CMD.search(argument):
            raise UsageError(
                f"the argument {argument!r} holds a character that means something to cmd.exe",
                hint="put the value into the script, or use a .ps1 script",
            )
