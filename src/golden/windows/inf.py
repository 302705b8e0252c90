"""
INF files: what they say, and which files belong to the driver package they describe. docs/facts: windows 5.2.

``parse`` takes bytes and does no reading; ``bundle`` looks for every file before anything touches a guest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from golden.errors import UsageError

SIGNATURES = ("$windows nt$", "$chicago$")
DECORATIONS = {"x86_64": "amd64", "arm64": "arm64", "x86": "x86"}
"""golden's name of an architecture to the one that INF files use."""
_PLATFORMS = {"ntamd64": "x86_64", "ntarm64": "arm64", "ntx86": "x86", "ntia64": "ia64", "ntarm": "arm"}
_TOKEN = re.compile(r"%([^%\r\n]*)%")
_BEFORE = {mark: re.compile(rf'(?:[^"{mark}]++|"[^"]*+(?:"|\Z))*+') for mark in ";=,"}
"""What stands before a mark outside quotes; a quote that is never closed goes to the end."""
_MOST_BYTES = 16 << 20


class Entry(NamedTuple):
    """One line of a section: ``key = values`` or values alone (key is then empty)."""

    key: str
    values: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Inf:
    """An INF file's sections by name in lower case; tokens are kept as written."""

    sections: dict[str, tuple[Entry, ...]]
    strings: dict[str, str] = field(default_factory=dict)

    def section(self, name: str) -> tuple[Entry, ...]:
        """The lines of a section, in any case; none where there is no such section."""
        return self.sections.get(name.lower(), ())

    def value(self, section: str, key: str) -> str:
        """The first value of a key with its tokens replaced; empty where there is none."""
        for entry in self.section(section):
            if entry.key.lower() == key.lower() and entry.values:
                return self.text(entry.values[0])
        return ""

    def text(self, raw: str) -> str:
        """A value with ``%token%`` replaced from [Strings]; an unknown token stays as it is."""
        return _TOKEN.sub(lambda met: self._token(met), raw)

    def _token(self, met: re.Match[str]) -> str:
        return "%" if not met.group(1) else self.strings.get(met.group(1).strip().lower(), met.group(0))

    @property
    def driver_class(self) -> str:
        """The device class, e.g. ``Net``."""
        return self.value("version", "class")

    @property
    def provider(self) -> str:
        """Who provides it."""
        return self.value("version", "provider")

    @property
    def driver_version(self) -> str:
        """The version part of DriverVer (the date before it is in US order)."""
        for entry in self.section("version"):
            if entry.key.lower() == "driverver":
                return self.text(entry.values[-1]) if len(entry.values) > 1 else ""
        return ""

    @property
    def architectures(self) -> tuple[str, ...]:
        """Those that [Manufacturer] decorates its models with, as golden names them; empty where undecorated."""
        found: dict[str, None] = {}
        for entry in self.section("manufacturer"):
            for decoration in entry.values[1:]:
                platform = self.text(decoration).split(".")[0].strip().lower()
                if name := _PLATFORMS.get(platform):
                    found[name] = None
                elif platform == "nt":
                    found["x86"] = None
        return tuple(found)

    def has_undecorated_models(self) -> bool:
        """Whether some models are named without any architecture, which is fit for x86 only."""
        return any(len(entry.values) == 1 for entry in self.section("manufacturer"))


def parse(data: bytes, name: str = "the file") -> Inf:
    """An INF from its bytes (UTF-16 or UTF-8 with or without mark, or ANSI). UsageError where it is none."""
    if not data.strip(b"\xff\xfe\xef\xbb\xbf\0 \t\r\n"):
        raise UsageError(f"{name} is empty", hint="name the driver's .inf file")
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{name} is too large for an INF file: {len(data)} bytes")
    merged: dict[str, list[Entry]] = {}
    current: list[Entry] = []
    for number, line in _joined(_decoded(data)):
        if line.startswith("["):
            current = merged.setdefault(line[1:].partition("]")[0].strip().lower(), [])
        else:
            current.append(_entry(line, number))
    inf = Inf({section: tuple(entries) for section, entries in merged.items()}, _strings(merged))
    _check_signature(inf, name)
    return inf


def _check_signature(inf: Inf, name: str) -> None:
    signature = inf.value("version", "signature")
    if not inf.section("version"):
        raise UsageError(f"{name} is no INF file: it has no [Version] section", hint="name the driver's .inf file")
    if signature.lower() not in SIGNATURES:
        said = f"its Signature is {signature!r}" if signature else "its [Version] has no Signature"
        raise UsageError(f"{name} is no INF file for Windows: {said}", hint='it must be "$Windows NT$" or "$Chicago$"')


def _decoded(data: bytes) -> str:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    if b"\0" in data[:2]:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """(number, content) of each logical line: comments taken off, continued lines joined, empty ones left out."""
    kept, start = "", 0
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = _bare(raw)
        start = start if kept else number
        if line.endswith("\\") and not line.startswith("["):
            kept += line[:-1].rstrip() + " "
            continue
        whole = (kept + line).strip()
        kept = ""
        if whole:
            yield start, whole
    if kept.strip():
        yield start, kept.strip()


def _bare(line: str) -> str:
    """A line without its comment; a semicolon inside quotes begins none."""
    return (line[: _end(line, ";")] if ";" in line else line).strip()


def _entry(line: str, number: int) -> Entry:
    at = _end(line, "=")
    key, begin = ("", 0) if at == len(line) else (_unquoted(line[:at]), at + 1)
    values = []
    while (comma := _end(line, ",", begin)) < len(line):
        values.append(_unquoted(line[begin:comma]))
        begin = comma + 1
    return Entry(key, (*values, _unquoted(line[begin:])), number)


def _end(text: str, mark: str, begin: int = 0) -> int:
    """Where a mark first stands outside quotes; the end of the text where it does not."""
    at = text.find(mark, begin)
    if at < 0:
        return len(text)
    if text.find('"', begin, at) < 0:
        return at
    met = _BEFORE[mark].match(text, begin)
    return met.end() if met else begin


def _unquoted(text: str) -> str:
    text = text.strip()
    if '"' not in text:
        return text
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text.replace('""', "\0").replace('"', "").replace("\0", '"')


def _strings(merged: dict[str, list[Entry]]) -> dict[str, str]:
    """[Strings]; a [Strings.LANG] fills in only what the plain section does not have."""
    found: dict[str, str] = {}
    for name in sorted(merged, key=lambda name: (name != "strings", name)):
        if name == "strings" or name.startswith("strings."):
            for entry in merged[name]:
                if entry.key:
                    found.setdefault(entry.key.lower(), ", ".join(entry.values))
    return found
