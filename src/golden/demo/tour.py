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

from golden.errors import Conflict, GoldenError, NotAble
from golden.waiting import Watcher

MATERIAL = Path(__file__).parent / "material"
MARK = ".golden-demo"
REFERENCE = "win2022"

Say = Callable[[str], None]

SETTINGS = """\
# Made by `golden demo`. Endpoints are hypervisors; libraries are where images are published to.
[endpoints.local]
url = "qemu:///embed"          # libvirt's QEMU driver inside golden's own process: no daemon

[libraries.images]
url = "dir:images"             # a folder beside this file

[defaults]
library = "images"
"""


def run(folder: Path, provider: str, watcher: Watcher, say: Say) -> None:
    """
    Run the tour in a folder. Conflict where the folder holds something else, NotAble for an unknown provider, and
    whatever the commands themselves fail with.
    """
    if provider != "libvirt":
        raise NotAble(f"there is no demo for the provider {provider!r}", hint="golden demo --provider libvirt")
    begun = time.monotonic()
    made = _folder(folder)
    say("Building the stand-in guest: a real kernel, guest agent, NTFS volume and registry, and stand-ins for")
    say("sysprep.exe and the few other Windows programs that golden calls. No Microsoft code is in it.")
    guest = _stand_in(watcher)
    if made:
        _golden(folder, say, *_adopt(guest))
    _golden(folder, say, "update", "--add", _driver(folder), "--message", "network driver")
    _golden(folder, say, "capture", "--answer-file", "answers.xml", "--to", "images")
    _golden(folder, say, "promote", "--channel", "stable")
    _golden(folder, say, "verify", "--deep")
    _golden(folder, say, "log")
    _proof(folder, say)
    say(f"Done in {time.monotonic() - begun:.0f} s. Try it by hand:")
    say(f"   cd {folder}")
    say(f"   {_command(folder)} update --add drivers/goldennet.inf      # or --run scripts/hello.cmd")


def _folder(folder: Path) -> bool:
    """Have the demo's folder; whether it is new."""
    if (folder / MARK).exists():
        return False
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is there and was not made by the demo", hint="golden demo ANOTHER-FOLDER")
    (folder / "scripts").mkdir(parents=True)
    (folder / "golden.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "scripts/hello.cmd").write_bytes(b"@echo off\r\necho hello from the guest\r\n")
    shutil.copyfile(MATERIAL / "answers.xml", folder / "answers.xml")
    (folder / MARK).write_text("golden demo\n", encoding="utf-8")
    return True


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


def _stand_in(watcher: Watcher) -> Any:
    from platformdirs import user_cache_path

    from golden.demo.standin.build import build

    return build(user_cache_path("golden") / "stand-in", watcher=watcher)


def _adopt(guest: Any) -> list[str]:
    boot = ["--kernel", str(guest.kernel), "--initrd", str(guest.initrd), "--cmdline", guest.cmdline]
    size = ["--memory", str(guest.memory_mib), "--cpus", "1"]
    note = ["--message", "the stand-in, as it was built"]
    return ["adopt", REFERENCE, "--from", str(guest.disk), "--os", "windows", *boot, *size, *note]


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
    say("\nThe reference was never generalized; every version reads, from its powered-off disk:")
    for version in log["versions"]:
        say(f"   {REFERENCE}@v{version['number']}  {version['state']}")
    image = log["images"][-1]
    say(f"The image {REFERENCE}@i{image['number']} was, and is deployable; its own disk says so:")
    for signal, value in image["proof"]["signals"]:
        say(f"   {signal} = {value}")
    for form in image["forms"]:
        say(f"   {form['format']}  {form['path']}  sha256 {form['sha256'][:16]}…")
    say("(It is a stand-in, not Windows: docs/proven.md says what that proves and what it does not.)")


def _command(folder: Path) -> str:
    program = Path(sys.argv[0])
    return os.path.relpath(program, folder) if program.name == "golden" and program.exists() else "golden"
