"""Virtual disks on a host: what is known of them, differencing children, and whole copies by the host's own service."""

from __future__ import annotations

import base64
import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from golden.errors import Conflict, EndpointError, NotFound, Refused, Tampered, TimedOut
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv import vhdx
from golden_hyperv.faults import is_in_use
from golden_hyperv.line import Line, insisted
from golden_hyperv.remoting import Command, RemoteError

COPYING = 6 * 3600.0
"""Seconds a copy of a whole disk, or reading one whole, may take."""
LETTING_GO = 60.0
"""Seconds a file may stay in use after what used it has ended."""
TICK = 0.2
VIRTUALIZATION = "root/virtualization/v2"
STARTED = 4096
DYNAMIC, VHDX = 3, 3
"""Type and Format of Msvm_VirtualHardDiskSettingData."""
GOING = (2, 3, 4, 5, 6)
"""JobState New, Starting, Running, Suspended, ShuttingDown."""
DONE = 7


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a disk file without reading it whole."""

    path: str
    length: int
    written: int
    read_only: bool
    identity: str
    """The data-write GUID of its valid header; empty where neither is valid."""

    @property
    def stamp(self) -> str:
        """Cheap identity: any write changes it."""
        return f"{self.identity},{self.length},{self.written}"


@dataclass(frozen=True, slots=True)
class Shape:
    """What Get-VHD tells."""

    path: str
    format: str
    type: str
    size: int
    """Bytes the guest sees."""
    allocated: int
    parent: str


class Disks:
    """Acts on disk files of one host."""

    def __init__(self, line: Line, watcher: Watcher) -> None:
        """For one connection."""
        self._line = line
        self._watcher = watcher

    def known(self, paths: tuple[str, ...]) -> tuple[Known, ...]:
        """NotFound where one is missing, Tampered where one is no VHDX any more."""
        found = []
        for told in self._line.run("file_facts", Path=list(paths)):
            path = str(told["Path"])
            if not told["Exists"]:
                raise NotFound(f"the disk {path} is not there", hint="golden doctor")
            header = vhdx.current(base64.b64decode(str(told["Headers"])))
            if header is None:
                raise Tampered(f"{path} has no valid header of a VHDX any more", hint="golden doctor")
            found.append(
                Known(path, int(told["Length"]), int(told["Written"]), bool(told["ReadOnly"]), str(header.data_write))
            )
        return tuple(found)

    def shape(self, path: str) -> Shape:
        """NotFound where there is no such disk."""
        (told,) = self._line.ask(
            Command("Get-VHD", {"Path": path}),
            Command("Select-Object", {"Property": ["Path", "VhdFormat", "VhdType", "Size", "FileSize", "ParentPath"]}),
        )
        return Shape(
            path,
            str(told["VhdFormat"]),
            str(told["VhdType"]),
            int(told["Size"]),
            int(told["FileSize"]),
            str(told.get("ParentPath") or ""),
        )

    def must_be_whole(self, paths: tuple[str, ...], what: str) -> None:
        """Tampered where Test-VHD finds a chain broken: a parent was written to, moved, or is gone."""
        for path in paths:
            try:
                whole = self._line.ask(Command("Test-VHD", {"Path": path}))
                words = "Test-VHD says False"
            except RemoteError as error:
                whole, words = [], error.message
            if not whole or not all(whole):
                raise Tampered(
                    f"{what}: the chain of disks below {path} is broken", details=words, hint="golden doctor"
                )

    def child(self, parent: str, path: str) -> None:
        """A new differencing disk. Looked for where the answer was lost."""

        def made() -> None:
            if self.is_there(path) and self.shape(path).parent.casefold() == parent.casefold():
                return
            self._line.tell(Command("New-VHD", {"Path": path, "ParentPath": parent, "Differencing": True}))

        insisted(made)

    def is_there(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(self._line.ask(Command("Test-Path", {"LiteralPath": path}))[-1])

    def copy(self, source: str, target: str, noted: Callable[[str], None]) -> None:
        """
        One flat file of a disk with all its parents; ``noted`` is told the job that does it, as soon as it is known.

        By the host's management service, whose jobs outlive the session; by Convert-VHD where it has no such service.
        """

        def made() -> None:
            self.settle("", target)
            try:
                (begun,) = self._line.run_once("convert_begin", Source=source, Setting=setting(target))
            except RemoteError as error:
                if not error.is_a("CommandNotFoundException") and error.category not in (
                    "ObjectNotFound",
                    "MetadataError",
                ):
                    raise
                self._convert(source, target)
                return
            self._follow(int(begun["Code"]), str(begun["Job"] or ""), source, noted)

        insisted(made)
        shape = self.shape(target)
        if shape.parent or shape.type == "Differencing":
            raise EndpointError(f"the copy {target} still hangs on {shape.parent}", hint="golden resume")
        self.must_be_whole((target,), "copying a disk")

    def _convert(self, source: str, target: str) -> None:
        wanted = {"Path": source, "DestinationPath": target, "VHDType": "Dynamic"}
        self._line.tell(Command("Convert-VHD", wanted), deadline=Deadline(COPYING))

    def _follow(self, code: int, job: str, source: str, noted: Callable[[str], None]) -> None:
        if code not in (0, STARTED):
            raise EndpointError(f"the host does not copy {source}", details=f"ConvertVirtualHardDisk returned {code}")
        if code == STARTED and job:
            noted(job)
            self.wait_for(job, f"the copy of {source}")

    def wait_for(self, job: str, what: str) -> None:
        """Until a storage job is over. Raises its error; one that the host has forgotten is over, too."""
        waiting = Waiting(Deadline(COPYING), tick=TICK, watcher=self._watcher)

        def over() -> Any:
            found = next((one for one in self.jobs() if str(one["InstanceID"]) == job), None)
            if found is None:
                return True
            self._watcher.progress(what, int(found.get("PercentComplete") or 0), 100)
            return None if int(found["JobState"]) in GOING else found

        ended = waiting.until(f"{what} to end", over)
        if ended is not True and int(ended["JobState"]) != DONE:
            words = str(ended.get("ErrorDescription") or f"JobState {ended['JobState']}")
            code = int(ended.get("ErrorCode") or 0)
            kind = Refused if code & 0xFFFF in (0x70, 0x27) else EndpointError
            raise kind(f"{what} did not work", details=f"{words} (error {code})")

    def jobs(self) -> list[Any]:
        """The host's storage jobs, those that ended within the last five minutes included (facts 3.5)."""
        wanted = ["InstanceID", "JobState", "PercentComplete", "ErrorCode", "ErrorDescription"]
        return self._line.ask(
            Command("Get-CimInstance", {"Namespace": VIRTUALIZATION, "ClassName": "Msvm_StorageJob"}),
            Command("Select-Object", {"Property": wanted}),
        )

    def settle(self, job: str, target: str) -> None:
        """Nothing works on a half-made copy any more, and it is gone."""
        if job:
            with contextlib.suppress(EndpointError, RemoteError, TimedOut):  # It failed, so nothing works on it.
                self.wait_for(job, f"the copy {target}")
        self.clear((target,))

    def clear(self, paths: tuple[str, ...]) -> None:
        """Take files and folders away, absent is success; what is still in use is waited for."""
        last: list[RemoteError] = []

        def gone() -> bool:
            try:
                self._line.run("clear_away", Path=list(paths))
            except RemoteError as error:
                if not is_in_use(error):
                    raise
                last[:] = [error]
                return False
            return True

        limit = LETTING_GO if gone() else self._patience()
        waiting = Waiting(Deadline(limit), tick=0.5, watcher=self._watcher)
        try:
            waiting.until(f"{paths[0]} to be let go of", gone)
        except TimedOut as error:
            raise Conflict(f"{paths[0]} is in use on the host", details=str(last[0]) if last else None) from error

    def _patience(self) -> float:
        """A copy whose job nobody wrote down may still work on a file; it is not told which."""
        try:
            going = any(int(one["JobState"]) in GOING for one in self.jobs())
        except RemoteError:
            going = False
        return COPYING if going else LETTING_GO

    def freeze(self, path: str, target: str, *, read_only: bool) -> None:
        """Rename a disk and set or take its read-only attribute; done already is success."""
        self._line.run("freeze_file", Path=path, Final=target, ReadOnly=read_only)

    def sha256(self, path: str) -> str:
        """Of the whole file, read on the host."""
        self._watcher.doing(f"reading {path}")
        (told,) = self._line.ask(
            Command("Get-FileHash", {"LiteralPath": path, "Algorithm": "SHA256"}),
            Command("Select-Object", {"Property": ["Hash"]}),
            deadline=Deadline(COPYING),
        )
        return str(told["Hash"]).lower()

    def free(self, folder: str) -> int | None:
        """Bytes free where a folder lies; None where the host does not tell."""
        try:
            told = self._line.run("free_space", Folder=folder)
        except RemoteError:
            return None
        return int(told[-1]["Free"]) if told and told[-1].get("Free") is not None else None

    def must_hold(self, folder: str, size: int, what: str) -> None:
        """Refused where there is no room for so many bytes."""
        free = self.free(folder)
        if free is not None and free < size:
            raise Refused(
                f"there is no room for {what}: it may take {size >> 20} MiB, {folder} has {free >> 20} MiB free",
                hint="golden gc, golden prune, or folder = on another volume",
            )


def setting(target: str) -> str:
    """What a copy is to be, as the service takes it: an embedded instance in CIM-XML. Data, not script."""
    instance = ET.Element("INSTANCE", CLASSNAME="Msvm_VirtualHardDiskSettingData")
    for name, kind, value in (("Path", "string", target), ("Type", "uint16", DYNAMIC), ("Format", "uint16", VHDX)):
        one = ET.SubElement(instance, "PROPERTY", NAME=name, TYPE=kind)
        ET.SubElement(one, "VALUE").text = str(value)
    return ET.tostring(instance, encoding="unicode")
