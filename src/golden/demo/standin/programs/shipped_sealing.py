"""golden's scripts around sysprep, answered with the same effect on the real files and hives."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable

from . import accounts, tasks, unfit
from .registry import registry_of
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSPREP = "C:\\Windows\\System32\\Sysprep"
PANTHER = "C:\\Windows\\Panther"
REARM = "C:\\Windows\\System32\\spp\\store\\2.0\\rearm.txt"
LOGON_REFUSED = 0x8007052E
LICENCE = {
    "sku": 1001, "status": 1, "reason": 0, "channel": "Volume:GVLK", "grace": 0,
    "product": "Windows(R), ServerStandard edition",
    "description": "Windows(R) Operating System, VOLUME_KMSCLIENT channel",
}  # fmt: skip


def start_task(world: World, given: dict[str, str]) -> int:
    """start_task.ps1: the parameters are overwritten and deleted, the account is made, the task is made and started."""
    from .shipped import start_detached

    asked = world.path(given["parameters"])
    wanted = json.loads(asked.read_text(encoding="utf-8-sig"))
    asked.write_bytes(b"\0" * asked.stat().st_size)
    asked.unlink()
    account, task = str(wanted["account"]).rsplit("\\", 1)[-1], str(wanted["task"])
    if wanted["make"]:
        accounts.make(world, account)
    if account != "SYSTEM" and accounts.number_of(world, account) is None:
        why = "No mapping between account names and security IDs was done. (Exception from HRESULT: 0x80070534)"
        return _answer(world, given, {"started": False, "why": why, "code": 0x80070534 - (1 << 32)})
    if account != "SYSTEM" and _stores_no_passwords(world):
        why = "A specified logon session does not exist. It may already have been terminated."
        return _answer(world, given, {"started": False, "why": why, "code": 0x80070520 - (1 << 32)})
    tasks.register(world, task, {"argv": wanted["argv"], "user": account})
    fault = world.fault("task") if account != "SYSTEM" else None
    if fault == "logon-refused":
        tasks.ended(world, task, LOGON_REFUSED)
    elif fault != "never-runs":
        if account != "SYSTEM":
            accounts.log_on(world, account)
        start_detached(world, [str(word) for word in wanted["argv"]], task=task, user=account)
    return _answer(world, given, {"started": True, "why": "", "code": 0})


def _stores_no_passwords(world: World) -> bool:
    return registry_of(world.root, world.machine).get(f"HKLM\\SYSTEM\\{unfit.CONTROL}\\Lsa", "DisableDomainCreds") == 1


def prepare_seal(world: World, given: dict[str, str]) -> int:
    """prepare_seal.ps1: cached answer files go, Office is rearmed; fault ``media``: what an attached medium holds."""
    from .start import execute

    folder = world.path(f"{PANTHER}\\Unattend")
    below = [f"{PANTHER}\\Unattend\\{path.name}" for path in sorted(folder.glob("*.[xX][mM][lL]"))]
    removed = []
    cached = [f"{PANTHER}\\unattend.xml", f"{PANTHER}\\autounattend.xml", f"{SYSPREP}\\unattend.xml",
              f"{PANTHER}\\unattend-original.xml"]  # fmt: skip
    for name in (*cached, "C:\\unattend.xml", "C:\\autounattend.xml", *below):
        if world.path(name).is_file():
            world.path(name).unlink()
            removed.append(name)
    with registry_of(world.root, world.machine).open("SYSTEM") as system:
        pointed = system.get("Setup", "UnattendFile") is not None
    if pointed:
        with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
            system.delete_value("Setup", "UnattendFile")
        removed.append("HKLM\\SYSTEM\\Setup!UnattendFile")
    office = []
    for programs in ("C:\\Program Files", "C:\\Program Files (x86)"):
        for version in ("Office14", "Office15", "Office16"):
            path = f"{programs}\\Microsoft Office\\{version}\\OSPPREARM.EXE"
            if world.path(path).is_file():
                office.append({"path": path, "code": execute(world, [path])})
    media = world.fault("media")
    told = {"removed": removed, "media": [media] if media else [], "office": office, "msdtc": True}
    return _answer(world, given, told)


def watch_seal(world: World, given: dict[str, str]) -> int:
    """watch_seal.ps1."""
    from .shipped import is_running, signals

    running = is_running(world, "sysprep")
    wanted = json.loads(world.path(given["parameters"]).read_text(encoding="utf-8-sig"))
    state, result = tasks.standing(world, wanted["task"]) or (None, None)
    log = world.path(f"{SYSPREP}\\Panther\\setupact.log")
    tail = None
    if log.is_file():
        content = log.read_bytes()
        start = max(0, len(content) - 4096) & ~1
        tail = base64.b64encode(content[start:]).decode()
    told = {"sysprep_running": running, "task_state": state, "task_result": result, "log": tail}
    return _answer(world, given, {**signals(world), **told})


def clean_up(world: World, given: dict[str, str]) -> int:
    """clean_up.ps1; fault ``clean-up``: "leaves-account" does nothing to the account and says nothing of it."""
    wanted = json.loads(world.path(given["parameters"]).read_text(encoding="utf-8-sig"))
    here = world.path(given["parameters"]).parent
    tasks.forget(world, wanted["task"])
    if wanted["account"] and world.fault("clean-up") != "leaves-account":
        accounts.remove_profile(world, wanted["account"])
        accounts.remove(world, wanted["account"])
    for other in world.path(wanted["work"]).iterdir():
        if other != here:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    tasks.forget(world, wanted["own"])
    _answer(world, given, {"left": []})
    if wanted["shut_down"]:
        for _ in range(240):  # not the real one's ten minutes: tests that never close a session leave this behind
            if not here.exists():
                break
            time.sleep(0.5)
        time.sleep(20)
        world.power("off")
    return 0


def rearm(world: World, given: dict[str, str]) -> int:
    """rearm.ps1; fault ``licence``: values to tell instead, or "silent" for a service that does not answer."""
    fault = world.fault("licence")
    if fault == "silent":
        world.complain("Get-CimInstance : The licensing service reported an error.")
        return 1
    left = int(world.path(REARM).read_text())
    return _answer(world, given, {**LICENCE, "windows": left, "sku": left, **(fault or {})})


def _answer(world: World, given: dict[str, str], answer: dict[str, Any]) -> int:
    world.path(given["result"]).write_text(json.dumps(answer))
    return 0


HANDLERS: dict[str, Callable[[World, dict[str, str]], int]] = {
    "start_task.ps1": start_task,
    "prepare_seal.ps1": prepare_seal,
    "watch_seal.ps1": watch_seal,
    "clean_up.ps1": clean_up,
    "rearm.ps1": rearm,
}
