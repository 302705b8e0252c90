"""Which component and which setting is valid in which pass, and what an item of a list needs, as data."""

from __future__ import annotations

import os

PASSES = ("offlineServicing", "windowsPE", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem")
UNUSED_PASS = "oobeUser"  # noqa: S105  the name of a pass
"""The schema lists it, and Windows does not use it (docs/facts: windows 4.1)."""
OF_AN_IMAGE = ("generalize", "specialize", "auditSystem", "auditUser", "oobeSystem")
"""Passes that sysprep and the first boots after it run (docs/facts: windows 1.1)."""

ARCHITECTURES = ("x86", "amd64", "arm64", "wow64", "ia64", "arm", "msil", "neutral", "data")
TOKEN = "31bf3856ad364e35"  # noqa: S105  Windows' public key token, in every answer file there is
REQUIRED = ("name", "processorArchitecture", "publicKeyToken", "language")

SHELL = "microsoft-windows-shell-setup"
INTERNATIONAL = "microsoft-windows-international-core"
DEPLOYMENT = "microsoft-windows-deployment"
LICENSING = ("microsoft-windows-security-spp", "microsoft-windows-security-licensing-slc")

SURE = True
UNSURE = False
SETTING_PASSES: dict[tuple[str, str], tuple[tuple[str, ...], bool]] = {
    (SHELL, "oobe"): (("oobeSystem",), SURE),
    (SHELL, "useraccounts"): (("auditSystem", "oobeSystem"), SURE),
    (SHELL, "autologon"): (("specialize", "auditSystem", "auditUser", "oobeSystem"), UNSURE),
    (SHELL, "firstlogoncommands"): (("oobeSystem",), UNSURE),
    (SHELL, "logoncommands"): (("oobeSystem",), UNSURE),
    (SHELL, "computername"): (("offlineServicing", "specialize"), UNSURE),
    (SHELL, "productkey"): (("specialize",), UNSURE),
    (SHELL, "copyprofile"): (("specialize",), UNSURE),
    (SHELL, "timezone"): (("specialize", "auditSystem", "auditUser", "oobeSystem"), UNSURE),
}
"""(component, setting) in lower case: the passes, and whether that is confirmed (docs/facts: windows 4.2)."""

LIST_ITEMS: dict[str, tuple[str, bool]] = {
    "LocalAccount": ("LocalAccounts", SURE),
    "RunSynchronousCommand": ("RunSynchronous", SURE),
    "SynchronousCommand": ("FirstLogonCommands LogonCommands", SURE),
    "Disk": ("DiskConfiguration", SURE),
    "DomainAccountList": ("DomainAccounts", UNSURE),
    "DomainAccount": ("DomainAccountList", UNSURE),
    "AsynchronousCommand": ("LogonCommands FirstLogonCommands", UNSURE),
    "RunAsynchronousCommand": ("RunAsynchronous", UNSURE),
    "CreatePartition": ("CreatePartitions", UNSURE),
    "ModifyPartition": ("ModifyPartitions", UNSURE),
    "PathAndCredentials": ("DriverPaths", UNSURE),
}
"""Items that need wcm:action, the lists they stand in, and whether that is confirmed (docs/facts: windows 4.1)."""
OTHER_ACTIONS = ("modify", "remove")

LANGUAGE = ("InputLocale", "SystemLocale", "UILanguage", "UserLocale")
"""What International-Core must say in oobeSystem for OOBE not to ask (docs/facts: windows 4.3)."""

FORBIDDEN_IN_NAMES = frozenset('"/\\[]:|<>+=;,?*%@')
LONGEST_NAME = 20
ERASED = "*SENSITIVE*DATA*DELETED*"

_FILE = os.path.join(os.path.dirname(__file__), "components.txt")  # noqa: PTH118, PTH120  pathlib is slow to load
_table: dict[str, tuple[str, tuple[str, ...]]] = {}


def components() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Every component golden knows: its name in lower case to its name and passes."""
    if not _table:
        with open(_FILE, encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.strip() and not line.startswith("#"):
                    name, *passes = line.split()
                    _table[name.lower()] = (name, tuple(passes))
    return _table
