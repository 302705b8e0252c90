"""
Scheduled tasks as Windows keeps them: a file below System32\\Tasks and keys below TaskCache; passwords nowhere.

Whether a task runs, and what it last ended with, is the machine's: ``task-NAME.json`` in its folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from .registry import registry_of
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FOLDER = "C:\\Windows\\System32\\Tasks"
CACHE = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache"
READY, RUNNING = 3, 4
NEVER_RAN = 0x41303


def place(world: World, name: str) -> Path:
    """The file of a task."""
    return world.path(f"{FOLDER}\\{name.strip(chr(92))}")


def register(world: World, name: str, kept: dict[str, Any]) -> None:
    """Make a task, or replace it; ``kept`` is what it runs and as whom."""
    import uuid

    path = place(world, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept))
    number = f"{{{str(uuid.uuid4()).upper()}}}"
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        hive.set(f"{CACHE}\\Tree\\{name}", "Id", number)
        hive.set(f"{CACHE}\\Tasks\\{number}", "Path", f"\\{name}")
    _note(world, name, {"state": READY, "result": NEVER_RAN})


def forget(world: World, name: str) -> bool:
    """Take a task away; what it started goes on. False where there was none."""
    path = place(world, name)
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        number = hive.get(f"{CACHE}\\Tree\\{name}", "Id")
        if isinstance(number, str):
            hive.delete_key(f"{CACHE}\\Tasks\\{number}")
            hive.delete_key(f"{CACHE}\\Tree\\{name}")
    there = path.is_file()
    path.unlink(missing_ok=True)
    (world.machine / f"task-{name}.json").unlink(missing_ok=True)
    return there


def started(world: World, name: str) -> None:
    """Called by a task's own process: it runs."""
    _note(world, name, {"state": RUNNING, "pid": os.getpid(), "result": NEVER_RAN})


def ended(world: World, name: str, code: int) -> None:
    """Called by a task's own process: it is over. Nothing where the task is gone meanwhile."""
    if place(world, name).is_file():
        _note(world, name, {"state": READY, "result": code})


def standing(world: World, name: str) -> tuple[int, int] | None:
    """State and last result of a task; None where there is no such task."""
    note = world.machine / f"task-{name}.json"
    if not place(world, name).is_file() or not note.is_file():
        return None
    told = json.loads(note.read_text())
    if told["state"] == RUNNING and not Path(f"/proc/{told['pid']}").exists():
        return READY, 0xC000013A  # what was killed ends with
    return told["state"], told["result"]


def _note(world: World, name: str, told: dict[str, Any]) -> None:
    note = world.machine / f"task-{name}.json"
    beside = note.with_suffix(".new")
    beside.write_text(json.dumps(told))
    beside.replace(note)
