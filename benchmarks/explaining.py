"""``golden explain`` on a log of 5 MB against a program that imports the same modules and reads the file by lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import place
from benchmarks.row import Row, in_turns

LIMIT = 1.5
TIMES = 31
SIZE = 5 << 20
LINE = "2026-03-20 15:17:23, {:<11}{}SYSPRP {}\r\n"
LEAST = """
import sys
for name in sys.argv[2].split():
    __import__(name)
with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
    for line in file:
        pass
"""
LOADED = """
import contextlib, io, sys
from golden.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    run(["explain", sys.argv[1]])
print(*(name for name in sys.modules if name.partition(".")[0] not in ("golden", "__main__", "__mp_main__")))
"""


def log() -> bytes:
    """A run that did much and was refused in the end."""
    text = LINE.format("Info", "", "===          Beginning of a new sysprep run          ===")
    text += LINE.format("Info", "[0x0f0054] ", "ValidatePrivileges:User has required privileges to sysprep machine")
    end = LINE.format(
        "Error", "", "Package A.B_1.0_x64__c was installed for a user, but not provisioned for all users."
    )
    end += LINE.format(
        "Error", "[0x0f00d8] ", "WinMain:Hit failure while pre-validate sysprep generalize; hr = 0x80073cf2"
    )
    action = "ActionPlatform::LaunchModule: Successfully executed 'Sysprep_Step_{}' from C:\\Windows\\System32\\a.dll"
    number = 0
    lines = [text]
    while len(lines) * 130 < SIZE:
        lines.append(LINE.format("Info", "[0x0f0080] ", action.format(number := number + 1)))
    return "".join([*lines, end]).encode()


def measure(work: Path) -> Row:
    """The best of both by turns, as whole processes; both find their modules compiled."""
    path = work / "setupact.log"
    path.write_bytes(log())
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(work / "compiled")

    def run(*argv: str) -> str:
        return subprocess.run(argv, cwd=work, env=env, check=True, capture_output=True, text=True).stdout

    modules = run(sys.executable, "-c", LOADED, str(path)).strip()
    acts = {
        "golden": lambda: run(place.GOLDEN, "explain", path.name),
        "least": lambda: run(sys.executable, "-c", LEAST, path.name, modules),
    }
    in_turns(acts, 2)
    found = in_turns(acts, TIMES)
    a, b = min(found["golden"]) * 1000, min(found["least"]) * 1000
    what = "golden explain on a 5 MB log, against importing the same modules and reading its lines (best of each)"
    return Row("explain", what, "ms", a, b, a / b, LIMIT, samples=found)
