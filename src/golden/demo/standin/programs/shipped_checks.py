"""golden's scripts for checks and fixes, answered from the real files and hives of the tree."""

from __future__ import annotations

import json
from collections.abc import Callable

from . import unfit
from .registry import Hive, registry_of
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def check(world: World, given: dict[str, str]) -> int:
    """check.ps1: every section by itself; one that breaks says so and hides no other."""
    wanted = _parameters(world, given)
    sections: dict[str, Any] = {}
    for name, ask in SECTIONS.items():
        if wanted["only"] and name not in wanted["only"]:
            continue
        if name in (world.fault("unanswered") or ()):
            sections[name] = {"ok": False, "error": "Access is denied."}
            continue
        sections[name] = {"ok": True, "value": ask(world, wanted)}
    return _answer(world, given, {"sections": sections})


def fix_appx(world: World, given: dict[str, str]) -> int:
    """fix_appx.ps1: packages go out of the store of every user."""
    done, failed = [], {}
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        for package in _parameters(world, given)["packages"]:
            users = [sid for sid in hive.children(unfit.APPX) if hive.has(f"{unfit.APPX}\\{sid}\\{package}")]
            for sid in users:
                hive.delete_key(f"{unfit.APPX}\\{sid}\\{package}")
            if users:
                done.append(package)
            else:
                failed[package] = "The package was not found. (Exception from HRESULT: 0x80073CF1)"
    return _answer(world, given, {"done": done, "failed": failed})


def fix_answer_files(world: World, given: dict[str, str]) -> int:
    """fix_answer_files.ps1: the files go, and the registry's pointer to one."""
    done = []
    for file in _parameters(world, given)["files"]:
        path = world.path(f"C:\\{file}")
        if path.is_file():
            path.unlink()
            done.append(f"C:\\{file}")
    with registry_of(world.root, world.machine).open("SYSTEM", write=True) as hive:
        if hive.delete_value("Setup", "UnattendFile"):
            done.append("HKLM\\SYSTEM\\Setup!UnattendFile")
    return _answer(world, given, {"done": done, "failed": {}})


def _registry(world: World, wanted: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    registry = registry_of(world.root, world.machine)
    for name in ("SOFTWARE", "SYSTEM"):
        with registry.open(name) as hive:
            for asked in wanted["keys"]:
                root, _, key = asked["key"].partition("\\")
                if root == name:
                    answer[asked["key"]] = _key(hive, key, asked)
    return answer


def _key(hive: Hive, key: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    if not hive.has(key):
        return None
    below = {}
    for name in hive.children(key) if asked["below"] else ():
        below[name] = _values(hive, f"{key}\\{name}", asked["of_below"]) if asked["of_below"] else {}
    present = {name: bool(hive.get(key, name)) for name in asked["present"]}
    return {"values": {**_values(hive, key, asked["names"]), **present}, "below": below}


def _values(hive: Hive, key: str, names: list[str]) -> dict[str, Any]:
    wanted = {name.lower() for name in names}
    return {
        name: True if isinstance(value, bytes) else value
        for name, _kind, value in hive.typed(key)
        if names == ["*"] or name.lower() in wanted
    }


def _files(world: World, wanted: dict[str, Any]) -> dict[str, bool]:
    return {file: world.path(f"C:\\{file}").is_file() for file in wanted["files"]}


def _providers(world: World, wanted: dict[str, Any]) -> dict[str, Any]:
    found = []
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        for key in wanted["providers"]:
            for _name, _kind, data in hive.typed(key.partition("\\")[2]):
                there = world.path(unfit.library(str(data))).is_file()
                found.append({"phase": key.rpartition("\\")[2], "data": data, "there": there})
    return {"list": found}


def _appx(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    """What the registry keeps, as the cmdlets would tell it; what is only staged is listed, too, and nobody's."""
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        provisioned = hive.children(f"{unfit.APPX}\\Applications")
        users: dict[str, list[dict[str, str]]] = {}
        for sid in hive.children(unfit.APPX):
            for full in hive.children(f"{unfit.APPX}\\{sid}") if sid.startswith("S-1-5-21-") else ():
                users.setdefault(full, []).append({"sid": sid, "state": "Installed"})
        for full in hive.children(f"{unfit.APPX}\\Staged"):
            users.setdefault(full, []).append({"sid": "S-1-5-18", "state": "Staged"})
    installed = [
        {"name": full.split("_")[0], "full": full, "version": full.split("_")[1], "framework": False, "fixed": False,
         "signature": "Store", "users": those}
        for full, those in users.items()
    ]  # fmt: skip
    names = [{"name": full.split("_")[0], "version": full.split("_")[1]} for full in provisioned]
    return {"installed": installed, "provisioned": names}


def _own(world: World, name: str) -> object:
    return registry_of(world.root, world.machine).get(f"HKLM\\SOFTWARE\\{unfit.OWN}", name)


def _bitlocker(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    status = _own(world, "VolumeStatus") or "FullyDecrypted"
    return {"decrypted": status == "FullyDecrypted", "status": status}


def _servicing(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    """Servicing is at work for as many looks as were wished for."""
    looks, updating = _own(world, "BusyLooks"), ["wuauserv"] if _own(world, "Updating") else []
    if not isinstance(looks, int) or looks <= 0:
        return {"processes": [], "updating": updating}
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        hive.set(unfit.OWN, "BusyLooks", looks - 1)
    return {"processes": ["TiWorker"], "updating": updating}


def domain_of(world: World) -> str:
    """The domain that the guest is a member of; empty where it is in a workgroup."""
    key = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters"
    return str(registry_of(world.root, world.machine).get(key, "Domain") or "")


def _domain(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    domain = domain_of(world)
    return {"joined": bool(domain), "domain": domain or "WORKGROUP"}


def _rearm(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    left = int((world.root / unfit.REARM).read_text())
    edition = registry_of(world.root, world.machine).get(f"HKLM\\SOFTWARE\\{unfit.NT}", "EditionID")
    channel = "TIMEBASED_EVAL" if str(edition).endswith("Eval") else "Volume:GVLK"
    return {"windows": left, "sku": max(left, 0), "channel": channel}


def _roles(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        names = hive.children(unfit.ROLES)
        return {"installed": [name for name in names if hive.get(f"{unfit.ROLES}\\{name}", "InstallState") == 1]}


def _way_in(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    return {"way_in": "NT AUTHORITY\\SYSTEM", "elevated": not _own(world, "WayInCut")}


def _account(world: World, wanted: dict[str, Any]) -> dict[str, Any]:
    """Accounts are those of the SAM, administrators all of them, and the plain users that a test wished for."""
    name = str(wanted["account"] or "").rsplit("\\", 1)[-1].lower()
    answer: dict[str, Any] = {"exists": None, "enabled": None, "administrator": None}
    if name:
        with registry_of(world.root, world.machine).open("SAM") as sam:
            known = {each.lower() for each in sam.children("SAM\\Domains\\Account\\Users\\Names")}
        plain = _own(world, "PlainUsers")
        others = {each.lower() for each in plain} if isinstance(plain, list) else set()
        there = name in known | others
        answer |= {"exists": there, "enabled": there, "administrator": name in known}
    return answer


def _media(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    held = _own(world, "Media")
    if not held:
        return {"list": []}
    answers = [held] if str(held).lower().endswith(".xml") else []
    return {"list": [{"drive": str(held)[:2], "name": "MEDIUM", "answers": answers}]}


def _configmgr(world: World, _wanted: dict[str, Any]) -> dict[str, Any]:
    told = _own(world, "ConfigMgr")
    return {"client": told is not None, "pending": told == "pending"}


SECTIONS: dict[str, Callable[[World, dict[str, Any]], dict[str, Any]]] = {
    "registry": _registry,
    "files": _files,
    "providers": _providers,
    "appx": _appx,
    "bitlocker": _bitlocker,
    "servicing": _servicing,
    "domain": _domain,
    "rearm": _rearm,
    "roles": _roles,
    "way-in": _way_in,
    "account": _account,
    "media": _media,
    "configmgr": _configmgr,
}


def _parameters(world: World, given: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(world.path(given["parameters"]).read_text(encoding="utf-8-sig")))


def _answer(world: World, given: dict[str, str], answer: dict[str, Any]) -> int:
    world.path(given["result"]).write_text(json.dumps(answer))
    return 0


HANDLERS: dict[str, Callable[[World, dict[str, str]], int]] = {
    "check.ps1": check,
    "fix_appx.ps1": fix_appx,
    "fix_answer_files.ps1": fix_answer_files,
}
