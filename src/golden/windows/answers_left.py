"""
The answer files that lie on a sealed disk: the one that was meant, nothing else, and who could read what is in it.

Windows takes the first it finds, a cached copy before the file itself, so a stale one would replay the settings of an
earlier installation. docs/facts: windows 4.1, 4.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from xml.etree import ElementTree

from golden.disk.hive import Hive
from golden.disk.source import File, Files
from golden.model import Finding, Severity

MEANT = "Windows/System32/Sysprep/unattend.xml"
CACHED = "Windows/Panther/unattend.xml"
PANTHER = "Windows/Panther"
_CACHES = (CACHED, f"{PANTHER}/autounattend.xml")
_ROOT = ("unattend.xml", "autounattend.xml")
_SCRUBBED = "*SENSITIVE*DATA*DELETED*"
_LARGEST = 4 << 20
_READ_BY = "readable by whoever has the image, and on a deployed machine until somebody deletes it"


@dataclass(frozen=True, slots=True)
class _Left:
    """One answer file on the disk."""

    path: str
    size: int
    digest: str
    """Empty for one that is too large: a sparse file of many TiB takes days to hash and no place on its disk."""
    content: bytes

    @property
    def about(self) -> str:
        """What tells it from another one."""
        return f"sha256 {self.digest}" if self.digest else f"{self.size} bytes, too large for an answer file"

    @property
    def name(self) -> str:
        """As Windows writes it."""
        return "C:\\" + self.path.replace("/", "\\")


def answer_files(volume: Files, system: Hive, meant: str) -> Iterator[Finding]:
    """Findings on every answer file that is left; ``meant`` is the SHA-256 of the one that should be, or empty."""
    own = _read(volume, MEANT)
    if meant and (own is None or own.digest != meant):
        met = "no such file" if own is None else own.about
        yield Finding(
            "residue-answer-file-lost",
            Severity.ERROR,
            "the answer file that was meant is not on the disk",
            f"C:\\{MEANT.replace('/', chr(92))}: {met}; meant: sha256 {meant}",
        )
    trusted = own if own is not None and meant and own.digest == meant else None
    yield from _pointer(system, trusted)
    for left in _all(volume, own):
        if left is trusted:
            yield from _secrets(left)
        elif trusted is not None and left.path in _CACHES:
            yield from _copy(left, trusted)
        else:
            yield _unmeant(left)
    yield from _other_secrets(volume, trusted)


def _all(volume: Files, own: _Left | None) -> Iterator[_Left]:
    paths = [*_CACHES, *(f"{PANTHER}/Unattend/{name}" for name in _xml(volume, f"{PANTHER}/Unattend")), *_ROOT]
    if own is not None:
        yield own
    for path in paths:
        if (left := _read(volume, path)) is not None:
            yield left


def _pointer(system: Hive, trusted: _Left | None) -> Iterator[Finding]:
    """What Windows looks at first of all."""
    place = system.value("Setup", "UnattendFile")
    if not isinstance(place, str) or not place:
        return
    path = re.sub(r"(?i)^(c:|%systemdrive%)", "", place).replace("\\", "/").strip("/")
    path = re.sub(r"(?i)^%(windir|systemroot)%", "Windows", path)
    if trusted is not None and path.lower() in (MEANT.lower(), CACHED.lower()):
        return
    yield Finding(
        "residue-answer-file-pointer",
        Severity.ERROR,
        "the registry names an answer file that nobody meant, and Windows takes it before any other",
        f"SYSTEM\\Setup!UnattendFile = {place}",
    )


def _copy(left: _Left, trusted: _Left) -> Iterator[Finding]:
    if left.digest == trusted.digest:
        yield from _secrets(left)
        return
    ours, theirs = _tree(trusted.content), _tree(left.content)
    if ours is None or theirs is None or not _is_same(ours, theirs):
        yield Finding(
            "residue-answer-file-other",
            Severity.ERROR,
            "a cached answer file with other settings than the one that was meant would be taken before it",
            f"{left.name}: {left.about}",
        )
        return
    if _SCRUBBED in left.content.decode("utf-8", "replace").replace("\0", ""):
        yield Finding(
            "residue-answer-file-scrubbed",
            Severity.WARNING,
            "sysprep has taken the passwords out of the cached answer file; should the first boot use this copy, it "
            "asks for them (unconfirmed)",
            left.name,
            "deploy one machine and look, or set the password at deployment",
        )
    yield from _secrets(left)


def _secrets(left: _Left) -> Iterator[Finding]:
    if _has_password(left.content):
        yield Finding(
            "residue-answer-file-password",
            Severity.WARNING,
            f"the answer file in the image holds a password, {_READ_BY}",
            left.name,
            "delete it in SetupComplete.cmd, and have the password changed at once",
        )


def _unmeant(left: _Left) -> Finding:
    """Wherever it lies: without one that is meant, Windows goes on to the last place of its list."""
    secret = f"; it holds a password, {_READ_BY}" if _has_password(left.content) else ""
    return Finding(
        "residue-answer-file",
        Severity.ERROR,
        f"an answer file is left that nobody meant, and the first boot may use it{secret}",
        f"{left.name}: sha256 {left.digest}",
        "capture again, with --answer-file FILE if it is meant after all",
    )


def _other_secrets(volume: Files, trusted: _Left | None) -> Iterator[Finding]:
    """Setup keeps other XML files in Panther, too; one may be a copy of the answer file that is meant."""
    known = {path.rpartition("/")[2].lower() for path in _CACHES}
    for name in _xml(volume, PANTHER):
        if name.lower() in known:
            continue
        left = _read(volume, f"{PANTHER}/{name}")
        if left is not None and trusted is not None and left.digest == trusted.digest:
            yield from _secrets(left)
        elif left is not None and _has_password(left.content):
            yield Finding(
                "residue-panther-password",
                Severity.ERROR,
                f"a file that Windows Setup left holds a password, {_READ_BY}",
                left.name,
                "take it out of the reference",
            )


def _xml(volume: Files, folder: str) -> list[str]:
    found = volume.find(folder)
    if found is None or not found.is_folder:
        return []
    return sorted(entry.name for entry in found.entries() if entry.name.lower().endswith(".xml"))


def _read(volume: Files, path: str) -> _Left | None:
    file: File | None = volume.find(path)
    if file is None or file.is_folder:
        return None
    digest = file.sha256() if file.size <= _LARGEST else ""
    return _Left(path, file.size, digest, file.read_at(0, min(file.size, _LARGEST)))


def _tree(content: bytes) -> ElementTree.Element | None:
    """The parsed file; None for what is no XML, and for a document type, which could make it as large as it likes."""
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", content.replace(b"\0", b""), re.IGNORECASE):
        return None
    try:
        return ElementTree.fromstring(content)  # noqa: S314 -- without a document type there is nothing to expand
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def _is_same(ours: ElementTree.Element, theirs: ElementTree.Element) -> bool:
    """Whether a copy says the same, apart from sysprep's marks of having read it."""
    for mine, other in zip_longest(ours.iter(), theirs.iter()):
        if mine is None or other is None or mine.tag != other.tag or len(mine) != len(other):
            return False
        text = (other.text or "").strip()
        if text not in ((mine.text or "").strip(), _SCRUBBED) or _marks(mine) != _marks(other):
            return False
    return True


def _marks(element: ElementTree.Element) -> dict[str, str]:
    return {name: value for name, value in element.attrib.items() if name.lower() != "waspassprocessed"}


def _has_password(content: bytes) -> bool:
    tree = _tree(content)
    if tree is None:
        plain = content.replace(b"\0", b"")
        return re.search(rb"<\s*(\w+:)?\w*Password\b[^>/]*>", plain, re.IGNORECASE) is not None
    for element in tree.iter():
        if not element.tag.rpartition("}")[2].lower().endswith("password"):
            continue
        values = [element, *(below for below in element if below.tag.rpartition("}")[2].lower() == "value")]
        if any((value.text or "").strip() not in ("", _SCRUBBED) for value in values):
            return True
    return False
