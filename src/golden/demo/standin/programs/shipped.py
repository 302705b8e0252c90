"""golden's own PowerShell scripts, answered with the same effect on the real files and hives."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from . import shipped_changes, shipped_checks, shipped_sealing
from .registry import registry_of
from .world import Unknown, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HERE = Path(__file__).parent
TABLE = HERE / "shipped.json"
"""SHA-256 -> name, made when the guest is built; on the host the scripts themselves are read."""

ORDER_TAKEN = 17
"""What launch.ps1 ends with where another launcher has the order."""

Handler = Callable[[World, dict[str, str]], int]


def _table() -> dict[str, str]:
    if TABLE.is_file():
        return dict(json.loads(TABLE.read_text()))
    scripts = HERE.parents[2] / "windows/scripts"
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in scripts.rglob("*.ps1")}


def name_of(content: bytes) -> str | None:
    """The name of golden's script with this content; None for anybody else's."""
    return _table().get(hashlib.sha256(content).hexdigest())


def run(world: World, name: str, arguments: list[str]) -> int:
    """Do what golden's script ``name`` does; a script that nobody taught the stand-in fails with its name."""
    handler = HANDLERS.get(name)
    if handler is None:
        raise Unknown(f"golden's script {name}; teach it in demo/standin/programs/shipped.py")
    kind = world.fault("powershell")
    if kind == "AllSigned" or (kind is not None and name != "probe.ps1"):
        # The policy of a group comes before -ExecutionPolicy; the others do not parse or may not call a method.
        world.complain(f"File {name} cannot be loaded. The file is not digitally signed.")
        return 1
    words = [word.lower().lstrip("-") for word in arguments[::2]]
    return handler(world, dict(zip(words, arguments[1::2], strict=True)))


def _parameters(world: World, given: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(world.path(given["parameters"]).read_text(encoding="utf-8-sig")))


def _answer(world: World, given: dict[str, str], answer: dict[str, Any]) -> int:
    world.path(given["result"]).write_text(json.dumps(answer))
    return 0


def _launch(world: World, given: dict[str, str]) -> int:
    from .start import NOT_FOUND, execute

    asked = world.path(given["order"])
    taken = asked.with_name(asked.name + ".taken")
    try:
        asked.rename(taken)
    except FileNotFoundError:
        return ORDER_TAKEN
    order = json.loads(taken.read_text(encoding="utf-8-sig"))
    place = world.path(order["code"])
    place.with_name(place.name + ".pid").write_text(str(os.getpid()))
    env = {**world.env, **{str(k): str(v) for k, v in order["env"].items()}}
    with world.path(order["out"]).open("wb") as out, world.path(order["err"]).open("wb") as err:
        inner = World.new(world.root, world.machine, env, order["cwd"], (out, err))
        if not inner.path(order["cwd"]).is_dir():
            inner.complain("The directory name is invalid")
            code = NOT_FOUND
        else:
            code = execute(inner, _words(order)) & 0xFFFFFFFF
    code -= (code >> 31) << 32
    sizes = {key: world.path(order[key]).stat().st_size for key in ("out", "err")}
    beside = place.with_name(place.name + ".new")
    beside.write_text(json.dumps({"code": code, **sizes}))
    beside.replace(place)
    return 0


def _words(order: dict[str, Any]) -> list[str]:
    """The program and its arguments; the tail is split as most programs split their command line."""
    from .batch import split

    return [*(str(word) for word in order["argv"]), *split(str(order.get("tail", "")))]


def _hash(world: World, given: dict[str, str]) -> int:
    wanted = _parameters(world, given)
    path = world.path(wanted["path"])
    answer: dict[str, Any] = {"sha256": "", "size": -1}
    if path.is_file():
        answer["size"] = path.stat().st_size
        if not wanted.get("size_only"):
            with path.open("rb") as file:
                answer["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return _answer(world, given, answer)


def _list(world: World, given: dict[str, str]) -> int:
    found: list[dict[str, Any] | None] = []
    for wanted in _parameters(world, given)["paths"]:
        path = world.path(wanted)
        shown = _shown(path) if path.exists() else None
        if shown and shown["folder"]:
            shown |= {"denied": False, "entries": [_shown(below) for below in sorted(path.iterdir())]}
        found.append(shown)
    return _answer(world, given, {"found": found})


def _shown(path: Path) -> dict[str, Any]:
    """As a file of no special attributes: FILE_ATTRIBUTE_DIRECTORY or FILE_ATTRIBUTE_ARCHIVE."""
    folder = path.is_dir()
    size = 0 if folder else path.stat().st_size
    return {"name": path.name, "folder": folder, "size": size, "attributes": 0x10 if folder else 0x20}


def _place(world: World, given: dict[str, str]) -> int:
    wanted = _parameters(world, given)
    piece = world.path(wanted["piece"]).read_bytes()
    met = hashlib.sha256(piece).hexdigest()
    if met == wanted["sha256"]:
        target = world.path(wanted["target"])
        with target.open("r+b" if target.exists() else "w+b") as file:
            file.seek(int(wanted["offset"]))
            file.write(piece)
    return _answer(world, given, {"sha256": met})


def _probe(world: World, given: dict[str, str]) -> int:
    old = world.fault("powershell")
    if old == "ConstrainedLanguage":
        lacking = {"wanted": "PowerShell in FullLanguage", "met": f"PowerShell in {old}"}
        return _answer(world, given, {"lacking": {**lacking, "fix": "let its policy allow golden's scripts"}})
    if old is not None:
        lacking = {"wanted": "PowerShell 3.0 or newer with .NET Framework 4.5 or newer", "met": f"PowerShell {old}"}
        return _answer(world, given, {"lacking": {**lacking, "fix": "install Windows Management Framework 5.1"}})
    answer = {
        "boot_mark": world.boot_mark,
        "code_page": str(world.fault("code-page") or ""),
        **signals(world),
        "sysprep_running": is_running(world, "sysprep"),
    }
    if (process := _parameters(world, given).get("process")) is not None:
        answer["running"] = Path(f"/proc/{process}").exists()
    return _answer(world, given, answer)


def signals(world: World) -> dict[str, Any]:
    """The sysprep signals as a running guest sees them."""
    registry = registry_of(world.root, world.machine)
    with registry.open("SYSTEM") as system, registry.open("SOFTWARE") as software:
        return {
            "image_state": software.get("Microsoft\\Windows\\CurrentVersion\\Setup\\State", "ImageState"),
            "setup_type": system.get("Setup", "SetupType"),
            "cmd_line": system.get("Setup", "CmdLine"),
            "generalization_state": system.get("Setup\\Status\\SysprepStatus", "GeneralizationState"),
            "tag": world.path("C:\\Windows\\System32\\Sysprep\\Sysprep_succeeded.tag").is_file(),
        }


def start_detached(world: World, argv: list[str], *, task: str = "", user: str = "SYSTEM") -> None:
    """Start a program that goes on after its starter has ended, as the scheduled task ``task`` of ``user`` does."""
    from . import tasks
    from .start import execute

    if os.fork():
        return
    try:
        os.setsid()
        with Path(os.devnull).open("r+b") as nothing:
            for number in (0, 1, 2):
                os.dup2(nothing.fileno(), number)
        sys.stdout.flush()
        env = {"USERNAME": user}
        streams = (sys.stdout.buffer, sys.stderr.buffer)
        inner = World.new(world.root, world.machine, env, "C:\\Windows\\System32", streams)
        if task:
            tasks.started(inner, task)
        code = execute(inner, argv)
        if task:
            tasks.ended(inner, task, code & 0xFFFFFFFF)
    finally:
        os._exit(0)


def is_running(world: World, name: str) -> bool:
    """Whether a program that notes its number is running in this machine."""
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((world.machine / f"running-{name}").read_text()), 0)
        return True
    return False


HANDLERS: dict[str, Handler] = {
    "launch.ps1": _launch,
    "hash.ps1": _hash,
    "list.ps1": _list,
    "place.ps1": _place,
    "probe.ps1": _probe,
    **shipped_changes.handlers(),
    **shipped_checks.HANDLERS,
    **shipped_sealing.HANDLERS,
}

if __name__ == "__main__":  # says which of golden's scripts the stand-in has not been taught
    # Those of WinRM run in a session of PowerShell's own, never by powershell.exe.
    untaught = sorted(name for name in set(_table().values()) - set(HANDLERS) if not name.startswith("winrm_"))
    print("\n".join(untaught))
    sys.exit(1 if untaught else 0)
