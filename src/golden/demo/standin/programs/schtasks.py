"""schtasks.exe: /create, /run, /query and /delete of one-time tasks; a task's program goes on after its starter."""

from __future__ import annotations

import json

from . import tasks
from .batch import split
from .shipped import start_detached
from .world import Unknown, World

WITH_VALUE = ("/tn", "/tr", "/sc", "/st", "/sd", "/ru", "/rp", "/rl", "/fo", "/d")


def main(world: World, arguments: list[str]) -> int:
    """One order."""
    verb, options, words = (arguments[0].lower() if arguments else ""), {}, list(arguments[1:])
    while words:
        word = words.pop(0).lower()
        if word in WITH_VALUE:
            options[word] = words.pop(0)
        elif word not in ("/f", "/v", "/it", "/np", "/z"):
            raise Unknown(f"the schtasks.exe switch {word}")
    act = {"/create": _create, "/run": _run, "/query": _query, "/delete": _delete}.get(verb)
    if act is None:
        raise Unknown(f"schtasks.exe {verb}")
    return act(world, options)


def _missing(world: World) -> int:
    world.complain("ERROR: The system cannot find the file specified.")
    return 1


def _create(world: World, options: dict[str, str]) -> int:
    # Never the password.
    tasks.register(world, options["/tn"], {"command": options["/tr"], "user": options.get("/ru", "SYSTEM")})
    world.say(f'SUCCESS: The scheduled task "{options["/tn"]}" has successfully been created.')
    return 0


def _run(world: World, options: dict[str, str]) -> int:
    place = tasks.place(world, options["/tn"])
    if not place.is_file():
        return _missing(world)
    kept = json.loads(place.read_text())
    start_detached(world, kept.get("argv") or split(kept["command"]), task=options["/tn"], user=kept["user"])
    world.say(f'SUCCESS: Attempted to run the scheduled task "{options["/tn"]}".')
    return 0


def _query(world: World, options: dict[str, str]) -> int:
    if "/tn" not in options:
        places = sorted(p for p in world.path(tasks.FOLDER).rglob("*") if p.is_file())
    elif tasks.place(world, options["/tn"]).is_file():
        places = [tasks.place(world, options["/tn"])]
    else:
        return _missing(world)
    world.say("", "TaskName                                 Next Run Time          Status")
    world.say(*(f"{place.name:<40} N/A                    Ready" for place in places))
    return 0


def _delete(world: World, options: dict[str, str]) -> int:
    if not tasks.forget(world, options["/tn"]):
        return _missing(world)
    world.say(f'SUCCESS: The scheduled task "{options["/tn"]}" was successfully deleted.')
    return 0
