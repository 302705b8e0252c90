"""
An update and a capture as a script through pypsrp would do them on a Hyper-V host, knowing nothing of golden.

The same acts as the verbs of golden's provider: a differencing disk, a machine without network and checkpoints, a boot,
work in the guest by PowerShell Direct, off, no machine any more and a read-only disk; a clone of that to look into, and
one whose disk is copied flat and hashed. It looks nothing up that it was told before, tests no chain and no room,
leaves no record, and takes every answer for granted. What no cmdlet does in one call it does by the same constant
scripts.
"""

from __future__ import annotations

import base64
import ntpath
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from pypsrp.complex_objects import PSCredential
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from tests.peers.hyperv.peer import Peer

from benchmarks.verbs import LIMIT, SYSTEM32, work
from golden.waiting import Deadline, Waiting
from golden_hyperv.making import GUEST_SERVICE
from golden_hyperv.remoting.catalogue import script

FOLDER = "C:\\bare"
SETTINGS = {
    "CheckpointType": "Disabled",
    "AutomaticCheckpointsEnabled": False,
    "AutomaticStartAction": "Nothing",
    "AutomaticStopAction": "TurnOff",
    "ProcessorCount": 2,
    "StaticMemory": True,
}
TICK = 0.5
"""Seconds between two looks whether a guest answers: what golden takes, and a person would."""
Call = tuple[str, dict[str, Any]]


class Bare:
    """pypsrp alone; one runspace for all of it."""

    def __init__(self, peer: Peer, line: WSMan, parent: str) -> None:
        self._line, self._parent = line, parent
        self._open: RunspacePool | None = None
        self._account: Any = PSCredential(  # type: ignore[no-untyped-call]
            username=peer.guest_user, password=peer.guest_password
        )

    def renew(self) -> None:
        """Another runspace: pypsrp gives none of a shell's 1000 places for commands back."""
        self.close()
        self._open = RunspacePool(self._line)
        self._open.open()
        self._open.exchange_keys()

    def close(self) -> None:
        """Let go of it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _pool(self) -> RunspacePool:
        assert self._open is not None, "renew comes first"
        return self._open

    def update_and_capture(self) -> None:
        """The same as golden's."""
        clone = self._worked("bare-clone", self._parent)
        frozen = self._frozen(clone, "bare-clone")
        self._script("file_facts", Path=[frozen])
        self._destroyed(self._worked("bare-looking", frozen), "bare-looking")
        sealed = self._worked("bare-capture", frozen)
        image = ntpath.join(FOLDER, "bare-image.vhdx")
        wanted = {"Path": _disk("bare-capture"), "DestinationPath": image, "VHDType": "Dynamic"}
        self._call(("Convert-VHD", wanted))
        self._script("freeze_file", Path=image, Final=image, ReadOnly=True)
        self._call(("Get-FileHash", {"LiteralPath": image, "Algorithm": "SHA256"}))
        self._destroyed(sealed, "bare-capture")
        self._script("file_facts", Path=[frozen])
        self._script("clear_away", Path=[image])
        self._script("freeze_file", Path=frozen, Final=frozen, ReadOnly=False)
        self._script("clear_away", Path=[ntpath.join(FOLDER, "bare-clone")])

    def _worked(self, name: str, parent: str) -> str:
        self._call(("New-Item", {"ItemType": "Directory", "Path": ntpath.join(FOLDER, name), "Force": True}))
        self._call(("New-VHD", {"Path": _disk(name), "ParentPath": parent, "Differencing": True}))
        wanted = {"Name": name, "Generation": 2, "MemoryStartupBytes": 1 << 30, "VHDPath": _disk(name), "Path": FOLDER}
        (told,) = self._call(("New-VM", wanted), ("Select-Object", {"Property": ["Id"]}))
        vm = str(_told(told)["Id"])
        self._with(vm, ("Set-VM", {"Notes": "a clone", **SETTINGS}))
        self._with(vm, ("Set-VMFirmware", {"EnableSecureBoot": "On"}))
        service = {"Property": "Id", "Match": True, "Value": GUEST_SERVICE}
        self._with(vm, ("Get-VMIntegrationService", {}), ("Where-Object", service), ("Enable-VMIntegrationService", {}))
        self._with(vm, ("Start-VM", {}))
        Waiting(Deadline(LIMIT), TICK).until("the heartbeat", lambda: self._state(vm)[1].startswith("Ok"))
        line = _Line(self, vm)
        line.ready()
        work(line)
        Waiting(Deadline(LIMIT)).until("the guest to switch itself off", lambda: self._state(vm)[0] == "Off")
        return vm

    def _frozen(self, vm: str, name: str) -> str:
        """Path of the frozen disk."""
        final = _disk(name).replace(".partial", "")
        self._with(vm, ("Remove-VM", {"Force": True, "Confirm": False}))
        self._script("freeze_file", Path=_disk(name), Final=final, ReadOnly=True)
        return final

    def _destroyed(self, vm: str, name: str) -> None:
        self._with(vm, ("Remove-VM", {"Force": True, "Confirm": False}))
        self._script("clear_away", Path=[ntpath.join(FOLDER, name)])

    def _state(self, vm: str) -> tuple[str, str]:
        (told,) = self._with(vm, ("Select-Object", {"Property": ["State", "Heartbeat"]}))
        return str(_told(told)["State"]), str(_told(told)["Heartbeat"])

    def _with(self, vm: str, *calls: Call) -> list[Any]:
        return self._call(("Get-VM", {"Id": vm}), *calls)

    def _call(self, *calls: Call) -> list[Any]:
        with PowerShell(self._pool) as shell:
            for name, parameters in calls:
                shell.add_cmdlet(name).add_parameters({"ErrorAction": "Stop", **parameters})
            found = shell.invoke()
            assert not shell.had_errors, shell.streams.error
            return list(found)

    def _script(self, name: str, **parameters: Any) -> list[Any]:
        with PowerShell(self._pool) as shell:
            found = shell.add_script(script(name).text).add_parameters(parameters).invoke()
            assert not shell.had_errors, shell.streams.error
            return list(found)

    def inside(self, name: str, vm: str, **parameters: Any) -> dict[str, Any]:
        """A script of PowerShell Direct's; what it answers."""
        found = self._script(name, VMId=vm, Credential=self._account, **parameters)
        return _told(found[0])


class _Line:
    """PowerShell Direct, one call for one."""

    def __init__(self, bare: Bare, vm: str) -> None:
        self._bare, self._vm = bare, vm

    def ready(self) -> None:
        """One login."""
        self._bare.inside("guest_probe", self._vm)

    def start(self, argv: tuple[str, ...]) -> int:
        """One program."""
        return int(self._bare.inside("guest_start", self._vm, CommandLine=" ".join(argv), Folder=SYSTEM32)["Process"])

    def poll(self, pid: int) -> object:
        """Whether it has ended."""
        return not self._bare.inside("guest_poll", self._vm, Process=pid)["Running"]

    def write(self, path: str, offset: int, data: bytes) -> None:
        """One file."""
        text = base64.b64encode(data).decode()
        self._bare.inside("guest_write", self._vm, Path=path, Offset=offset, Data=text)

    def read(self, path: str, offset: int, size: int) -> bytes:
        """One file."""
        told = self._bare.inside("guest_read", self._vm, Path=path, Offset=offset, Size=size)
        return base64.b64decode(str(told["Data"]))


def _told(one: Any) -> dict[str, Any]:
    """Properties of an object that came over; none of a text."""
    return {**getattr(one, "adapted_properties", {}), **getattr(one, "extended_properties", {})}


def _disk(name: str) -> str:
    return ntpath.join(FOLDER, name, f"{name}-0.partial.vhdx")


@contextmanager
def calling(peer: Peer, parent: str) -> Iterator[Bare]:
    """A session of the bare side's own; ``parent`` is the frozen disk that its clones hang on."""
    ca: Any = str(peer.ca)  # pypsrp takes a path too, and does not say so
    wsman = WSMan(peer.host, port=peer.port, username=peer.user, password=peer.password, cert_validation=ca)
    with wsman, closing(Bare(peer, wsman, parent)) as bare:
        yield bare
