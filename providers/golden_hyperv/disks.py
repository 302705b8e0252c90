"""Virtual disks on a host: what is known of them, differencing children, and whole copies by the host's own service."""

from __future__ import annotations

import base64
import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from golden.errors import Conflict, EndpointError, NotFound, Refused, Tampered, TimedOut
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv import vhdx
from golden_hyperv.faults import is_broken, is_in_use, of_host, words_of
from golden_hyperv.line import Line, insisted, must_be_in_reach
from golden_hyperv.remoting import Command, RemoteError
from golden_hyperv.storage_jobs import STARTED, JobForgotten, StorageJobs

COPYING = 6 * 3600.0
"""Seconds a copy of a whole disk, or reading one whole, may take."""
LETTING_GO = 60.0
"""Seconds a file may stay in use after what used it has ended."""
DYNAMIC, VHDX = 3, 3
"""Type and Format of Msvm_VirtualHardDiskSettingData."""
T = TypeVar("T")
COPIES = 3
"""Times a copy is begun before a host that forgets them is given up."""


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
        self._jobs = StorageJobs(line, watcher, COPYING)

    def known(self, paths: tuple[str, ...]) -> tuple[Known, ...]:
        """NotFound where one is missing, Tampered where one is no VHDX any more."""
        found = []
        for told in self.once_free(paths[0], lambda: self._line.run("file_facts", Path=list(paths))):
            path = str(told["Path"])
            if not told["Exists"]:
                must_be_in_reach(self._line, path)
                raise NotFound(f"the disk {path} is not there", hint="golden doctor")
            header = vhdx.current(base64.b64decode(str(told["Headers"])))
            if header is None:
                raise Tampered(f"{path} has no valid header of a VHDX any more", hint="golden doctor")
            found.append(
                Known(path, int(told["Length"]), int(told["Written"]), bool(told["ReadOnly"]), str(header.data_write))
            )
        return tuple(found)

    def shape(self, path: str) -> Shape:
        """NotFound where there is no such disk; one that is in use is waited for."""
        return self.once_free(path, lambda: self.shape_now(path))

    def shape_now(self, path: str) -> Shape:
        """The same without patience."""
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
        """
        Tampered where Test-VHD finds a chain broken: a parent was written to, moved, or is gone. What it cannot say
        for another reason is that reason's error; a file that is in use is waited for.
        """
        for path in paths:
            try:
                whole = self._tested(path)
            except RemoteError as error:
                if not is_broken(error):
                    raise of_host(f"{what}: testing {path}", error) from error
                raise _broken(path, what, words_of(error)) from error
            if not whole or not all(whole):
                raise _broken(path, what, "Test-VHD says False")

    def problem_below(self, path: str) -> str:
        """The host's words about a chain that it cannot follow to its end; empty for one that is sound."""
        try:
            return "" if all(self._line.ask(Command("Test-VHD", {"Path": path}))) else "Test-VHD says False"
        except RemoteError as error:
            return words_of(error)

    def _tested(self, path: str) -> list[bool]:
        return self.once_free(path, lambda: self._line.ask(Command("Test-VHD", {"Path": path})))

    def once_free(self, path: str, act: Callable[[], T]) -> T:
        """
        What ``act`` gives, once nobody else has the file open: a virus scanner, a backup or the management service
        itself holds it for a moment after a machine is gone. Conflict where it is not let go of.
        """
        last: list[RemoteError] = []

        def done() -> tuple[T] | None:
            try:
                return (act(),)
            except RemoteError as error:
                if not is_in_use(error):
                    raise
                last[:] = [error]
                return None

        waiting = Waiting(Deadline(LETTING_GO), tick=0.5, watcher=self._watcher)
        try:
            return waiting.until(f"{path} to be let go of", done)[0]
        except TimedOut as error:
            raise Conflict(f"{path} is in use on the host", details=words_of(last[0])) from error

    def child(self, parent: str, path: str) -> None:
        """A new differencing disk. Looked for where the answer was lost."""

        def made() -> None:
            if self.is_there(path) and self.shape(path).parent.casefold() == parent.casefold():
                return
            self._line.tell(Command("New-VHD", {"Path": path, "ParentPath": parent, "Differencing": True}))

        insisted(lambda: self.once_free(parent, made))

    def is_there(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(self._line.ask(Command("Test-Path", {"LiteralPath": path}))[-1])

    def copy(self, source: str, target: str, noted: Callable[[str], None]) -> None:
        """
        One flat file of a disk with all its parents; ``noted`` is told the job that does it, as soon as it is known.

        By the host's management service, whose jobs outlive the session; by Convert-VHD where it has no such service.
        """

        self._made_whole(source, target, noted)
        shape = self.shape(target)
        if shape.parent or shape.type == "Differencing":
            raise EndpointError(f"the copy {target} still hangs on {shape.parent}", hint="golden resume")
        self.must_be_whole((target,), "copying a disk")

    def _made_whole(self, source: str, target: str, noted: Callable[[str], None]) -> None:
        """
        Copied until the host itself has said that a copy is complete, a few times at most.

        A host that restarted forgets its jobs and leaves what they wrote, and a dynamic VHDX written half-way has a
        valid header, its full size and no parent: no look at it tells that it is half.
        """
        last: JobForgotten | None = None
        for _ in range(COPIES):
            try:
                insisted(lambda: self._begun(source, target, noted))
            except JobForgotten as error:
                last = error
                self._watcher.doing(f"copying {source} again: the host forgot the copy it had begun")
            else:
                return
        self.settle("", target)
        raise EndpointError(
            f"the host does not finish a copy of {source}: {COPIES} times it forgot what it had begun",
            details=str(last),
            hint="does the host or its service vmms restart, or has it gone down? golden resume",
        ) from last

    def _begun(self, source: str, target: str, noted: Callable[[str], None]) -> None:
        self.settle("", target)
        try:
            (begun,) = self._line.run_once("convert_begin", Source=source, Setting=setting(target))
        except RemoteError as error:
            if not error.is_a("CommandNotFoundException") and error.category not in ("ObjectNotFound", "MetadataError"):
                raise
            self._convert(source, target)
            return
        self._follow(int(begun["Code"]), str(begun["Job"] or ""), source, noted)

    def _convert(self, source: str, target: str) -> None:
        wanted = {"Path": source, "DestinationPath": target, "VHDType": "Dynamic"}
        self._line.tell(Command("Convert-VHD", wanted), deadline=Deadline(COPYING))

    def _follow(self, code: int, job: str, source: str, noted: Callable[[str], None]) -> None:
        if code not in (0, STARTED):
            raise EndpointError(f"the host does not copy {source}", details=f"ConvertVirtualHardDisk returned {code}")
        if code == STARTED:
            if not job:
                raise EndpointError(f"the host copies {source} and does not say in which job", hint="golden resume")
            noted(job)
            self._jobs.wait_for(job, f"the copy of {source}")

    def settle(self, job: str, target: str) -> None:
        """Nothing works on a half-made copy any more, and it is gone."""
        if job:
            with contextlib.suppress(EndpointError, RemoteError, TimedOut):  # It failed, so nothing works on it.
                self._jobs.wait_for(job, f"the copy {target}")
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
        return COPYING if self._jobs.is_any_going() else LETTING_GO

    def freeze(self, path: str, target: str, *, read_only: bool) -> None:
        """Rename a disk and set or take its read-only attribute; done already is success."""
        self.once_free(path, lambda: self._line.run("freeze_file", Path=path, Final=target, ReadOnly=read_only))

    def sha256(self, path: str) -> str:
        """Of the whole file, read on the host."""
        self._watcher.doing(f"reading {path}")
        hashing = Command("Get-FileHash", {"LiteralPath": path, "Algorithm": "SHA256"})
        select = Command("Select-Object", {"Property": ["Hash"]})
        (told,) = self.once_free(path, lambda: self._line.ask(hashing, select, deadline=Deadline(COPYING)))
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


def _broken(path: str, what: str, words: str) -> Tampered:
    return Tampered(f"{what}: the chain of disks below {path} is broken", details=words, hint="golden doctor")


def setting(target: str) -> str:
    """What a copy is to be, as the service takes it: an embedded instance in CIM-XML. Data, not script."""
    instance = ET.Element("INSTANCE", CLASSNAME="Msvm_VirtualHardDiskSettingData")
    for name, kind, value in (("Path", "string", target), ("Type", "uint16", DYNAMIC), ("Format", "uint16", VHDX)):
        one = ET.SubElement(instance, "PROPERTY", NAME=name, TYPE=kind)
        ET.SubElement(one, "VALUE").text = str(value)
    return ET.tostring(instance, encoding="unicode")
