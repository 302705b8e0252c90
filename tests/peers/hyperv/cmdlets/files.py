"""Files and folders by Windows paths, on the host and in guests."""

from __future__ import annotations

import datetime
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

from tests.peers.hyperv import providers
from tests.peers.hyperv.failures import Failure, denied, not_found
from tests.peers.hyperv.files import Files, is_read_only, set_read_only
from tests.peers.hyperv.objects import Member, Thing, listed
from tests.peers.hyperv.registry import Call, cmdlet, is_pattern, matches

ATTRIBUTES = "System.IO.FileAttributes"


class Item(Thing):
    """A FileInfo or DirectoryInfo; setting IsReadOnly writes it."""

    def set(self, name: str, value: Any) -> None:
        """Set a property."""
        if name.lower() == "isreadonly":
            set_read_only(self.keep, bool(value))
        super().set(name, value)


def item(found: Path, windows: str) -> Item:
    """A file or folder as Get-Item tells it."""
    about = found.stat()
    kind = "Directory" if found.is_dir() else "File"
    flags = "Directory" if found.is_dir() else "ReadOnly, Archive" if is_read_only(found) else "Archive"
    written = datetime.datetime.fromtimestamp(about.st_mtime, datetime.UTC)
    plain = PureWindowsPath(windows)
    made = Item(
        f"System.IO.{kind}Info", "System.IO.FileSystemInfo", text=windows, keep=found, Name=found.name or windows,
        FullName=str(plain), Exists=True, Attributes=Member(ATTRIBUTES, flags, 33 if "ReadOnly" in flags else 32),
        CreationTimeUtc=written, LastWriteTime=written, LastWriteTimeUtc=written, Extension=plain.suffix,
        PSIsContainer=found.is_dir(),
    )  # fmt: skip
    if found.is_file():
        made.properties.update(Length=about.st_size, IsReadOnly=is_read_only(found), DirectoryName=str(plain.parent))
    return made


def places(call: Call, *, must: bool = True) -> Iterator[tuple[str, Path]]:
    """The paths a command is for; ``-Path`` is a pattern, ``-LiteralPath`` is not. What is not there is an error."""
    literal = "LiteralPath" in call.given
    for windows in listed(call.get("LiteralPath" if literal else "Path")):
        try:
            hits = [(windows, call.files.path(windows))] if literal or not is_pattern(windows) else list(
                _globbed(call.files, windows))  # fmt: skip
            if must and not literal and is_pattern(windows) and not hits:
                continue
            for each, found in hits:
                if must and not found.exists():
                    raise not_found(each)
                yield each, found
        except Failure as wrong:
            if not must:
                raise
            call.error(wrong)


def _globbed(files: Files, windows: str) -> Iterator[tuple[str, Path]]:
    plain = PureWindowsPath(windows)
    level = [plain.anchor]
    for part in plain.parts[1:]:
        nearer = []
        for each in level:
            folder = files.path(each)
            if not folder.is_dir():
                continue
            names = sorted(one.name for one in folder.iterdir())
            nearer += [str(PureWindowsPath(each) / name) for name in names if matches(part, name)]
        level = nearer
    for each in level:
        yield each, files.path(each)


@cmdlet("Get-Item", everywhere=True)
def get_item(call: Call) -> Iterator[Any]:
    """A file or folder; of WSMan: its quotas."""
    for each in listed(call.get("Path")):
        if each.lower().startswith("wsman:"):
            yield from quotas(call)
            return
    for windows, found in places(call):
        yield item(found, windows)


def quotas(call: Call) -> Iterator[Any]:
    """``WSMan:\\localhost\\Shell``."""
    shape = call.host.shape
    for name, value in (
        ("AllowRemoteShellAccess", "true"), ("IdleTimeout", "7200000"), ("MaxConcurrentUsers", "2147483647"),
        ("MaxShellRunTime", "2147483647"), ("MaxProcessesPerShell", "2147483647"),
        ("MaxMemoryPerShellMB", str(shape.memory)), ("MaxShellsPerUser", str(shape.shells)),
    ):  # fmt: skip
        yield Thing("Microsoft.WSMan.Management.WSManConfigLeafElement", text=name, Name=name, Value=value,
                    TypeNameOfElement="System.String")  # fmt: skip


@cmdlet("Get-ChildItem", everywhere=True)
def get_child_item(call: Call) -> Iterator[Any]:
    """What lies in a folder."""
    given = [str(each).lower() for each in listed(call.get("Path") or call.get("LiteralPath"))]
    if (drive := providers.of(call)) is not None:
        yield from drive.children(call)
        return
    if any(each.startswith("wsman:") for each in given):
        yield from quotas(call)
        return
    if any(each.startswith("env:") for each in given):
        for name, value in sorted(call.scope.session.get("env", {}).items()):
            yield Thing("System.Collections.DictionaryEntry", text=name, Name=name, Key=name, Value=value)
        return
    for windows, found in places(call):
        if found.is_file():
            yield item(found, windows)
            continue
        for each in _children(call, found):
            below = str(PureWindowsPath(windows) / str(each.relative_to(found)).replace("/", "\\"))
            yield each.name if call.switch("Name") else item(each, below)


def _children(call: Call, folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*") if call.switch("Recurse") else folder.iterdir())
    wanted = call.get("Filter", "*")
    return [
        each for each in found
        if matches(wanted, each.name) and (not call.switch("File") or each.is_file())
        and (not call.switch("Directory") or each.is_dir())
    ]  # fmt: skip


@cmdlet("Test-Path", everywhere=True)
def test_path(call: Call) -> Iterator[Any]:
    """Whether something is there; what cannot be reached is not."""
    kind = str(call.get("PathType", "Any")).lower()
    given = listed(call.get("LiteralPath") or call.get("Path"))
    for each in given:
        try:
            found = [
                hit
                for _, hit in places(
                    Call(call.command, call.set, {**call.given, _key(call): [each]}, call.scope, call.common),
                    must=False,
                )
            ]
        except Failure as wrong:
            if wrong.category == "PermissionDenied":
                call.error(wrong)
            found = []
        yield any(hit.exists() and (kind == "any" or hit.is_dir() == (kind == "container")) for hit in found)


def _key(call: Call) -> str:
    return "LiteralPath" if "LiteralPath" in call.given else "Path"


def taken_away(call: Call, windows: str, found: Path, *, force: bool, recurse: bool) -> None:
    """Remove a file or a tree; read-only files only by force, disks in use never."""
    if found.is_dir() and not found.is_symlink():
        children = sorted(found.iterdir())
        if children and not recurse:
            call.confirmed(f"The item at {windows} has children and the Recurse parameter was not specified", high=True)
        for each in children:
            taken_away(call, f"{windows}\\{each.name}", each, force=force, recurse=True)
        if call.files.read_only(windows):
            raise denied(windows, "RemoveFileSystemItemUnAuthorizedAccess")
        found.rmdir()
        return
    call.files.free(windows, found)
    if call.files.read_only(windows) or (is_read_only(found) and not force):
        raise Failure(
            f"Cannot remove item {windows}: You do not have sufficient access rights to perform this operation.",
            "RemoveFileSystemItemUnAuthorizedAccess", "PermissionDenied", windows, "System.IO.IOException",
        )  # fmt: skip
    found.unlink()


@cmdlet("Remove-Item", everywhere=True)
def remove_item(call: Call) -> None:
    """Files and folders."""
    if (drive := providers.of(call)) is not None:
        drive.remove(call)
        return
    for windows, found in list(places(call)):
        if call.switch("WhatIf"):
            continue
        try:
            taken_away(call, windows, found, force=call.switch("Force"), recurse=call.switch("Recurse"))
        except Failure as wrong:
            call.error(wrong)


@cmdlet("New-Item", everywhere=True)
def new_item(call: Call) -> Iterator[Any]:
    """A file or a folder with the folders above it."""
    kind = str(call.get("ItemType", "File")).lower()
    for base in listed(call.get("Path")):
        windows = f"{base}\\{call.get('Name')}" if "Name" in call.given else base
        found = call.files.path(windows)
        if call.files.read_only(windows):
            raise denied(windows, "NewItemUnauthorizedAccessError")
        if kind in ("directory", "container"):
            if found.exists() and not (call.switch("Force") and found.is_dir()):
                raise Failure(f"An item with the specified name {windows} already exists.", "DirectoryExist",
                              "ResourceExists", windows, "System.IO.IOException")  # fmt: skip
            found.mkdir(parents=True, exist_ok=True)
        else:
            if found.exists() and not call.switch("Force"):
                raise Failure(f"The file '{windows}' already exists.", "NewItemIOError", "WriteError", windows,
                              "System.IO.IOException")  # fmt: skip
            if not found.parent.is_dir():
                raise Failure(
                    f"Could not find a part of the path '{windows}'.",
                    "NewItemIOError",
                    "WriteError",
                    windows,
                    "System.IO.DirectoryNotFoundException",
                )
            found.write_text("" if call.get("Value") is None else str(call.get("Value")))
        yield item(found, windows)


@cmdlet("Move-Item", everywhere=True)
def move_item(call: Call) -> Iterator[Any]:
    """Rename, or move into a folder; an existing file is in the way."""
    for windows, found in places(call):
        wanted = call.get("Destination")
        target = call.files.path(wanted)
        if target.is_dir():
            target, wanted = target / found.name, f"{wanted}\\{found.name}"
        call.files.free(windows, found)
        if call.files.read_only(windows) or call.files.read_only(wanted):
            raise denied(windows, "MoveFileInfoItemUnauthorizedAccessError")
        if target.exists() and (not call.switch("Force") or target.is_dir()):
            raise Failure(
                "Cannot create a file when that file already exists.",
                "MoveFileInfoItemIOError",
                "WriteError",
                windows,
                "System.IO.IOException",
            )
        if not target.parent.is_dir():
            raise Failure("Could not find a part of the path.", "MoveFileInfoItemIOError", "WriteError", windows,
                          "System.IO.DirectoryNotFoundException")  # fmt: skip
        shutil.move(found, target)
        if call.switch("PassThru"):
            yield item(target, wanted)


@cmdlet("Rename-Item", everywhere=True)
def rename_item(call: Call) -> Iterator[Any]:
    """A new name in the same folder."""
    for windows, found in places(call):
        target = found.with_name(call.get("NewName"))
        call.files.free(windows, found)
        if target.exists():
            raise Failure("Cannot create a file when that file already exists.", "RenameItemIOError", "WriteError",
                          windows, "System.IO.IOException")  # fmt: skip
        found.rename(target)
        if call.switch("PassThru"):
            yield item(target, str(PureWindowsPath(windows).with_name(call.get("NewName"))))


@cmdlet("Copy-Item", everywhere=True)
def copy_item(call: Call) -> Iterator[Any]:
    """A file, or with -Recurse a folder."""
    if {"ToSession", "FromSession"} & set(call.given):
        raise Failure("The peer has no sessions to copy to.", "NotModelled", "NotImplemented", terminating=True)
    for _, found in places(call):
        wanted = call.get("Destination")
        target = call.files.path(wanted)
        if target.is_dir():
            target, wanted = target / found.name, f"{wanted}\\{found.name}"
        if call.files.read_only(wanted) or not call.switch("Force"):
            call.files.writable(wanted, "CopyFileInfoItemUnauthorizedAccessError")
        call.files.free(wanted, target)
        if found.is_dir():
            if call.switch("Recurse"):
                shutil.copytree(found, target, dirs_exist_ok=True)
            else:
                target.mkdir(exist_ok=True)
        else:
            if call.scope.place == "host":
                call.host.spend(found.stat().st_size)
            shutil.copyfile(found, target)
        if call.switch("PassThru"):
            yield item(target, wanted)


@cmdlet("Set-ItemProperty", everywhere=True)
def set_item_property(call: Call) -> None:
    """IsReadOnly, and no other property of a file."""
    if (drive := providers.of(call)) is not None:
        drive.set(call)
        return
    for windows, found in places(call):
        if call.get("Name").lower() != "isreadonly":
            raise Failure("The peer sets IsReadOnly of files only.", "NotModelled", "NotImplemented", windows)
        value = call.get("Value")
        set_read_only(found, value if isinstance(value, bool) else str(value).lower() in ("true", "1"))


@cmdlet("Get-Content", everywhere=True)
def get_content(call: Call) -> Iterator[Any]:
    """A file's lines, or with -Raw its text."""
    for _, found in places(call):
        text = found.read_bytes().decode("utf-8-sig", "replace")
        if call.switch("Raw"):
            yield text
            continue
        lines = text.splitlines()
        yield from lines[: call.get("TotalCount", len(lines))]


@cmdlet("Set-Content", everywhere=True)
def set_content(call: Call) -> None:
    """Write lines; a read-only file only by force."""
    for windows in listed(call.get("Path") or call.get("LiteralPath")):
        found = call.files.path(windows) if call.switch("Force") else call.files.writable(
            windows, "GetContentWriterUnauthorizedAccessError")  # fmt: skip
        if not found.parent.is_dir():
            raise not_found(windows, "GetContentWriterDirectoryNotFoundError")
        lines = [str(each) for each in listed(call.get("Value"))]
        found.write_bytes("\r\n".join([*lines, *([] if call.switch("NoNewline") else [""])]).encode())


@cmdlet("Get-FileHash", everywhere=True)
def get_file_hash(call: Call) -> Iterator[Any]:
    """SHA-256, unless another is asked for."""
    for windows, found in places(call):
        # A machine that runs on a child shares its parents with readers; a scanner shares with nobody.
        if call.scope.place == "host" and call.host.is_scanned(str(found)):
            said = f"The file '{windows}' cannot be read: it is being used by another process."
            raise Failure(said, "FileReadError", "ReadError", windows)
        name = call.get("Algorithm", "SHA256").upper()
        made = hashlib.new(name.lower())
        with found.open("rb") as file:
            while piece := file.read(1 << 20):
                made.update(piece)
        yield Thing(
            "Microsoft.Powershell.Utility.FileHash", Algorithm=name, Hash=made.hexdigest().upper(), Path=windows
        )


@cmdlet("Get-Acl", everywhere=True)
def get_acl(call: Call) -> Iterator[Any]:
    """Who owns it; the peer keeps no access lists."""
    for windows, _ in places(call):
        yield Thing(
            "System.Security.AccessControl.FileSecurity",
            Path=windows,
            Owner="BUILTIN\\Administrators",
            AccessToString="BUILTIN\\Administrators Allow  FullControl",
            Sddl="O:BAG:SYD:AI(A;ID;FA;;;BA)",
        )
