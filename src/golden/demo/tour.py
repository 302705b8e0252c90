"""
The tour: golden's whole main job, by the very commands a user types, on a real hypervisor with the stand-in guest.

It leaves a folder in which everything can be tried by hand. Run in a folder that an earlier tour made, it goes on
there: the lineage grows by one version and one image.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from golden.demo.worlds import ABOUT, REFERENCE, World, world
from golden.errors import Conflict, GoldenError
from golden.waiting import Watcher

MATERIAL = Path(__file__).parent / "material"
MARK = ".golden-demo"

Say = Callable[[str], None]


def run(folder: Path, provider: str, watcher: Watcher, say: Say) -> None:
    """
    Run the tour in a folder. Conflict where the folder holds something else, NotAble for an unknown provider, and
    whatever the commands themselves fail with.
    """
    begun = time.monotonic()
    goes_on = (folder / MARK).exists()
    if not goes_on and folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is there and was not made by the demo", hint="golden demo ANOTHER-FOLDER")
    for line in ABOUT.get(provider, ()):
        say(line)
    with world(provider, folder, watcher) as there:
        if not goes_on:
            _furnish(folder, there)
            note = ("--message", "the stand-in, as it was built")
            _golden(folder, say, "adopt", REFERENCE, *there.adopt, *note)
        _golden(folder, say, "update", "--add", _driver(folder), "--message", "network driver")
        _golden(folder, say, "capture", "--answer-file", "answers.xml", "--to", there.library)
        _golden(folder, say, "promote", "--channel", "stable")
        _golden(folder, say, "verify", "--deep")
        _golden(folder, say, "log")
        _proof(folder, say)
        say(f"Done in {time.monotonic() - begun:.0f} s." + (" Try it by hand:" if there.stays else ""))
        for line in there.parting or _by_hand(folder):
            say(line)


def _by_hand(folder: Path) -> tuple[str, ...]:
    command = f"{_command(folder)} update --add drivers/goldennet.inf      # or --run scripts/hello.cmd"
    return (f"   cd {folder}", f"   {command}")


def _furnish(folder: Path, there: World) -> None:
    """What the tour's commands need, and the mark that it was made by a tour."""
    (folder / "scripts").mkdir(parents=True)
    (folder / "golden.toml").write_text(there.settings, encoding="utf-8")
    (folder / "scripts/hello.cmd").write_bytes(b"@echo off\r\necho hello from the guest\r\n")
    shutil.copyfile(MATERIAL / "answers.xml", folder / "answers.xml")
    (folder / MARK).write_text("golden demo\n", encoding="utf-8")


def _driver(folder: Path) -> str:
    """The demo's driver package in its next version, so that every tour has something new to add."""
    target = folder / "drivers"
    shutil.copytree(MATERIAL, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.xml"))
    state = folder / MARK
    number = int((state.read_text(encoding="utf-8").split() or ["0"])[-1].replace("demo", "0")) + 1
    state.write_text(f"golden demo {number}\n", encoding="utf-8")
    inf = target / "goldennet.inf"
    inf.write_text(inf.read_text(encoding="utf-8").replace("1.0.0.1", f"1.0.0.{number}"), encoding="utf-8")
    return "drivers/goldennet.inf"


def _golden(folder: Path, say: Say, *arguments: str) -> None:
    """Run one command as a user would, and show it; its own words reach the user."""
    shown = " ".join(_shown(argument) for argument in arguments)
    say(f"\n$ golden {shown}")
    ran = subprocess.run([sys.executable, "-m", "golden", *arguments], cwd=folder, check=False)
    if ran.returncode:
        problem = GoldenError(f"golden {arguments[0]} ended with exit code {ran.returncode}", hint="golden doctor")
        problem.exit_code = ran.returncode if ran.returncode > 0 else 1
        raise problem


def _shown(argument: str) -> str:
    if len(argument) > 40 and "/" in argument:
        return f"…/{Path(argument).name}"
    return shlex.quote(argument)


def _asked(folder: Path, *arguments: str) -> Any:
    argv = [sys.executable, "-m", "golden", *arguments, "-o", "json"]
    ran = subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    return json.loads(ran.stdout)["data"]


def _proof(folder: Path, say: Say) -> None:
    """That the reference was never generalized, and that the image was: read from their disks."""
    log = _asked(folder, "log")
    on_disk = log["images"][-1]["proof"]["way"] == "disk"
    asked = "from its powered-off disk" if on_disk else "inside a clone of it"
    witness = "its own disk says so" if on_disk else "its guest said so before it was switched off"
    say(f"\nThe reference was never generalized; every version reads, {asked}:")
    for version in log["versions"]:
        say(f"   {REFERENCE}@v{version['number']}  {version['state']}")
    image = log["images"][-1]
    say(f"The image {REFERENCE}@i{image['number']} was, and is deployable; {witness}:")
    for signal, value in image["proof"]["signals"]:
        say(f"   {signal} = {value}")
    for form in image["forms"]:
        digest = f"  sha256 {form['sha256'][:16]}…" if form["sha256"] else ""
        say(f"   {form['format']}  {form['path'] or form['url']}{digest}")
    say("(It is a stand-in, not Windows: docs/proven.md says what that proves and what it does not.)")


def _command(folder: Path) -> str:
    program = Path(sys.argv[0])
    return os.path.relpath(program, folder) if program.name == "golden" and program.exists() else "golden"
