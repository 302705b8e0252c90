"""
A WIM of the Windows volume, for WDS, MDT and ConfigMgr: made by wimlib from the volume itself, without mounting it.

docs/facts: windows 6.1. Only the Windows volume goes into a WIM; whoever deploys it makes the others anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from golden.disk.ntfs import Ntfs
from golden.disk.source import BlockSource
from golden.disk.volumes import Volume
from golden.errors import EndpointError, NotAble, ProofFailed, Refused
from golden.windows.facts import read_facts, windows_volume

FORM = "wim"
HINT = "on Debian: apt install wimtools"
_PIECE = 1 << 20
_ARCHITECTURES = {"0": "x86", "5": "arm", "9": "x86_64", "12": "arm64"}
"""WINDOWS/ARCH of a WIM: PROCESSOR_ARCHITECTURE_*."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a WIM says of its one image, which is what deployment tools go by."""

    name: str
    architecture: str
    edition: str
    build: str


def must_be_able() -> None:
    """NotAble where wimlib's tools are not on this computer, or cannot be: they are for Linux here."""
    if shutil.which("wimcapture") is None or shutil.which("wiminfo") is None:
        raise NotAble("a WIM is made by wimcapture and wiminfo, which are not on this computer", hint=HINT)


def make(disk: BlockSource, folder: Path, title: str) -> Path:
    """
    Write ``image.wim`` into an empty folder: the Windows volume of a powered-off disk as the one image ``title``.

    The volume lies there meanwhile, without what it does not use. NotAble where there are no tools, Refused where
    there is no room, NotFound where there is no Windows, ProofFailed where the WIM says other than the disk.
    """
    must_be_able()
    facts = read_facts(disk)
    found = windows_volume(disk)
    assert isinstance(found, Ntfs)
    volume, target = folder / "volume", folder / "image.wim"
    _copy(disk, found.volume, volume)
    try:
        _run(("wimcapture", str(volume), str(target), title, "--compress=LZX", "--check"), f"making the WIM of {title}")
    finally:
        volume.unlink(missing_ok=True)
    met = contents(target)
    wanted = Contents(title, facts.architecture, facts.edition, facts.build)
    if met != wanted:
        raise ProofFailed(
            "the WIM does not say of itself what the disk says",
            details=f"the disk: {wanted}\nthe WIM: {met}",
            hint="files that Windows keeps compressed cannot be read here: compact /CompactOS:never in the reference",
        )
    return target


def contents(path: Path) -> Contents:
    """What a WIM with one image says of it. ProofFailed where it has none or several, or cannot be read."""
    told = _run(("wiminfo", str(path), "--xml"), f"reading {path.name} back")
    try:
        root = ET.fromstring(told.decode("utf-16"))  # noqa: S314 - what wimlib wrote just now
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise ProofFailed(f"what {path.name} says of itself cannot be read", details=repr(error)) from error
    images = root.findall("IMAGE")
    if len(images) != 1:
        raise ProofFailed(f"{path.name} holds {len(images)} images, not one")
    image = images[0]

    def text(place: str) -> str:
        return (image.findtext(place) or "").strip()

    architecture = text("WINDOWS/ARCH")
    return Contents(
        text("NAME"),
        _ARCHITECTURES.get(architecture, architecture),
        text("WINDOWS/EDITIONID"),
        text("WINDOWS/VERSION/BUILD"),
    )


def _copy(disk: BlockSource, volume: Volume, target: Path) -> None:
    """The volume as a file of its own, with holes where it holds zeros."""
    end = volume.offset + min(volume.size, disk.size - volume.offset)
    try:
        with target.open("wb") as file:
            file.truncate(end - volume.offset)
            for at in range(volume.offset, end, _PIECE):
                piece = disk.read_at(at, min(_PIECE, end - at))
                if piece.strip(b"\0"):
                    file.seek(at - volume.offset)
                    file.write(piece)
    except OSError as error:
        raise _no_room(f"copying the Windows volume to {target.parent}", error) from error


def _run(argv: tuple[str, ...], wanted: str) -> bytes:
    """A tool of wimlib's to its end; it is killed by the kernel when golden is, however that ends."""
    setpriv = shutil.which("setpriv")
    bound = (setpriv, "--pdeathsig", "KILL", "--", *argv) if setpriv else argv
    try:
        ended = subprocess.run(
            bound, stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False
        )
    except OSError as error:
        raise NotAble(f"{wanted}: {argv[0]} cannot be run", details=str(error), hint=HINT) from error
    if ended.returncode == 0:
        return ended.stdout
    words = ended.stderr.decode(errors="replace").strip()[-2000:]
    if "No space left" in words:
        raise Refused(f"{wanted}: the disk is full", details=words, hint="golden prune; golden gc")
    raise EndpointError(f"{wanted}: {argv[0]} failed", details=words)


def _no_room(wanted: str, error: OSError) -> Refused:
    return Refused(f"{wanted} did not work", details=error.strerror or str(error), hint="golden prune; golden gc")
