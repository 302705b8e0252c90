"""Which kind of log a file is: by its name where it is looked for, by what it holds where it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

from golden.windows.explain.nouns import Told
from golden.windows.log_text import Log, narrow

_READERS = {
    "sysprep": ("sysprep", "read"),
    "setup": ("setup", "read"),
    "setupapi": ("setupapi", "read"),
    "cbs": ("servicing", "cbs"),
    "dism": ("servicing", "dism"),
    "msi": ("msi", "read"),
}
"""Module and function by kind; loaded when there is such a log, since most answers need one."""
LOOKED_FOR = "setupact.log, setuperr.log, setupapi.dev.log, CBS.log, dism.log, and logs of msiexec (*.log)"
_NAMES = (
    ("setup", r"(?:^|[^a-z])setup(?:act|err)\b[^/]*\.log$"),
    ("setupapi", r"(?:^|[^a-z])setupapi\.(?:dev|app|setup)\b[^/]*\.log$"),
    ("cbs", r"(?:^|[^a-z])(?:cbs\b[^/]*|cbspersist_[^/]*)\.log$"),
    ("dism", r"(?:^|[^a-z])dism\b[^/]*\.log$"),
)
"""Left as text: compiling them takes longer than reading a small log, and a log of sysprep needs none."""
_MSI = r"^={3} (?:Verbose )?logging started:|^MSI \([cs]\) \(|^Action (?:start|ended) [\d:]+:"
_SETUPAPI = r"^[ \t]*>>>[ \t]+\[|^\[Device Install Log\]"
_DATED = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \w+\s+(?:\[\w+\]\s+)?(\w*)"
_SERVICING = {"DISM": "dism", "CBS": "cbs", "CSI": "cbs", "DPX": "cbs"}
_SYSPREP = " SYSPRP "
_RUN = ("Beginning of a new sysprep run", "ParseCommands:Found supported command line option", "SYSPRP WinMain:")
"""What only sysprep.exe itself writes."""
_FIRST_BOOT = r"\[(?:setup|windeploy|oobeldr|msoobe|audit)\.exe\]|\sIBS\s|Sysprep_Specialize|Specialize\.xml"
"""
What Windows Setup writes beside the lines of sysprep's providers that it calls in the specialize pass: public logs of
first boots hold ``SYSPRP`` lines, those of good ones as well (unattend-generator#453, rufus#432).
"""
_HEAD = 64 * 1024


def read(kind: str, log: Log, file: str) -> Told:
    """What a log of this kind tells; ``file`` is how it is called in evidence."""
    module, function = _READERS[kind]
    told: Told = getattr(import_module(f"golden.windows.explain.{module}"), function)(log, file)
    return told


def by_name(name: str) -> str:
    """The kind that a path's name promises; empty where it promises none."""
    name = name.replace("\\", "/").rpartition("/")[2].lower()
    return next((kind for kind, pattern in _NAMES if re.search(pattern, name)), "")


def by_content(name: str, first: bytes) -> str:
    """The kind of a log that begins so; empty where it is none."""
    head = next(narrow(iter([first])), b"")[:_HEAD]
    if b"\0" in head[:4096]:
        return ""
    text = head.decode("utf-8", "replace").replace("\r", "")
    if _SYSPREP in text and _is_syspreps_own(name, text):
        return "sysprep"
    if re.search(_SETUPAPI, text, re.MULTILINE):
        return "setupapi"
    if re.search(_MSI, text, re.MULTILINE):
        return "msi"
    promised = by_name(name)
    met = re.search(_DATED, text, re.MULTILINE)
    if met and promised in ("", "setup"):
        return _SERVICING.get(met.group(1).upper(), "setup")
    return promised if text.strip() else ""


def _is_syspreps_own(name: str, text: str) -> bool:
    """Whether sysprep.exe wrote it, and not a first boot that called its providers; facts 1.2 name the folders."""
    if any(words in text for words in _RUN):
        return True
    place = name.replace("\\", "/").lower()
    if "sysprep/panther/" in place:
        return True
    return "windows/panther/" not in place and not re.search(_FIRST_BOOT, text)


def may_be(name: str) -> bool:
    """Whether a file found in a folder is worth opening."""
    return bool(by_name(name)) or name.lower().endswith(".log")


def pieces_after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """A log whose first piece was looked at."""
    yield first
    yield from rest
