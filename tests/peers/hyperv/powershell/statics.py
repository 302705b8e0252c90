"""
The types of .NET that scripts may name, with their static members: what is allowed; everything else is refused.

Semantics from the .NET API reference. Paths are Windows paths; [System.IO.Path] works on their text, files are where
the runner's `path` says.
"""

from __future__ import annotations

import base64
import datetime
import io
import ntpath
import os
import shutil
import struct
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Thing, credential
from tests.peers.hyperv.powershell.streams import Digest, Named, Stream, called, open_stream, thrown
from tests.peers.hyperv.powershell.syntax import Refused
from tests.peers.hyperv.powershell.values import is_array, number_of, sized, text_of, truth, width_of
from tests.peers.hyperv.registry import matches

Method = Callable[..., Any]
PathOf = Callable[[str], Path]

ENUMERATIONS = {
    "system.io.filemode": ("CreateNew", "Create", "Open", "OpenOrCreate", "Truncate", "Append"),
    "system.io.fileaccess": ("Read", "Write", "ReadWrite"),
    "system.io.fileshare": ("None", "Read", "Write", "ReadWrite", "Delete"),
    "system.io.seekorigin": ("Begin", "Current", "End"),
    "system.io.fileattributes": ("ReadOnly", "Hidden", "System", "Directory", "Archive", "Normal"),
    "system.stringcomparison": ("Ordinal", "OrdinalIgnoreCase", "InvariantCulture", "InvariantCultureIgnoreCase"),
    "system.io.searchoption": ("TopDirectoryOnly", "AllDirectories"),
}
"""Members are handed about as their text, which every method that takes them understands."""

_CONSTANTS: dict[str, dict[str, Any]] = {
    "system.int32": {"maxvalue": 2**31 - 1, "minvalue": -(2**31)},
    "system.int64": {"maxvalue": sized("Int64", 2**63 - 1)},
    "system.uint64": {"maxvalue": sized("UInt64", 2**64 - 1)},
    "system.string": {"empty": ""},
    "system.guid": {"empty": uuid.UUID(int=0)},
    "system.environment": {"newline": "\r\n"},
    "system.text.encoding": {"utf8": "utf-8", "unicode": "utf-16-le", "ascii": "ascii"},
}
_SHORT = {
    "int": "system.int32", "long": "system.int64", "uint64": "system.uint64", "string": "system.string",
    "guid": "system.guid", "datetime": "system.datetime", "bool": "system.boolean", "convert": "system.convert",
    "math": "system.math", "bitconverter": "system.bitconverter", "exception": "system.exception",
    "array": "system.array", "timespan": "system.timespan",
}  # fmt: skip


class Encoding(Named):
    """[System.Text.Encoding]::UTF8 and its like."""

    def __init__(self, name: str) -> None:
        self.name = name

    def do_getbytes(self, text: Any) -> bytearray:
        return bytearray(text_of(text).encode(self.name, "replace"))

    def do_getstring(self, data: Any, offset: Any = 0, count: Any = None) -> str:
        whole = bytes(data)
        return whole[offset : len(whole) if count is None else offset + count].decode(self.name, "replace")


class Statics:
    """What ``[type]::member`` gives; `path` maps Windows paths."""

    def __init__(
        self, path: PathOf, busy: Callable[[Path], bool] = lambda path: False,
        meets: Callable[[str, Path], bool] = lambda method, path: False,
    ) -> None:  # fmt: skip
        """
        ``busy``: whether somebody has a file open who lets nobody move it; ``meets``: told of each file that is about
        to be read, replaced or deleted; whether it is to stop half-way.
        """
        self.path = path
        files = _Files(path, busy, meets)
        self.methods: dict[str, dict[str, Method]] = {
            "system.io.file": files.of_files(), "system.io.directory": files.of_folders(), "system.io.path": _PATHS,
            **_METHODS,
        }  # fmt: skip

    def knows(self, name: str) -> bool:
        """Whether the type is on the list."""
        full = full_name(name)
        return full in self.methods or full in ENUMERATIONS or full in _CONSTANTS or full in _MADE

    def get(self, name: str, member: str) -> Any:
        """``[name]::member``."""
        full, lower = full_name(name), member.lower()
        if full in ENUMERATIONS:
            found = next((each for each in ENUMERATIONS[full] if each.lower() == lower), None)
            if found:
                return found
        if full == "system.datetime" and lower in ("utcnow", "now"):
            return datetime.datetime.now(datetime.UTC if lower == "utcnow" else None)
        value = _CONSTANTS.get(full, {}).get(lower)
        if full == "system.text.encoding" and value:
            return Encoding(value)
        if value is None:
            raise Refused(f"[{name}]::{member} is not known here")
        return value

    def call(self, name: str, member: str, given: list[Any]) -> Any:
        """``[name]::member(given)``."""
        full, lower = full_name(name), member.lower()
        if lower == "new":
            return self.make(name, given)
        method = self.methods.get(full, {}).get(lower)
        if method is None:
            raise Refused(f"[{name}]::{member}() is not known here")
        return method(*given)

    def make(self, name: str, given: list[Any]) -> Any:
        """``[name]::new(given)`` and New-Object."""
        full = full_name(name)
        if full == "system.io.filestream":
            mapped = [text_of(each) for each in given]
            return open_stream(self.path(mapped[0]), mapped[0], mapped[1], *mapped[2:4], count=len(given))
        if full.endswith("[]") and len(given) == 1:
            count = int(number_of(given[0], "Int32"))
            return bytearray(count) if full in ("byte[]", "system.byte[]") else [None] * count
        if full not in _MADE:
            raise Refused(f"new [{name}] is not known here")
        return _MADE[full](*given)


def full_name(name: str) -> str:
    """In lower case, with its namespace."""
    lower = name.lower()
    lower = _SHORT.get(lower, lower)
    return lower if lower.startswith("system.") or lower.endswith("[]") else (
        f"system.{lower}" if lower.split(".")[0] in ("io", "text", "security") else lower)  # fmt: skip


def _exception(kind: str) -> Method:
    def make(message: Any = "", *_: Any) -> Thing:
        text = text_of(message)
        return Thing(kind, "System.Exception", text=text, Message=text, HResult=-2146233088, InnerException=None)

    return make


def _secret(*given: Any) -> Thing:
    return credential(text_of(given[0]), given[1])


_MADE: dict[str, Method] = {
    "system.io.filestream": _exception(""),  # made above, where the path is known
    "system.io.memorystream": lambda *given: Stream(io.BytesIO(bytes(given[0]) if given else b""), "",
                                                    "System.IO.MemoryStream"),
    "system.management.automation.pscredential": _secret,
    "pscredential": _secret,
    "system.guid": lambda what: uuid.UUID(bytes_le=bytes(what)) if is_array(what) else uuid.UUID(text_of(what)),
    **{f"system.{name.lower()}": _exception(f"System.{name}") for name in (
        "Exception", "IO.IOException", "InvalidOperationException", "ArgumentException", "IO.FileNotFoundException",
        "IO.DirectoryNotFoundException",
        "UnauthorizedAccessException", "NotSupportedException", "TimeoutException", "IO.InvalidDataException")},
}  # fmt: skip


class _Files:
    """[System.IO.File] and [System.IO.Directory]."""

    def __init__(self, path: PathOf, busy: Callable[[Path], bool], meets: Callable[[str, Path], bool]) -> None:
        self._path, self._busy, self._meets = path, busy, meets

    def path(self, name: str) -> Path:
        """Where it lies. .NET knows no drives of PowerShell's: a folder is missing where there is no such drive."""
        try:
            return self._path(name)
        except Failure as wrong:
            if wrong.fqid != "DriveNotFound":
                raise
            said = f"Could not find a part of the path '{name}'."
            raise thrown("Open", 1, "System.IO.DirectoryNotFoundException", said, -2147024893) from None

    def of_files(self) -> dict[str, Method]:
        return {
            "exists": lambda name: self._safe(name, Path.is_file),
            "openread": lambda name: open_stream(self.path(name), name, "Open", "Read"),
            "openwrite": lambda name: open_stream(self.path(name), name, "OpenOrCreate", "Write"),
            "create": lambda name: open_stream(self.path(name), name, "Create"),
            "open": lambda name, mode, access="", share="": open_stream(
                self.path(name), name, text_of(mode), text_of(access), text_of(share),
                count=2 + bool(access) + bool(share)),
            "readallbytes": lambda name: self._read(name, "ReadAllBytes"),
            "readalltext": lambda name, *_: self._read(name, "ReadAllText").decode("utf-8-sig"),
            "writeallbytes": lambda name, data: self._write(name, bytes(data), "WriteAllBytes"),
            "writealltext": lambda name, text, *_: self._write(name, text_of(text).encode(), "WriteAllText"),
            "delete": self._delete, "move": self._move,
            "copy": lambda one, two, over=False: self._copy(one, two, truth(over)),
            "replace": self._replace, "getattributes": self._attributes, "setattributes": self._set_attributes,
        }  # fmt: skip

    def of_folders(self) -> dict[str, Method]:
        return {
            "exists": lambda name: self._safe(name, Path.is_dir), "createdirectory": self._make_folder,
            "delete": self._delete_folder, "getfiles": lambda name, *more: self._list(name, "files", *more),
            "getdirectories": lambda name, *more: self._list(name, "folders", *more), "move": self._move,
        }  # fmt: skip

    def _safe(self, name: Any, test: Callable[[Path], bool]) -> bool:
        try:
            return bool(name) and test(self.path(text_of(name)))
        except (OSError, Failure):
            return False  # Exists never throws

    def _read(self, name: str, method: str) -> bytearray:
        path = self.path(name)
        self._meets(f"File.{method}", path)
        if not path.parent.is_dir():
            said = f"Could not find a part of the path '{name}'."
            raise thrown(method, 1, "System.IO.DirectoryNotFoundException", said, -2147024893)
        with open_stream(self.path(name), name, "Open", "Read").file as file, called(method, 1, name):
            return bytearray(file.read())

    def _write(self, name: str, data: bytes, method: str) -> None:
        with called(method, 2, name), open_stream(self.path(name), name, "Create", count=2).file as file:
            file.write(data)

    def _delete(self, name: str) -> None:
        path = self.path(name)
        self._meets("File.Delete", path)
        if self._busy(path):
            raise thrown("Delete", 1, "System.IO.IOException", f"The process cannot access the file '{name}' because "
                         "it is being used by another process.", -2147024864)  # fmt: skip
        with called("Delete", 1, name):
            if path.exists() and not path.stat().st_mode & 0o200:
                raise PermissionError(13, "read-only", name)
            path.unlink(missing_ok=True)

    def _move(self, one: str, two: str) -> None:
        source, target = self.path(one), self.path(two)
        with called("Move", 2, one):
            if target.exists():
                raise thrown("Move", 2, "System.IO.IOException",
                             "Cannot create a file when that file already exists.", -2147024713)  # fmt: skip
            if not source.exists():
                raise FileNotFoundError(2, "missing", one)
            if self._busy(source):
                raise thrown("Move", 2, "System.IO.IOException", "The process cannot access the file because it is "
                             "being used by another process.", -2147024864)  # fmt: skip
            source.rename(target)

    def _copy(self, one: str, two: str, over: bool) -> None:
        source, target = self.path(one), self.path(two)
        with called("Copy", 3, one):
            if target.exists() and not over:
                raise thrown("Copy", 3, "System.IO.IOException", f"The file '{two}' already exists.", -2147024816)
            shutil.copyfile(source, target)

    def _replace(self, one: str, two: str, backup: Any = None) -> None:
        source, target = self.path(one), self.path(two)
        half = self._meets("File.Replace", target)
        with called("Replace", 3, two):
            if not target.exists():
                raise FileNotFoundError(2, "missing", two)
            if self._busy(target):
                raise thrown("Replace", 3, "System.IO.IOException", "Unable to remove the file to be replaced.",
                             -2147023721)  # fmt: skip
            if backup:
                target.rename(self.path(text_of(backup)))
            if half:
                raise thrown("Replace", 3, "System.IO.IOException", "The file cannot be moved to its place.",
                             -2147023719)  # fmt: skip
            source.replace(target)

    def _attributes(self, name: str) -> str:
        with called("GetAttributes", 1, name):
            found = self.path(name).stat()
        return "Directory" if self.path(name).is_dir() else "Archive" if found.st_mode & 0o200 else "ReadOnly, Archive"

    def _set_attributes(self, name: str, attributes: Any) -> None:
        with called("SetAttributes", 2, name):
            self.path(name).chmod(0o444 if "readonly" in text_of(attributes).lower() else 0o644)

    def _make_folder(self, name: str) -> Thing:
        with called("CreateDirectory", 1, name):
            self.path(name).mkdir(parents=True, exist_ok=True)
        return Thing("System.IO.DirectoryInfo", text=name, FullName=name, Name=ntpath.basename(name))

    def _delete_folder(self, name: str, all_of_it: Any = False) -> None:
        with called("Delete", 2, name):
            if truth(all_of_it):
                shutil.rmtree(self.path(name))
            else:
                self.path(name).rmdir()

    def _list(self, name: str, what: str, pattern: str = "*", *more: Any) -> list[str]:
        if more:
            raise Refused("listing a folder with options")
        if not self._safe(name, Path.is_dir):
            raise thrown("GetFiles", 1, "System.IO.DirectoryNotFoundException",
                         f"Could not find a part of the path '{name}'.", -2147024893)  # fmt: skip
        with called("GetFiles", 1, name):
            found = sorted(os.scandir(self.path(name)), key=lambda entry: entry.name)
        return [ntpath.join(name, each.name) for each in found
                if (each.is_dir() == (what == "folders")) and matches(pattern, each.name)]  # fmt: skip


_PATHS: dict[str, Method] = {
    "combine": lambda *parts: ntpath.join(*(text_of(each) for each in parts)),
    "getfilename": lambda path: ntpath.basename(text_of(path)),
    "getdirectoryname": lambda path: ntpath.dirname(text_of(path)) or None,
    "getextension": lambda path: ntpath.splitext(text_of(path))[1],
    "getfilenamewithoutextension": lambda path: ntpath.splitext(ntpath.basename(text_of(path)))[0],
    "changeextension": lambda path, other: ntpath.splitext(text_of(path))[0] + (
        "" if other is None else "." + text_of(other).removeprefix(".")),
    "getfullpath": lambda path: ntpath.normpath(text_of(path)),
    "ispathrooted": lambda path: bool(ntpath.splitdrive(text_of(path))[0] or text_of(path)[:1] in ("\\", "/")),
    "getpathroot": lambda path: "".join(ntpath.splitroot(text_of(path))[:2]) if hasattr(ntpath, "splitroot") else (
        ntpath.splitdrive(text_of(path))[0] + "\\"),
    "gettemppath": lambda: "C:\\Windows\\Temp\\",
}  # fmt: skip


def _unpacked(format_: str, width: str) -> Method:
    size = struct.calcsize(format_)

    def read(data: Any, at: Any) -> int:
        raw = bytes(data)[at : at + size]
        if len(raw) < size:
            raise thrown(f"To{width}", 2, "System.ArgumentException", "Destination array is not long enough to copy "
                         "all the items in the collection. Check array index and length.")  # fmt: skip
        return sized(width, struct.unpack(format_, raw)[0])

    return read


def _packed(value: Any) -> bytearray:
    width = width_of(value)
    sign = {"Int16": "<h", "UInt16": "<H", "Int32": "<i", "UInt32": "<I", "Int64": "<q", "UInt64": "<Q"}.get(str(width))
    if sign is None:
        raise Refused(f"BitConverter.GetBytes of {text_of(value)}")
    return bytearray(struct.pack(sign, value))


def _joined(separator: Any, *parts: Any) -> str:
    values = parts[0] if len(parts) == 1 and is_array(parts[0]) else parts
    return text_of(separator).join(text_of(each) for each in values)


def _hexed(data: Any, at: Any = 0, count: Any = None) -> str:
    return "-".join(f"{each:02X}" for each in bytes(data)[at : None if count is None else at + count])


def _decoded(text: Any) -> bytearray:
    try:
        return bytearray(base64.b64decode(text_of(text), validate=True))
    except ValueError:
        raise thrown("FromBase64String", 1, "System.FormatException", "The input is not a valid Base-64 string as it "
                     "contains a non-base 64 character, more than two padding characters, or an illegal character "
                     "among the padding characters.") from None  # fmt: skip


def _copied(source: Any, from_: Any, target: Any, to: Any, count: Any) -> None:
    target[to : to + count] = source[from_ : from_ + count]


_METHODS: dict[str, dict[str, Method]] = {
    "system.convert": {
        "tobase64string": lambda data, at=0, count=None: base64.b64encode(
            bytes(data)[at : None if count is None else at + count]).decode(),
        "frombase64string": _decoded,
        "toint64": lambda value: number_of(value, "Int64"), "toint32": lambda value: number_of(value, "Int32"),
    },
    "system.bitconverter": {
        "toint16": _unpacked("<h", "Int16"), "touint16": _unpacked("<H", "UInt16"), "toint32": _unpacked("<i", "Int32"),
        "touint32": _unpacked("<I", "UInt32"), "toint64": _unpacked("<q", "Int64"),
        "touint64": _unpacked("<Q", "UInt64"), "getbytes": _packed, "tostring": _hexed,
    },
    "system.guid": {
        "newguid": uuid.uuid4, "parse": lambda text: uuid.UUID(text_of(text)),
    },
    "system.string": {
        "isnullorempty": lambda value: not text_of(value),
        "isnullorwhitespace": lambda value: not text_of(value).strip(),
        "join": _joined,
        "equals": lambda one, two, how="Ordinal": text_of(one).casefold() == text_of(two).casefold()
        if text_of(how).lower().endswith("ignorecase") else text_of(one) == text_of(two),
    },
    "system.math": {"min": min, "max": max, "floor": lambda value: float(int(value // 1)), "abs": abs},
    "system.array": {
        "copy": lambda *given: _copied(*given) if len(given) == 5 else _copied(given[0], 0, given[1], 0, given[2]),
        "reverse": lambda array: array.reverse(),
    },
    "system.buffer": {"blockcopy": _copied},
    "system.security.cryptography.sha256": {"create": Digest},
    "system.timespan": {"fromseconds": lambda value: datetime.timedelta(seconds=value)},
    "system.io.stream": {}, "system.datetime": {}, "system.environment": {}, "system.boolean": {},
}  # fmt: skip
