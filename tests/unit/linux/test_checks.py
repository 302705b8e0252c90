"""What golden check tells of a powered-off Linux: real ext4 volumes."""

from __future__ import annotations

import struct
from pathlib import Path

from golden.app import checking
from golden.app.checking import CheckWish
from golden.disk.raw import Memory
from golden.linux.checks import inspect
from golden.model import CheckReport
from golden.waiting import Silent
from tests.unit.linux.disks import disk, tree

_SUPERBLOCK, _INCOMPATIBLE, _RECOVER = 1024, 0x60, 0x4
"""Where an ext4 volume notes that its journal was not emptied."""


def checked(path: Path) -> CheckReport:
    """As ``golden check DISK --offline`` does it."""
    return checking.disk_offline(path, CheckWish(), Silent())


def ids(report: CheckReport) -> list[str]:
    return [one.id for one in report.checked.findings]


def test_a_virgin_linux_is_fit(tmp_path: Path) -> None:
    """Nothing stops its seal, and the disk is known as a Linux without being told."""
    report = checked(disk(tree(tmp_path / "root"), tmp_path / "disk.img"))
    assert (ids(report), report.seal) == ([], "linux")
    assert report.checked.made == ("disk.unreadable", "disk.unclean", "linux.state")


def test_a_sealed_linux_is_not_sealed_again(tmp_path: Path) -> None:
    """A sealed system is an error with what was read."""
    root = tree(tmp_path / "root")
    (root / "etc/machine-id").write_text("")
    (root / "etc/golden").mkdir()
    (root / "etc/golden/seal").write_text("sealed\n")
    report = checked(disk(root, tmp_path / "disk.img"))
    assert ids(report) == ["linux.state"]
    assert "SEALED" in report.checked.findings[0].sentence


def test_a_linux_on_what_golden_does_not_read_is_told_so() -> None:
    """What lies on the disk is named, and not only that no Linux was found."""
    (found,) = inspect(Memory(b"XFSB".ljust(1 << 20, b"\0")), "linux").findings
    assert found.sentence == "golden reads ext2, ext3 and ext4 from outside, and on this disk there is XFS"


def test_an_unclean_linux_is_named(tmp_path: Path) -> None:
    """A volume whose journal was not emptied is not judged by what it shows."""
    path = disk(tree(tmp_path / "root"), tmp_path / "disk.img")
    data = bytearray(path.read_bytes())
    flags = struct.unpack_from("<I", data, _SUPERBLOCK + _INCOMPATIBLE)[0]
    struct.pack_into("<I", data, _SUPERBLOCK + _INCOMPATIBLE, flags | _RECOVER)
    path.write_bytes(data)
    assert ids(checked(path)) == ["disk.unclean"]
