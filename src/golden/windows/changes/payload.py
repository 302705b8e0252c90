"""First looks at files of changes, on this computer: what their first bytes say they are."""

from __future__ import annotations

import struct
from pathlib import Path

from golden.errors import NotFound, UsageError

_HEAD = 4096
_LOOKS_LIKE = (
    (b"MZ", "a Windows program"),
    (b"PK\x03\x04", "a ZIP archive (or an .appx or .msix package)"),
    (b"MSCF", "a cabinet (.cab or .msu)"),
    (b"MSWIM\0\0\0", "a Windows image (.wim, or an .msu of newer builds)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE compound file (.msi, .msp, .doc)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x7fELF", "a Linux program"),
    (b"%PDF-", "a PDF document"),
)
_MACHINES = {0x8664: "x86_64", 0xAA64: "arm64", 0x14C: "x86", 0x1C4: "arm"}
RUNS = {"x86_64": ("x86_64", "x86"), "arm64": ("arm64", "x86_64", "x86", "arm"), "x86": ("x86",)}
"""Architecture of a Windows -> those of programs that it runs."""


def head(path: Path, what: str) -> bytes:
    """The first bytes of a file. NotFound or UsageError where it is missing, no plain file, or empty."""
    if not path.exists():
        raise NotFound(f"there is no {what} {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a plain file")
    try:
        with path.open("rb") as file:
            first = file.read(_HEAD)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", details=str(error)) from error
    if not first:
        raise UsageError(f"{path.name} is empty")
    return first


def check_magic(path: Path, what: str, *magics: bytes) -> bytes:
    """The first bytes, which must begin with one of these; UsageError that says what the file looks like instead."""
    first = head(path, what)
    if any(first.startswith(magic) for magic in magics):
        return first
    raise UsageError(
        f"{path.name} is no {what}: it looks like {looks_like(first)}",
        details=f"its first bytes are {first[:16].hex(' ')}",
        hint="download it again; what a server answers instead of a file is often a page that says why",
    )


def looks_like(first: bytes) -> str:
    """What the first bytes of a file say it is."""
    for magic, name in _LOOKS_LIKE:
        if first.startswith(magic):
            return name
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        return "an HTML page"
    if text.startswith(b"<?xml") or text.startswith(b"<"):
        return "XML"
    if text.startswith((b"{", b"[")) and b"\0" not in first:
        return "JSON"
    return "text" if b"\0" not in first and _is_text(first) else "nothing that golden knows"


def machine(first: bytes) -> str:
    """The architecture of a Windows program by its header; empty where it names none that golden knows."""
    if len(first) < 64 or not first.startswith(b"MZ"):
        return ""
    at = struct.unpack_from("<I", first, 0x3C)[0]
    if at + 6 > len(first) or first[at : at + 4] != b"PE\0\0":
        return ""
    return _MACHINES.get(struct.unpack_from("<H", first, at + 4)[0], "")


def check_runs(name: str, architecture: str, guest: str) -> None:
    """UsageError where a Windows of the architecture ``guest`` does not run what is made for ``architecture``."""
    if architecture and guest in RUNS and architecture not in RUNS[guest]:
        raise UsageError(
            f"{name} is for {architecture}, the guest is {guest}", hint=f"take the one for {' or '.join(RUNS[guest])}"
        )


def _is_text(first: bytes) -> bool:
    try:
        first[:-4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
