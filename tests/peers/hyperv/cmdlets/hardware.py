"""What a machine has: drives, adapters, firmware, TPM, integration services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv import objects as o
from tests.peers.hyperv import shapes
from tests.peers.hyperv.cmdlets.vhd import there
from tests.peers.hyperv.cmdlets.vm import allowed, found, wrong_state
from tests.peers.hyperv.failures import Failure, virtualization
from tests.peers.hyperv.host.store import SERVICES
from tests.peers.hyperv.objects import Thing, listed
from tests.peers.hyperv.registry import Call, cmdlet, is_pattern, matches

TEMPLATES = ("MicrosoftWindows", "MicrosoftUEFICertificateAuthority", "OpenSourceShieldedVM")


def generation_2(about: dict[str, Any]) -> None:
    """Firmware and TPM are of generation 2 only."""
    if about["generation"] != 2:
        raise virtualization(f"The operation is not supported on generation 1 virtual machine '{about['name']}'.",
                             "InvalidParameter", "InvalidArgument", about["name"])  # fmt: skip


def off(about: dict[str, Any]) -> None:
    """The machine must be off."""
    if about["state"] != "Off":
        raise wrong_state(about)


@cmdlet("Get-VMHardDiskDrive")
def get_drive(call: Call) -> Iterator[Any]:
    """Drives with their files."""
    for about in found(call, "VMName"):
        for each in about["disks"]:
            wanted = (("ControllerNumber", "number"), ("ControllerLocation", "location"), ("ControllerType", "type"))
            if all(name not in call.given or each[mine] == call.get(name) or call.get(name) == each[mine]
                   for name, mine in wanted):  # fmt: skip
                yield shapes.drive(about, each)


@cmdlet("Add-VMHardDiskDrive")
def add_drive(call: Call) -> Iterator[Any]:
    """Attach a file; SCSI may be attached to a running machine."""
    for about in found(call, "VMName"):
        kind = str(call.get("ControllerType") or ("SCSI" if about["generation"] == 2 else "IDE"))
        if kind == "IDE":
            off(about)
        windows = call.get("Path", "")
        path = there(call, windows)
        if any(each["path"].lower() == windows.lower() for each in about["disks"]):
            raise virtualization(f"Failed to add device 'Virtual Hard Disk'. '{windows}' is attached already.",
                                 "InvalidParameter", "InvalidArgument", windows)  # fmt: skip
        number = call.get("ControllerNumber", 0)
        taken = {each["location"] for each in about["disks"] if each["type"] == kind and each["number"] == number}
        location = call.get("ControllerLocation", next(each for each in range(64) if each not in taken))
        if location in taken:
            raise virtualization("The location is in use by another device.", "InvalidParameter", "InvalidArgument")
        if call.host.in_use(str(path)):
            raise virtualization(f"'{windows}' is being used by another process. (0x80070020).", "ObjectInUse",
                                 "ResourceBusy", windows)  # fmt: skip
        made = {"type": kind, "number": number, "location": location, "path": windows}
        call.host.change(about["id"], disks=[*about["disks"], made])
        if call.switch("Passthru"):
            yield shapes.drive(about, made)


@cmdlet("Set-VMHardDiskDrive")
def set_drive(call: Call) -> Iterator[Any]:
    """Another file behind a drive."""
    drives = [each.keep for each in listed(call.get("VMHardDiskDrive"))]
    if call.set == "VMName":
        drives = [
            {"vm": about["id"], "disk": each}
            for about in found(call, "VMName")
            for each in about["disks"]
            if each["number"] == call.get("ControllerNumber", 0)
            and each["location"] == call.get("ControllerLocation", 0)
        ]
    for keep in drives:
        about = call.host.machine(keep["vm"])
        off(about)
        if "Path" in call.given:
            there(call, call.get("Path"))
            for each in about["disks"]:
                if each["path"] == keep["disk"]["path"]:
                    each["path"] = call.get("Path")
            call.host.change(about["id"], disks=about["disks"])
        if call.switch("Passthru"):
            yield shapes.drive(about, {**keep["disk"], "path": call.get("Path", keep["disk"]["path"])})


@cmdlet("Remove-VMHardDiskDrive")
def remove_drive(call: Call) -> None:
    """Detach a file; it stays."""
    drives = [each.keep for each in listed(call.get("VMHardDiskDrive"))]
    if call.set == "VMName":
        drives = [
            {"vm": about["id"], "disk": each} for about in found(call, "VMName") for each in about["disks"]
            if (each["type"], each["number"], each["location"]) ==
            (str(call.get("ControllerType")), call.get("ControllerNumber"), call.get("ControllerLocation"))
        ]  # fmt: skip
    for keep in drives:
        about = call.host.machine(keep["vm"])
        if keep["disk"]["type"] == "IDE" or about["disks"][:1] == [keep["disk"]]:
            off(about)
        left = [each for each in about["disks"] if each["path"] != keep["disk"]["path"]]
        call.host.change(about["id"], disks=left)


@cmdlet("Get-VMFirmware")
def get_firmware(call: Call) -> Iterator[Any]:
    """Boot order and Secure Boot."""
    for about in found(call, "VMName"):
        generation_2(about)
        yield shapes.firmware(about)


@cmdlet("Set-VMFirmware")
def set_firmware(call: Call) -> Iterator[Any]:
    """Boot order and Secure Boot, of a machine that is off."""
    hits = found(call, "VMName") if "VMFirmware" not in call.given else [
        call.host.machine(each.keep) for each in call.get("VMFirmware")]  # fmt: skip
    for about in hits:
        generation_2(about)
        fields: dict[str, Any] = {}
        if "EnableSecureBoot" in call.given:
            off(about)
            fields["secure_boot"] = str(call.get("EnableSecureBoot")) == "On"
        if "SecureBootTemplate" in call.given:
            off(about)
            named = next((each for each in TEMPLATES if each.lower() == call.get("SecureBootTemplate").lower()), None)
            if named is None:
                raise virtualization("The Secure Boot template was not found.", "InvalidParameter", "InvalidArgument",
                                     call.get("SecureBootTemplate"))  # fmt: skip
            fields["secure_boot_template"] = named
        first = [_entry(each) for each in listed(call.get("BootOrder")) or listed(call.get("FirstBootDevice"))]
        if first:
            now = shapes.boot_order(about)
            missing = [each for each in first if each not in now]
            if missing:
                raise virtualization("The boot device is not one of the virtual machine's.", "InvalidParameter",
                                     "InvalidArgument", missing[0])  # fmt: skip
            fields["boot_order"] = [*first, *(each for each in now if each not in first)]
        call.host.change(about["id"], **fields)
        if call.switch("Passthru"):
            yield shapes.firmware(call.host.machine(about["id"]))


def _entry(device: Thing) -> str:
    """What a device, or an entry that was told, is called in the order."""
    if isinstance(device.keep, str):
        return device.keep
    if "card" in device.keep:
        return f"Network|{device.keep['card']}"
    return f"Drive|{device.keep['disk']['path']}"


@cmdlet("Get-VMMemory")
def get_memory(call: Call) -> Iterator[Any]:
    """Memory, dynamic or not."""
    for about in found(call, "VMName"):
        yield shapes.memory(about)


@cmdlet("Set-VMMemory")
def set_memory(call: Call) -> Iterator[Any]:
    """Of a machine that is off; a dynamic one has its minimum, start and maximum in that order."""
    names = {"DynamicMemoryEnabled": "dynamic_memory", "StartupBytes": "memory", "MinimumBytes": "memory_minimum",
             "MaximumBytes": "memory_maximum", "Buffer": "memory_buffer"}  # fmt: skip
    for about in found(call, "VMName"):
        off(about)
        fields = {mine: call.get(name) for name, mine in names.items() if name in call.given}
        now = {**about, **fields}
        in_order = now["memory_minimum"] <= now["memory"] <= now["memory_maximum"]
        if (now["dynamic_memory"] and not in_order) or not 5 <= now["memory_buffer"] <= 2000:
            raise virtualization(f"'{about['name']}' failed to set memory: the memory specified is out of range.",
                                 "InvalidParameter", "InvalidArgument", about["name"])  # fmt: skip
        call.host.change(about["id"], **fields)
        if call.switch("Passthru"):
            yield shapes.memory(call.host.machine(about["id"]))


@cmdlet("Get-VMSecurity")
def get_security(call: Call) -> Iterator[Any]:
    """TPM and shielding."""
    for about in found(call, "VMName"):
        generation_2(about)
        yield shapes.security(about)


@cmdlet("Get-VMKeyProtector")
def get_protector(call: Call) -> Iterator[Any]:
    """The key protector's bytes: four where there is none."""
    for about in found(call, "VMName"):
        generation_2(about)
        yield list(b"<Protector/>" if about["key_protector"] else bytes(4))


@cmdlet("Set-VMKeyProtector")
def set_protector(call: Call) -> None:
    """A local one, made for this host, or one from elsewhere, which this host cannot open."""
    for about in found(call, "VMName"):
        generation_2(about)
        off(about)
        call.host.change(about["id"], key_protector="foreign" if "KeyProtector" in call.given else "local")


@cmdlet("Enable-VMTPM")
def enable_tpm(call: Call) -> None:
    """Wants a key protector before."""
    for about in found(call, "VMName"):
        generation_2(about)
        off(about)
        if not about["key_protector"]:
            raise virtualization(f"Cannot modify the selected virtual TPM device of '{about['name']}'. A key protector "
                                 "must be configured first.", "InvalidOperation", "InvalidOperation",
                                 about["name"])  # fmt: skip
        call.host.change(about["id"], tpm=True)


@cmdlet("Get-VMSwitch")
def get_switch(call: Call) -> Iterator[Any]:
    """The host's switches."""
    allowed(call)
    known = call.host.shape.switches
    for wanted in call.get("Name") or ["*"]:
        hit = [each for each in known if matches(wanted, each[0])]
        if not hit and not is_pattern(wanted):
            call.error(virtualization(f'Hyper-V was unable to find a virtual switch with name "{wanted}".',
                                      "InvalidParameter", "InvalidArgument", wanted))  # fmt: skip
        for name, kind in hit:
            yield Thing("Microsoft.HyperV.PowerShell.VMSwitch", text=f"VMSwitch (Name = '{name}')", Name=name,
                        SwitchType=o.SWITCH_TYPE[kind], Notes="", AllowManagementOS=kind != "Private")  # fmt: skip


def cards(call: Call, names: str = "Name") -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The adapters a command is for, with their machines."""
    if "VMNetworkAdapter" in call.given:
        keeps = [each.keep for each in listed(call.get("VMNetworkAdapter"))]
        machines = {each["vm"]: call.host.machine(each["vm"]) for each in keeps}
        return [
            (
                machines[each["vm"]],
                next(card for card in machines[each["vm"]]["adapters"] if card["id"] == each["card"]),
            )
            for each in keeps
        ]
    patterns = listed(call.get(names)) or ["*"]
    return [(about, each) for about in found(call, "VMName") for each in about["adapters"]
            if any(matches(pattern, each["name"]) for pattern in patterns)]  # fmt: skip


@cmdlet("Get-VMNetworkAdapter")
def get_adapter(call: Call) -> Iterator[Any]:
    """Adapters of machines."""
    if call.set in ("ManagementOS", "All"):
        raise Failure("The peer's host has no adapters of its own.", "NotModelled", "NotImplemented")
    for about, each in cards(call):
        yield shapes.adapter(about, each)


@cmdlet("Set-VMNetworkAdapter")
def set_adapter(call: Call) -> Iterator[Any]:
    """The MAC address."""
    for about, each in cards(call):
        if "StaticMacAddress" in call.given:
            off(about)
            text = re.sub("[-:]", "", call.get("StaticMacAddress")).upper()
            if not re.fullmatch("[0-9A-F]{12}", text):
                raise virtualization("The MAC address is not valid.", "InvalidParameter", "InvalidArgument", text)
            each.update(mac=text, dynamic=False)
        if call.switch("DynamicMacAddress"):
            off(about)
            each.update(mac="000000000000", dynamic=True)
        call.host.change(about["id"], adapters=about["adapters"])
        if call.switch("Passthru"):
            yield shapes.adapter(about, each)


def _connect(call: Call, switch: str) -> Iterator[Any]:
    for about, each in cards(call):
        each["switch"] = switch
        call.host.change(about["id"], adapters=about["adapters"])
        if call.switch("Passthru"):
            yield shapes.adapter(about, each)


@cmdlet("Connect-VMNetworkAdapter")
def connect_adapter(call: Call) -> Iterator[Any]:
    """Plug adapters into a switch."""
    wanted = call.get("SwitchName") or call.get("VMSwitch")["Name"]
    known = {each[0].lower(): each[0] for each in call.host.shape.switches}
    if wanted.lower() not in known:
        raise virtualization(f'Hyper-V was unable to find a virtual switch with name "{wanted}".', "InvalidParameter",
                             "InvalidArgument", wanted)  # fmt: skip
    yield from _connect(call, known[wanted.lower()])


@cmdlet("Disconnect-VMNetworkAdapter")
def disconnect_adapter(call: Call) -> Iterator[Any]:
    """Pull the plug."""
    yield from _connect(call, "")


@cmdlet("Get-VMIntegrationService")
def get_service(call: Call) -> Iterator[Any]:
    """Services; their names are localized."""
    for about in found(call, "VMName"):
        known = [shapes.service(call.host.shape, about, key) for key in SERVICES]
        for wanted in call.get("Name") or ["*"]:
            hit = [each for each in known if matches(wanted, each["Name"])]
            if not hit and not is_pattern(wanted):
                call.error(
                    virtualization(
                        f'Hyper-V was unable to find an integration component with name "{wanted}".',
                        "InvalidParameter",
                        "InvalidArgument",
                        wanted,
                    )
                )
            yield from hit


def _switch_service(call: Call, *, on: bool) -> Iterator[Any]:
    keeps = [each.keep for each in listed(call.get("VMIntegrationService"))]
    if not keeps:
        for about in found(call, "VMName"):
            known = [shapes.service(call.host.shape, about, key) for key in SERVICES]
            for wanted in listed(call.get("Name")):
                hit = [each.keep for each in known if matches(wanted, each["Name"])]
                if not hit:
                    raise virtualization(f"Hyper-V was unable to find an integration component with name \"{wanted}\".",
                                         "InvalidParameter", "InvalidArgument", wanted)  # fmt: skip
                keeps += hit
    for each in keeps:
        about = call.host.machine(each["vm"])
        call.host.change(each["vm"], services={**about["services"], each["key"]: on})
        if call.switch("Passthru"):
            yield shapes.service(call.host.shape, call.host.machine(each["vm"]), each["key"])


@cmdlet("Enable-VMIntegrationService")
def enable_service(call: Call) -> Iterator[Any]:
    """Switch one on."""
    yield from _switch_service(call, on=True)


@cmdlet("Disable-VMIntegrationService")
def disable_service(call: Call) -> Iterator[Any]:
    """Switch one off."""
    yield from _switch_service(call, on=False)
