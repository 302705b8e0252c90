"""
What the registry rules look at: the same keys and files, whether a powered-off disk or the running guest showed them.

Only what is listed here is ever asked for: no other value of a guest's registry leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from golden.disk.hive import Data
from golden.errors import GuestError

CURRENT = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion"
VERSION = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
PROFILES = f"{VERSION}\\ProfileList"
WINLOGON = f"{VERSION}\\Winlogon"
SPP = f"{VERSION}\\SoftwareProtectionPlatform"
CBS = f"{CURRENT}\\Component Based Servicing"
UPDATE = f"{CURRENT}\\WindowsUpdate\\Auto Update"
RESERVE = f"{CURRENT}\\ReserveManager"
PROVIDERS = tuple(f"{CURRENT}\\Setup\\SysPrepExternal\\{phase}" for phase in ("Cleanup", "Generalize", "Specialize"))
DEFENDER = "SOFTWARE\\Microsoft\\Windows Advanced Threat Protection"
ROLES = "SOFTWARE\\Microsoft\\ServerManager\\ServicingStorage\\ServerComponentCache"
ENROLLMENTS = "SOFTWARE\\Microsoft\\Enrollments"
SETUP = "SYSTEM\\Setup"
CONTROL = "SYSTEM\\CurrentControlSet\\Control"
LSA = f"{CONTROL}\\Lsa"
SERVICES = "SYSTEM\\CurrentControlSet\\Services"
COMPUTER_NAME = f"{CONTROL}\\ComputerName"
ENTRA = f"{CONTROL}\\CloudDomainJoin\\JoinInfo"

PENDING_XML = "Windows\\WinSxS\\pending.xml"
IN_ROOT = ("unattend.xml", "autounattend.xml")
"""Found last of all, so they count only where there is no other answer file."""
KEPT = ("Windows\\Panther\\unattend-original.xml",)
"""What Setup keeps of the one it was given, passwords and all; it is never used again."""
ANSWER_FILES = (
    "Windows\\Panther\\Unattend\\unattend.xml",
    "Windows\\Panther\\Unattend\\autounattend.xml",
    "Windows\\Panther\\unattend.xml",
    "Windows\\Panther\\autounattend.xml",
    "Windows\\System32\\Sysprep\\unattend.xml",
    *IN_ROOT,
    *KEPT,
)
"""In the order in which Windows finds them; the last one it only keeps. docs/facts: windows 4.4."""
SETUP_COMPLETE = "Windows\\Setup\\Scripts\\SetupComplete.cmd"
OFFICE = tuple(
    f"{programs}\\Microsoft Office\\Office{number}\\OSPPREARM.EXE"
    for programs in ("Program Files", "Program Files (x86)")
    for number in (14, 15, 16)
)


@dataclass(frozen=True, slots=True)
class Read:
    """One key to be read: these values (``*`` every one), perhaps the names below, perhaps values of those too."""

    key: str
    names: tuple[str, ...] = ()
    below: bool = False
    of_below: tuple[str, ...] = ()
    """Values of each key below."""
    present: tuple[str, ...] = ()
    """Values of which nothing is told but whether there is something in them: 1 or 0. They may be secret."""


READS = (
    Read(VERSION, ("CurrentBuild", "CurrentBuildNumber", "InstallationType", "EditionID")),
    Read(SPP, ("SkipRearm",)),
    Read(WINLOGON, present=("DefaultPassword",)),
    Read(PROFILES, below=True, of_below=("ProfileImagePath",)),
    Read(CBS, below=True),
    Read(f"{CBS}\\SessionsPending", ("Exclusive",)),
    Read(UPDATE, below=True),
    Read("SOFTWARE\\Microsoft\\Updates", ("UpdateExeVolatile",)),
    Read("SOFTWARE\\Microsoft\\ServerManager", ("CurrentRebootAttempts",)),
    Read(f"{CURRENT}\\RunOnce", ("DVDRebootSignal",)),
    Read(RESERVE, ("ActiveScenario",)),
    *(Read(key, ("*",)) for key in PROVIDERS),
    Read(DEFENDER, ("senseGuid",)),
    Read(f"{DEFENDER}\\Status", ("OnboardingState",)),
    Read(ROLES, below=True, of_below=("InstallState",)),
    Read(ENROLLMENTS, below=True, of_below=("ProviderID", "EnrollmentState")),
    Read(SETUP, ("UnattendFile", "Upgrade"), below=True),
    Read(f"{CONTROL}\\Session Manager", ("PendingFileRenameOperations", "PendingFileRenameOperations2")),
    Read(f"{COMPUTER_NAME}\\ComputerName", ("ComputerName",)),
    Read(f"{COMPUTER_NAME}\\ActiveComputerName", ("ComputerName",)),
    Read(f"{SERVICES}\\Netlogon", ("JoinDomain", "AvoidSpnSet")),
    Read(f"{SERVICES}\\Tcpip\\Parameters", ("Domain",)),
    Read(LSA, ("DisableDomainCreds",)),
    Read(f"{CONTROL}\\BitLocker", ("PreventDeviceEncryption",)),
    Read(ENTRA, below=True),
    Read(f"{SERVICES}\\WMPNetworkSvc", ("Start",)),
    Read(f"{SERVICES}\\tiledatamodelsvc", ("Start",)),
)
FILES = (PENDING_XML, *ANSWER_FILES, SETUP_COMPLETE, *OFFICE)
"""Paths on the system drive, without it."""


class Unread(GuestError):
    """What a check needs was not shown; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it was shown."""

    values: Mapping[str, Data] = field(default_factory=dict)
    """Names in lower case."""
    below: Mapping[str, Mapping[str, Data]] = field(default_factory=dict)
    """Names as they are, each with the values that were asked for, names in lower case."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A sysprep provider of another maker."""

    phase: str
    data: str
    """``DLL,entry point`` as it is registered."""
    there: bool | None
    """Whether its DLL is there; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All that was shown. A key or file that is not in it could not be read: ``trouble`` says why."""

    keys: Mapping[str, Key | None]
    """None: there is no such key."""
    files: Mapping[str, bool]
    providers: tuple[Provider, ...] | None
    trouble: Mapping[str, str] = field(default_factory=dict)
    """Why a hive (``SOFTWARE``), the ``files`` or the ``providers`` could not be read."""

    def key(self, path: str) -> Key | None:
        """None where there is no such key. Unread where its hive was not shown."""
        if path not in self.keys:
            raise Unread(self.trouble.get(path.partition("\\")[0], f"{path} was not shown"))
        return self.keys[path]

    def value(self, path: str, name: str) -> Data | None:
        """One value; None where it or its key is missing."""
        key = self.key(path)
        return None if key is None else key.values.get(name.lower())

    def number(self, path: str, name: str) -> int:
        """A number; 0 where it is missing or none."""
        found = self.value(path, name)
        return found if isinstance(found, int) else 0

    def below(self, path: str) -> Mapping[str, Mapping[str, Data]]:
        """The keys below, with the values that were asked for; none where there is no such key."""
        key = self.key(path)
        return {} if key is None else key.below

    def has_below(self, path: str, name: str) -> bool:
        """Whether there is such a key below."""
        return any(one.lower() == name.lower() for one in self.below(path))

    def has_file(self, path: str) -> bool:
        """Whether the file is there."""
        if path not in self.files:
            raise Unread(self.trouble.get("files", f"{path} was not shown"))
        return self.files[path]

    @property
    def build(self) -> int:
        """Windows' build number; 0 where it is unknown."""
        said = self.value(VERSION, "CurrentBuild") or self.value(VERSION, "CurrentBuildNumber")
        return int(said) if isinstance(said, str) and said.isdigit() else 0

    @property
    def is_client(self) -> bool:
        """Whether it is a client edition."""
        return self.value(VERSION, "InstallationType") == "Client"
