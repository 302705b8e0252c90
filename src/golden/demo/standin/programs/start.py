"""Finds the program that a name means, runs it, and turns what it met into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from .world import Stop, Unknown, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

MODULES = ("cmd", "powershell", "pnputil", "sysprep", "shutdown", "reg", "schtasks", "certutil", "timeout", "ping",
           "dism", "wusa", "msiexec", "ospprearm")  # fmt: skip
"""Programs by name without ending; each is a module with ``main(world, arguments) -> exit code``."""

NOT_FOUND = 9009


def _programs() -> dict[str, Callable[[World, list[str]], int]]:
    found: dict[str, Callable[[World, list[str]], int]] = {}
    for name in MODULES:
        try:
            found[name] = import_module(f"{__package__}.{name}").main
        except ModuleNotFoundError as missing:
            if missing.name != f"{__package__}.{name}":
                raise
    return found


PROGRAMS = _programs()


def boot(root: Path, *, machine: Path | None = None) -> None:
    """What Windows does by itself at a start; a sealed guest becomes a deployed one."""
    world = World.new(root, machine, {}, "C:\\", (sys.stdout.buffer, sys.stderr.buffer))
    if not (world.machine / "boot_id").is_file():
        import uuid

        (world.machine / "boot_id").write_text(str(uuid.uuid4()))
    for name in ("windeploy", "servicing", "unfit"):
        try:
            module = import_module(f"{__package__}.{name}")
        except ModuleNotFoundError:
            continue
        module.at_boot(world)


def run(
    root: Path,
    argv: Sequence[str],
    *,
    env: dict[str, str],
    cwd: str,
    machine: Path | None = None,
    streams: tuple[IO[bytes], IO[bytes]] | None = None,
) -> int:
    """
    Run the program ``argv`` on the tree ``root`` and return its exit code (unsigned, 32 bit).

    ``streams`` are standard output and error, this process's own without them. Never raises for what a program met.
    """
    streams = streams or (sys.stdout.buffer, sys.stderr.buffer)
    world = World.new(root, machine, env, cwd, streams)
    return execute(world, list(argv)) & 0xFFFFFFFF


def execute(world: World, argv: list[str]) -> int:
    """Run a program in this world; 9009 where there is none of that name."""
    name = argv[0].replace("/", "\\").rsplit("\\", 1)[-1].lower()
    if argv[0] in ("shutdown", "/sbin/shutdown"):  # what the guest agent itself calls
        name = "shutdown.exe"
    elif world.find_program(argv[0]) is None:
        world.complain(f"The system cannot find the file specified: {argv[0]}")
        return NOT_FOUND
    if name.endswith((".cmd", ".bat")):
        name, argv = "cmd", ["cmd.exe", "/c", *argv]
    program = PROGRAMS.get(name.removesuffix(".exe"))
    try:
        if program is None:
            return _payload(world, argv)
        return program(world, argv[1:])
    except Stop as stop:
        return stop.code
    except Unknown as unknown:
        world.complain(str(unknown))
        return 1
    except Exception:  # noqa: BLE001 -- a stand-in program that breaks must say so inside the guest
        import traceback

        world.complain(f"the stand-in for {name} broke:", *traceback.format_exc().splitlines())
        return 0xE0434352


def _payload(world: World, argv: list[str]) -> int:
    """A program that somebody brought along: a set-up program of the stand-in, or Unknown."""
    from .installing import run_setup, trailer

    found = world.find_program(argv[0])
    if found is None or trailer(world.path(found)) is None:
        raise Unknown(f"the program {argv[0]}")
    return run_setup(world, world.path(found), argv[1:])
