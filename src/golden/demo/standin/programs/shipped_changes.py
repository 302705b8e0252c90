"""golden's scripts for changes, answered with the same effect on the real files and hives."""

from __future__ import annotations

import json
from collections.abc import Callable

from . import servicing, shipped_checks
from .installing import UNINSTALL
from .registry import Hive, registry_of
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Ask = Callable[[World, dict[str, "Any"]], "dict[str, Any] | int"]
"""A script: its parameters to its answer, or to an exit code without one."""


def start_as_system(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:
    """A one-time task of SYSTEM: it does not have the environment, nor the token, of who asked."""
    from .shipped import start_detached

    place = world.path(f"C:\\Windows\\System32\\Tasks\\{wanted['task']}")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"command": " ".join(wanted["argv"]), "user": "SYSTEM"}))
    start_detached(world, [str(word) for word in wanted["argv"]])
    return {"started": True}


def settled(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:
    """Pending restarts by the keys that tell of them; fault ``busy`` N: servicing is at work for N looks."""
    registry = registry_of(world.root, world.machine)
    with registry.open("SOFTWARE") as hive:
        sure, likely = _signs_of_software(hive)
        configmgr = hive.get("Golden\\StandIn", "ConfigMgr")
    with registry.open("SYSTEM") as hive:
        likely += _signs_of_system(hive)
    if world.path("C:\\Windows\\WinSxS\\pending.xml").exists():
        likely.append("WinSxS\\pending.xml")
    if configmgr == "pending":
        likely.append("ConfigMgr (its client says that a restart is pending)")
    fault = world.fault("busy")
    busy = ["TiWorker.exe"] if isinstance(fault, int) and servicing.counted(world, "busy") <= fault else []
    world.path(f"C:\\Windows\\System32\\Tasks\\{wanted.get('task')}").unlink(missing_ok=True)
    return {"sure": sure, "likely": likely, "busy": busy}


def _signs_of_software(hive: Hive) -> tuple[list[str], list[str]]:
    """(sure, likely) of SOFTWARE."""
    current = "Microsoft\\Windows\\CurrentVersion"
    update = f"{current}\\WindowsUpdate\\Auto Update"
    sure = {
        "Component Based Servicing\\RebootPending": hive.has(f"{servicing.CBS}\\RebootPending"),
        "WindowsUpdate\\Auto Update\\RebootRequired": hive.has(f"{update}\\RebootRequired"),
        "Microsoft\\Updates!UpdateExeVolatile": hive.get("Microsoft\\Updates", "UpdateExeVolatile"),
    }
    likely = {
        "Component Based Servicing\\PackagesPending": hive.has(f"{servicing.CBS}\\PackagesPending"),
        "Component Based Servicing\\RebootInProgress": hive.has(f"{servicing.CBS}\\RebootInProgress"),
        "Component Based Servicing\\SessionsPending!Exclusive":
            hive.get(f"{servicing.CBS}\\SessionsPending", "Exclusive"),
        "WindowsUpdate\\Auto Update\\PostRebootReporting": hive.has(f"{update}\\PostRebootReporting"),
        "ServerManager!CurrentRebootAttempts":
            hive.get("Microsoft\\ServerManager", "CurrentRebootAttempts") is not None,
        "RunOnce!DVDRebootSignal": hive.get(f"{current}\\RunOnce", "DVDRebootSignal") is not None,
    }  # fmt: skip
    return [name for name, there in sure.items() if there], [name for name, there in likely.items() if there]


def _signs_of_system(hive: Hive) -> list[str]:
    names, netlogon = "CurrentControlSet\\Control\\ComputerName", "CurrentControlSet\\Services\\Netlogon"
    both = [hive.get(f"{names}\\{key}", "ComputerName") for key in ("ActiveComputerName", "ComputerName")]
    found = ["ComputerName (a new name waits)"] if both[0] != both[1] else []
    joins = [name for name in ("JoinDomain", "AvoidSpnSet") if hive.get(netlogon, name) is not None]
    return [*found, *(f"Netlogon!{name} (a domain join waits)" for name in joins)]


def packages(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:  # noqa: ARG001
    """Packages with their state, and the keys below Uninstall."""
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        known = {
            name: hive.get(f"{servicing.PACKAGES}\\{name}", "CurrentState")
            for name in hive.children(servicing.PACKAGES)
        }
        programs = {*hive.children(UNINSTALL), *hive.children(f"WOW6432Node\\{UNINSTALL}")}
    return {"packages": known, "programs": sorted(programs)}


def certificate(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:
    """A certificate's key below its store: named by the SHA-1 of the file's DER bytes, which are kept in a blob."""
    import base64
    import hashlib
    import re

    base = f"Microsoft\\SystemCertificates\\{wanted['store']}\\Certificates"
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        if wanted["action"] == "add":
            data = world.path(wanted["path"]).read_bytes()
            if block := re.search(rb"-----BEGIN CERTIFICATE-----(.+?)-----END", data, re.DOTALL):
                data = base64.b64decode(block[1])
            if data[:1] != b"\x30":
                world.complain('Exception calling ".ctor": "Cannot find the requested object."')
                return 1
            hive.set(f"{base}\\{hashlib.sha1(data).hexdigest().upper()}", "Blob", data)  # noqa: S324
        return {"there": hive.has(f"{base}\\{wanted['thumbprint']}")}


APPX = "Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore"
"""Where Windows keeps provisioned packages is unconfirmed (docs/facts: windows 8.2); the stand-in keeps them here."""


def appx(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:
    """Provision a package by its manifest, or take one away. Fault ``appx``: the HRESULT that it ends with."""
    answer: dict[str, Any] = {"ok": True, "why": "", "code": 0}
    fault = servicing.fault_code(world, "appx")
    if wanted["action"] != "ask" and fault:
        answer = {
            "ok": False,
            "why": f"Deployment failed with HRESULT: {fault:#x}",
            "code": fault - (fault >> 31 << 32),
        }
    elif wanted["action"] == "add":
        missing = [path for path in wanted["dependencies"] if not world.path(path).is_file()]
        package = _full_name(world, wanted["path"])
        if missing or not package.startswith(f"{wanted['name']}_"):
            answer = {"ok": False, "why": f"not as asked for: {missing or package}", "code": -1}
        else:
            with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
                hive.set(f"{APPX}\\Applications\\{package}", "Path", f"C:\\Program Files\\WindowsApps\\{package}")
                hive.add(f"{APPX}\\Staged\\{package}")
    elif wanted["action"] == "remove":
        with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
            for package in _provisioned(hive.children(f"{APPX}\\Staged"), wanted["name"]):
                hive.delete_key(f"{APPX}\\Staged\\{package}")
                hive.delete_key(f"{APPX}\\Applications\\{package}")
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        there = _provisioned(hive.children(f"{APPX}\\Staged"), wanted["name"])
    named = [{"name": wanted["name"], "version": each.split("_")[1], "package": each} for each in there]
    return {**answer, "packages": named}


def _provisioned(packages: list[str], name: str) -> list[str]:
    return [each for each in packages if each.split("_")[0].lower() == name.lower()]


def _full_name(world: World, path: str) -> str:
    """Name_Version_Architecture__Publisher; the publisher's part is the stand-in's own."""
    import re
    import zipfile

    with zipfile.ZipFile(world.path(path)) as archive:
        names = archive.namelist()
        manifest = "AppxManifest.xml" if "AppxManifest.xml" in names else "AppxMetadata/AppxBundleManifest.xml"
        text = archive.read(manifest).decode()
    found = re.search(r"<Identity ([^>]*)>", text)
    said = dict(re.findall(r'(\w+)="([^"]*)"', found[1] if found else ""))
    return f"{said['Name']}_{said['Version']}_{said.get('ProcessorArchitecture', 'neutral')}__goldenstandin"


FEATURES = "Golden\\StandIn\\Features"
KNOWN = {"feature": ("NetFx3", "TelnetClient", "Web-Server"), "capability": ("OpenSSH.Server~~~~0.0.1.0",)}


def feature(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:
    """
    Turn a feature on, or tell its state; a role is one with a hyphen in its name.

    Fault ``feature``: 3010 asks for a restart (servicing then has something pending), another number is the HRESULT.
    """
    kind, name = wanted["kind"], wanted["name"]
    way = "capability" if kind == "capability" else "role" if "-" in name else "optional feature"
    answer = {"ok": True, "why": "", "code": 0, "way": way, "state": "unknown", "on": False, "restart": False}
    if name not in KNOWN[kind]:
        return {**answer, "ok": False, "why": f"Feature name {name} is unknown.", "code": 0x800F080C - (1 << 32)}
    fault = servicing.fault_code(world, "feature") if wanted["action"] == "enable" else None
    if fault not in (None, 0, servicing.RESTART):
        return {**answer, "ok": False, "why": f"Error: {fault:#x}", "code": fault - (fault >> 31 << 32)}
    if wanted["action"] == "enable":
        servicing.add(world, [], "golden", restart=fault == servicing.RESTART)
        with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
            hive.set(FEATURES, name, 1)
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        on = hive.get(FEATURES, name) == 1
    words = ("Enabled", "Disabled") if way == "optional feature" else ("Installed", "NotPresent")
    return {**answer, "on": on, "state": words[0] if on else words[1], "restart": fault == servicing.RESTART}


def windows_update(world: World, wanted: dict[str, Any]) -> dict[str, Any] | int:
    """
    One round of Windows Update. What there is to install is the fault ``updates``: a list of rounds, each a list of
    {"kb", "category", "restart"}; a number instead of a list is the HRESULT of the search. Fault ``joins`` {"domain",
    "when": "update" | "restart"}: somebody joins the guest to a domain in the first round, or with the start after it.
    """
    answer = {"ok": True, "why": "", "code": 0, "found": 0, "installed": [], "failed": [], "restart": False}
    answer |= domain(world, wanted)
    if answer["domain"]:
        return answer
    if servicing.is_remote(world):
        denied = 0x80070005 - (1 << 32)
        return {
            **answer,
            "ok": False,
            "why": "Access is denied. (Exception from HRESULT: E_ACCESSDENIED)",
            "code": denied,
        }
    rounds: Any = world.fault("updates") or []
    if isinstance(rounds, int):
        return {
            **answer,
            "ok": False,
            "why": f"Exception from HRESULT: {rounds:#x}",
            "code": rounds - (rounds >> 31 << 32),
        }
    for number, updates in enumerate(rounds):
        chosen = [
            each for each in updates if wanted["categories"] == ["all"] or each["category"] in wanted["categories"]
        ]
        packages = [f"Package_for_{each['kb']}~31bf3856ad364e35~amd64~~20348.{number}.1.1" for each in chosen]
        if all(servicing.state(world, package) is not None for package in packages):
            continue
        restart = any(each.get("restart") for each in chosen)
        servicing.add(world, packages, "WindowsUpdateAgent", restart=restart)
        titles = [f"Update for the stand-in ({each['kb']})" for each in chosen]
        _join(world)
        return {**answer, **domain(world, wanted), "found": len(chosen), "installed": titles, "restart": restart}
    return answer


def domain(world: World, wanted: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """domain.ps1."""
    return {"domain": shipped_checks.domain_of(world)}


def _join(world: World) -> None:
    joins: Any = world.fault("joins")
    if joins:
        with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
            if joins["when"] == "update":
                system.set("CurrentControlSet\\Services\\Tcpip\\Parameters", "Domain", joins["domain"])
            else:
                system.set("CurrentControlSet\\Services\\Netlogon", "JoinDomain", joins["domain"])


SCRIPTS: dict[str, Ask] = {
    "windows_update.ps1": windows_update,
    "domain.ps1": domain,
    "appx.ps1": appx,
    "feature.ps1": feature,
    "start_as_system.ps1": start_as_system,
    "certificate.ps1": certificate,
    "settled.ps1": settled,
    "packages.ps1": packages,
}


def handlers() -> dict[str, Callable[[World, dict[str, str]], int]]:
    """Each script as the table of all scripts has it."""
    return {name: _handler(ask) for name, ask in SCRIPTS.items()}


def _handler(ask: Ask) -> Callable[[World, dict[str, str]], int]:
    def handle(world: World, given: dict[str, str]) -> int:
        told = dict(json.loads(world.path(given["parameters"]).read_text(encoding="utf-8-sig")))
        answer = ask(world, told)
        if isinstance(answer, int):
            return answer
        world.path(given["result"]).write_text(json.dumps(answer))
        return 0

    return handle
