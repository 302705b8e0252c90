"""
Registry files: .reg, imported by ``reg import`` and proved value by value in the hives. docs/facts: windows 5.6.

Only what lies in a hive on disk and belongs to the computer is taken: below HKEY_CURRENT_USER it would be written for
the account that golden comes in as, which is not the one that was meant.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from golden.disk.hive import Data, Hive, Value
from golden.disk.source import Files
from golden.errors import ProofFailed, UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline
from golden.windows.changes.payload import head, looks_like
from golden.windows.changes.servicing import hive
from golden.windows.dialect import SYSTEM32

REG = f"{SYSTEM32}\\reg.exe"
HEADERS = ("Windows Registry Editor Version 5.00", "REGEDIT4")
_ROOTS = {"hkey_local_machine": "", "hklm": "", "hkey_classes_root": "SOFTWARE\\Classes", "hkcr": "SOFTWARE\\Classes"}
_HIVES = ("SOFTWARE", "SYSTEM")
_MOST = 32 << 20
_VALUE = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|@)\s*=\s*(.*)', re.DOTALL)
_HEX = re.compile(r"hex(?:\(([0-9a-fA-F]+)\))?:([0-9a-fA-F,\s]*)")
_MOST_PROVED = 500
"""Values that are noted with a change; of a larger file the rest is imported without being looked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a registry file asks for."""

    hive: str
    key: str
    name: str | None
    """None: the key itself; empty: its default value."""
    data: Data | None
    """None: that it is gone."""
    line: int


def parse(data: bytes, name: str) -> tuple[Entry, ...]:
    """What a registry file asks for, in its order. UsageError with the line for what it may not or cannot ask for."""
    text = _decoded(data, name)
    lines = list(_joined(text))
    if not lines or lines[0][1] not in HEADERS:
        met = (
            looks_like(data)
            if not lines or not lines[0][1].lower().startswith("windows registry")
            else "another version"
        )
        raise UsageError(
            f"{name} is no registry file: it looks like {met}",
            details=f"its first line is not {HEADERS[0]!r}",
            hint="export one with regedit, or reg export KEY FILE.reg",
        )
    wide = lines[0][1] == HEADERS[0]
    found = [entry for entry in _entries(lines[1:], name, wide=wide) if entry is not None]
    if not found:
        raise UsageError(f"{name} asks for nothing")
    return tuple(found)


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """Every line is understood before anything starts; what is to be found afterwards is noted with the change."""
    path = wanted.source
    head(path, "registry file")
    if path.stat().st_size > _MOST:
        raise UsageError(f"{path.name} is too large for a registry file: {path.stat().st_size} bytes")
    asked = _last(parse(path.read_bytes(), path.name))
    arguments = [("view", "64")] if facts.architecture in ("x86_64", "arm64") else []
    arguments += [("expects", _noted(entry)) for entry in asked[:_MOST_PROVED]]
    arguments.append(("entries", str(len(asked))))
    return changes.prepared("registry", path.name, ((changes.payload(path, path.name), path),), tuple(arguments))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Import it, in the 64-bit view where there is one."""
    folder = changes.run_folder(session, change, deadline)
    target = session.dialect.join(folder, "import.reg")
    file = change.files[0]
    changes.push(session, file, files[file.name], target, deadline)
    view = ("/reg:64",) if dict(change.arguments).get("view") == "64" else ()
    ran = session.run((REG, "import", target, *view), f"importing {change.name}", deadline)
    return changes.applied(change, ran)


def look(session: Session, change: Change, deadline: Deadline) -> Standing:  # noqa: ARG001
    """The hives of the powered-off disk tell."""
    return Standing(None, "what a registry file wrote is read from the powered-off disk")


def prove(volume: Files, change: Change) -> str:
    """Each value that was asked for, and not asked for otherwise further down, is in its hive as it was written."""
    opened: dict[str, Hive] = {}
    wrong = []
    expected = [json.loads(text) for name, text in change.arguments if name == "expects"]
    for place, key, name, digest in expected:
        if place not in opened:
            opened[place] = hive(volume, place)
        if said := _difference(opened[place], key, name, digest):
            wrong.append(f"{place}\\{said}")
    if wrong:
        raise ProofFailed(
            f"read from outside, {len(wrong)} of {len(expected)} entries of {change.name} are not as it wrote them",
            details="\n".join(wrong[:20]),
            hint="something in the guest writes them back, or keeps them elsewhere",
        )
    total = dict(change.arguments)["entries"]
    count = (
        f"{total} keys and values" if int(total) == len(expected) else f"the first {len(expected)} of {total} values"
    )
    return f"registry: {count} in {' and '.join(sorted(opened))} are as it wrote them"


def _last(entries: tuple[Entry, ...]) -> list[Entry]:
    """What holds in the end: a later line on the same value, or one that takes its key away, wins."""
    found: dict[tuple[str, str, str | None], Entry] = {}
    for entry in entries:
        if entry.name is None and entry.data is None:
            gone = f"{entry.key.lower()}\\"
            for place in [each for each in found if each[0] == entry.hive and f"{each[1]}\\".startswith(gone)]:
                del found[place]
        found[entry.hive, entry.key.lower(), None if entry.name is None else entry.name.lower()] = entry
    taken = {place for place, entry in found.items() if entry.name is None and entry.data is None}
    # A key that was taken away and is written to further down is there again.
    again = {place for place in taken if any(e.data is not None and _below(e, place) for e in found.values())}
    return [entry for place, entry in found.items() if place not in again]


def _below(entry: Entry, place: tuple[str, str, str | None]) -> bool:
    return entry.hive == place[0] and f"{entry.key.lower()}\\".startswith(f"{place[1]}\\")


def _noted(entry: Entry) -> str:
    return json.dumps([entry.hive, entry.key, entry.name, None if entry.data is None else _digest(entry.data)])


def _digest(data: Data) -> str:
    return hashlib.sha256(repr(data).encode()).hexdigest()[:16]


def _difference(registry: Hive, key: str, name: str | None, digest: str | None) -> str:
    """How the hive differs from one thing that was asked for; empty where it does not."""
    if key.lower().startswith("currentcontrolset"):
        current = registry.value("Select", "Current")
        key = f"ControlSet{current if isinstance(current, int) else 1:03d}{key[len('CurrentControlSet') :]}"
    if name is None:
        there = registry.has(key)
        return "" if there == (digest is not None) else f"{key} is {'there' if there else 'missing'}"
    met = registry.value(key, name)
    if digest is None:
        return "" if met is None else f"{key}!{name} is there"
    if met is None:
        return f"{key}!{name or '(default)'} is missing"
    return "" if _digest(met) == digest else f"{key}!{name or '(default)'} has another value"


def _decoded(data: bytes, name: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:200]:
        raise UsageError(f"{name} is no registry file that Windows takes: it looks like UTF-16 without its mark")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """(number, content) of each line that says something; continued ones are joined."""
    kept, start = "", 0
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = raw.strip()
        start = start if kept else number
        if line.endswith("\\") and not line.endswith('"') and "=" in (kept + line):
            kept += line[:-1]
            continue
        whole, kept = kept + line, ""
        if whole and not whole.startswith(";"):
            yield start, whole
    if kept:
        yield start, kept


def _entries(lines: list[tuple[int, str]], name: str, *, wide: bool) -> Iterator[Entry]:
    place: tuple[str, str] | None = None
    for number, line in lines:
        where = f"{name}, line {number}"
        if line.startswith("["):
            if not line.endswith("]"):
                raise UsageError(f"{where}: the key's name has no end: {line[:80]}")
            gone = line.startswith("[-")
            place = _place(where, line[2 if gone else 1 : -1])
            yield Entry(*place, None, None if gone else "", number)
            place = None if gone else place
            continue
        met = _VALUE.fullmatch(line)
        if met is None or place is None:
            raise UsageError(f"{where} is no value of a key: {line[:80]}")
        value = re.sub(r"\\(.)", r"\1", met[1] or "")
        yield Entry(*place, value, _data(where, met[2].strip(), wide=wide), number)


def _place(where: str, key: str) -> tuple[str, str]:
    root, _, rest = key.partition("\\")
    if root.lower() in ("hkey_current_user", "hkcu"):
        raise UsageError(
            f"{where}: HKEY_CURRENT_USER would be that of golden's own account in the guest",
            hint="for everybody's profile to come, load C:\\Users\\Default\\NTUSER.DAT in a script: --run",
        )
    if root.lower() not in _ROOTS:
        raise UsageError(f"{where}: {root} is not kept on the disk of this computer", hint="HKEY_LOCAL_MACHINE\\…")
    hive_name, _, below = "\\".join(part for part in (_ROOTS[root.lower()], rest) if part).partition("\\")
    if hive_name.upper() not in _HIVES or not below:
        raise UsageError(f"{where}: golden imports below SOFTWARE and SYSTEM only, not {key!r}")
    return hive_name.upper(), below.rstrip("\\")


def _data(where: str, text: str, *, wide: bool) -> Data | None:
    """A value as the hive reader gives it; None for one that is taken away."""
    if text == "-":
        return None
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if met := re.fullmatch(r"dword:([0-9a-fA-F]{1,8})", text):
        return int(met[1], 16)
    if met := _HEX.fullmatch(text):
        digits = re.sub(r"[\s,]", " ", met[2]).split()
        if any(len(pair) > 2 for pair in digits):
            raise UsageError(f"{where}: bytes are two digits each: {text[:60]}")
        kind = int(met[1], 16) if met[1] else 3
        return Value("", kind, _widened(kind, bytes(int(pair, 16) for pair in digits), wide=wide)).plain()
    raise UsageError(f"{where} is no value that golden knows: {text[:60]}")


def _widened(kind: int, data: bytes, *, wide: bool) -> bytes:
    """Texts in bytes are of one byte a character in the old format, and of two in the hive."""
    if wide or kind not in (1, 2, 7):
        return data
    return data.decode("cp1252", "replace").encode("utf-16-le")
