"""
Parameter tables: which parameter sets a command has, and what each parameter is.

``cmdlets.json``: ``{command: {set: {parameter: [type, mandatory]}}}``, from the public documentation of Hyper-V and
VMM. Other ``*.json`` files are short: ``{command: {set: {parameter: "TYPE" + marks}}}`` where ``!`` is mandatory, ``<``
takes pipeline input by value, ``=`` by property name, ``@0`` is a position; a key ``"#type"`` names the class of the
command, which stands behind the comma of a FullyQualifiedErrorId.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent

COMMON = {
    "ErrorAction": "ActionPreference", "WarningAction": "ActionPreference", "InformationAction": "ActionPreference",
    "Verbose": "switch", "Debug": "switch", "ErrorVariable": "String", "WarningVariable": "String",
    "InformationVariable": "String", "OutVariable": "String", "OutBuffer": "Int32", "PipelineVariable": "String",
}  # fmt: skip
ALIASES = {
    "ea": "ErrorAction", "wa": "WarningAction", "infa": "InformationAction", "vb": "Verbose", "db": "Debug",
    "ev": "ErrorVariable", "wv": "WarningVariable", "iv": "InformationVariable", "ov": "OutVariable",
    "ob": "OutBuffer", "pv": "PipelineVariable", "wi": "WhatIf", "cf": "Confirm",
}  # fmt: skip

FUNCTIONS = frozenset(
    each.lower()
    for each in (
        # Storage and WDS are CDXML modules: each of their commands is a function that was made from XML.
        "Add-PartitionAccessPath", "Format-Volume", "Get-Disk", "Get-Partition", "Get-Volume", "Initialize-Disk",
        "New-Partition", "Remove-PartitionAccessPath", "Set-Disk",
        "Disable-WdsInstallImage", "Export-WdsInstallImage", "Get-WdsInstallImage", "Get-WdsInstallImageGroup",
        "Import-WdsInstallImage", "Remove-WdsInstallImage",
        # A function of Microsoft.PowerShell.Utility.psm1 in Windows PowerShell 5.1; a cmdlet since PowerShell 6.
        "Get-FileHash",
    )
)  # fmt: skip
"""
Commands that are functions of a module, in lower case. A module's functions do not see the ``$ErrorActionPreference``
of a script that calls them, only the global one (PowerShell issues 4568, 24389): without an ``-ErrorAction`` of
their own they go on after an error.
"""

OBJECTS = frozenset(
    [
        "VirtualMachine",
        "VirtualMachineBase",
        "VMSnapshot",
        "VirtualHardDisk",
        "HardDiskDrive",
        "VMNetworkAdapter",
        "VMNetworkAdapterBase",
        "VMSwitch",
        "VMFirmware",
        "VMIntegrationComponent",
        "VMDriveController",
        "VMComponentObject",
        "VMCompatibilityReport",
        "VMMemory",
        "VMProcessor",
        "CimInstance",
        "CimSession",
        "VM",
        "Template",
        "OperatingSystem",
        "HardwareProfile",
        "GuestOSProfile",
        "LibraryShare",
        "LibraryServer",
        "StandaloneVirtualHardDisk",
        "LibObjectBase",
        "ServerConnection",
        "CustomProperty",
        "ClientObject",
        "UserRole",
        "Task",
        "PSSession",
    ]
)
"""Parameter types that take live objects only: text and deserialized objects do not become one."""


@dataclass(frozen=True)
class Parameter:
    """One parameter in one set."""

    name: str
    type: str
    mandatory: bool = False
    by_value: bool = False
    by_name: bool = False
    position: int | None = None


Sets = dict[str, dict[str, Parameter]]


@dataclass(frozen=True)
class Table:
    """A command's sets (the first is the default) and its class's full name."""

    command: str
    type: str
    sets: Sets


@cache
def tables() -> dict[str, Table]:
    """All tables, by lower-case name of the command."""
    found: dict[str, Table] = {}
    for file in sorted(HERE.glob("*.json")):
        for command, sets in json.loads(file.read_text(encoding="utf-8")).items():
            made = table(command, sets)
            assert command.lower() not in found, f"{command} stands in two tables"
            found[command.lower()] = made
    return found


def table(command: str, sets: dict[str, object]) -> Table:
    """A table from the data of either form."""
    sets = dict(sets)
    kind = sets.pop("#type", None) or class_of(command)
    read: Sets = {}
    for name, parameters in sets.items():
        assert isinstance(parameters, dict)
        read[name] = {key: _parameter(command, key, about) for key, about in parameters.items()}
    return Table(command, str(kind), read or {"__AllParameterSets": {}})


def class_of(command: str) -> str:
    """The class of a Hyper-V command; those of other modules say theirs in their table."""
    plain = command.replace("-", "")
    if command == "New-VHD":
        return "Microsoft.Vhd.PowerShell.Cmdlets.NewVhd"  # so in reports of real hosts, beside GetVHD
    if command.endswith("-VHD"):
        return f"Microsoft.Vhd.PowerShell.Cmdlets.{plain}"
    if re.match(r"[A-Z][a-z]+-SC", command):
        return f"Microsoft.SystemCenter.VirtualMachineManager.Cmdlets.{plain.replace('SC', '', 1)}Cmdlet"
    return f"Microsoft.HyperV.PowerShell.Commands.{plain}"


def _parameter(command: str, name: str, about: object) -> Parameter:
    if isinstance(about, list):
        kind, mandatory = about
        plain = kind.removesuffix("[]")
        vhd = command.endswith("-VHD")
        # The tables of the documentation tell no pipeline input; these are the cmdlets' own pages.
        by_value = plain in OBJECTS - {"CimSession"} or (name in ("Path", "Name", "VMName") and mandatory)
        return Parameter(name, kind, mandatory, by_value, vhd and name in ("Path", "VMId", "DiskNumber"),
                         0 if name in ("Path", "Name", "VMName") and by_value else None)  # fmt: skip
    found = re.fullmatch(r"([^!<=@]+)([!<=]*)(?:@(\d))?", str(about))
    assert found, f"{command} -{name}: {about!r}"
    marks = found[2]
    return Parameter(name, found[1], "!" in marks, "<" in marks, "=" in marks, int(found[3]) if found[3] else None)
