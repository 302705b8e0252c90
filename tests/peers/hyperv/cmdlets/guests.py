"""Guests: PowerShell Direct, files by the guest service, and what is only there inside a guest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.peers.hyperv.cmdlets.vm import allowed, found, wrong_state
from tests.peers.hyperv.failures import Failure, not_found, virtualization
from tests.peers.hyperv.files import Files, is_read_only
from tests.peers.hyperv.host.store import GUEST_SERVICE
from tests.peers.hyperv.objects import Member, Thing, listed
from tests.peers.hyperv.registry import Call, cmdlet, is_pattern, matches


@cmdlet("Invoke-Command", everywhere=True)
def invoke_command(call: Call) -> Iterator[Any]:
    """A script block in a guest, by its machine's id or name."""
    from tests.peers.hyperv.scripts import in_guest

    if call.set not in ("VMId", "VMName") or call.scope.place != "host":
        raise Failure("The peer runs script blocks in guests only.", "NotModelled", "NotImplemented", terminating=True)
    allowed(call)
    hits = [each for each in call.host.machines()
            if each["id"] in [str(one) for one in call.get("VMId", [])]
            or each["name"].lower() in [one.lower() for one in call.get("VMName", [])]]  # fmt: skip
    if not hits:
        raise Failure("The input VMId parameter does not resolve to any virtual machine."
                      if call.set == "VMId" else "The input VMName parameter does not resolve to any virtual machine.",
                      "InvalidVMId" if call.set == "VMId" else "InvalidVMNameNoVM", "InvalidArgument", None,
                      "System.ArgumentException", terminating=True)  # fmt: skip
    who = call.get("Credential")
    for each in hits:
        tree = call.host.guest_login(each["id"], who["UserName"], who["Password"].text)
        block, arguments = call.get("ScriptBlock"), listed(call.get("ArgumentList"))
        yield from in_guest(call.scope, each["id"], Path(tree), who["UserName"], block, arguments)


@cmdlet("Copy-VMFile")
def copy_vmfile(call: Call) -> None:
    """A file of the host's into a guest, by the guest service; nobody logs on."""
    windows = call.get("SourcePath")
    source = call.files.path(windows)
    for about in found(call, "Name"):
        if about["state"] != "Running":
            raise wrong_state(about)
        if not about["services"][GUEST_SERVICE] or not about["ready"]:
            raise virtualization(f"Failed to initiate copying files to the guest: the Guest Service Interface of "
                                 f"'{about['name']}' is not running. (0x80004005).", "OperationFailed", "NotSpecified",
                                 about["name"])  # fmt: skip
        if not source.is_file():
            raise virtualization(f"Failed to initiate copying files to the guest: the source file '{windows}' was not "
                                 "found. (0x80070002).", "ObjectNotFound", "ObjectNotFound", windows)  # fmt: skip
        _delivered(call, Files.of_guest(Path(call.host.guest_tree(about["id"]))), source)


def _delivered(call: Call, files: Files, source: Path) -> None:
    wanted = call.get("DestinationPath")
    target = files.path(wanted)
    if target.is_dir() or wanted.endswith("\\"):
        target = target / source.name
    if not target.parent.is_dir():
        if not call.switch("CreateFullPath"):
            raise virtualization("Failed to initiate copying files to the guest: the destination path was not found. "
                                 "(0x80070003).", "OperationFailed", "NotSpecified", wanted)  # fmt: skip
        target.parent.mkdir(parents=True)
    if target.exists() and (not call.switch("Force") or is_read_only(target)):
        raise virtualization("Failed to initiate copying files to the guest: the file exists. (0x80070050).",
                             "OperationFailed", "ResourceExists", wanted)  # fmt: skip
    shutil.copyfile(source, target)


def process(about: dict[str, Any]) -> Thing:
    """A Process."""
    return Thing("System.Diagnostics.Process", text=f"System.Diagnostics.Process ({about['name']})", Id=about["pid"],
                 Name=about["name"].removesuffix(".exe"), ProcessName=about["name"].removesuffix(".exe"),
                 HasExited=about["code"] is not None, keep=about)  # fmt: skip


@cmdlet("Get-Process", everywhere=True)
def get_process(call: Call) -> Iterator[Any]:
    """What runs in a guest."""
    known = call.host.guest_processes(call.scope.guest) if call.scope.place == "guest" else []
    running = [each for each in known if each["code"] is None]
    if call.set == "Id":
        for wanted in call.get("Id"):
            hit = [each for each in running if each["pid"] == wanted]
            if not hit:
                call.error(Failure(
                    f"Cannot find a process with the process identifier {wanted}.", "NoProcessFoundForGivenId",
                    "ObjectNotFound", wanted, "Microsoft.PowerShell.Commands.ProcessCommandException"))  # fmt: skip
            yield from map(process, hit)
        return
    for each in running:
        if not call.get("Name") or process(each)["Name"].lower() in [one.lower() for one in call.get("Name")]:
            yield process(each)


@cmdlet("Stop-Process", everywhere=True)
def stop_process(call: Call) -> None:
    """End programs in a guest."""
    wanted = [each["Id"] for each in call.get("InputObject", [])] or call.get("Id")
    for each in wanted:
        if not call.host.guest_kill(call.scope.guest, each):
            call.error(
                Failure(
                    f"Cannot find a process with the process identifier {each}.",
                    "NoProcessFoundForGivenId",
                    "ObjectNotFound",
                    each,
                    "Microsoft.PowerShell.Commands.ProcessCommandException",
                )
            )


@cmdlet("Get-Service", everywhere=True)
def get_service(call: Call) -> Iterator[Any]:
    """Services that matter: on the host sshd, vmms and a cluster's ClusSvc, in a guest those of integration."""
    known = {"vmms": "Automatic", "WinRM": "Automatic", "sshd": "Automatic"}
    if call.scope.place == "guest":
        known = {"vmicguestinterface": "Manual", "vmicheartbeat": "Manual", "vmicvmsession": "Manual"}
    elif call.host.shape.nodes:
        known["ClusSvc"] = "Automatic"
    elif call.host.shape.failover:
        known["ClusSvc"] = "Disabled"  # the feature is there, and the host is no node (MS-CMRP 3.1.4)
    for wanted in call.get("Name") or ["*"]:
        hit = [each for each in sorted(known) if matches(wanted, each)]
        if not hit and not is_pattern(wanted):
            call.error(
                Failure(
                    f"Cannot find any service with service name '{wanted}'.",
                    "NoServiceFoundForGivenName",
                    "ObjectNotFound",
                    wanted,
                    "Microsoft.PowerShell.Commands.ServiceCommandException",
                )
            )
        for name in hit:
            status = ("Stopped", 1) if known[name] == "Disabled" else ("Running", 4)
            yield Thing("System.ServiceProcess.ServiceController", text=name, Name=name, ServiceName=name,
                        Status=Member("System.ServiceProcess.ServiceControllerStatus", *status),
                        StartType=Member("System.ServiceProcess.ServiceStartMode", known[name], 0))  # fmt: skip


def power(call: Call, how: str) -> None:
    """The guest writes down what it wants of its power."""
    if call.scope.place != "guest":
        raise Failure("The peer's host stays up.", "NotModelled", "NotImplemented", terminating=True)
    place = Path(call.host.guest_tree(call.scope.guest)).parent / "machine"
    if not place.is_dir():
        raise not_found("C:\\")
    (place / "power").write_text(how)


@cmdlet("Stop-Computer", everywhere=True)
def stop_computer(call: Call) -> None:
    """The guest shuts itself down."""
    power(call, "off")


@cmdlet("Restart-Computer", everywhere=True)
def restart_computer(call: Call) -> None:
    """The guest restarts."""
    power(call, "reboot")
