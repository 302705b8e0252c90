"""What a powered-off disk tells of its Windows."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from golden.disk.raw import Memory, RawFile
from golden.disk.source import BlockSource
from golden.errors import EndpointError
from golden.model import Driver, GuestFacts, GuestState
from golden.windows.facts import read_facts
from tests.unit.disk import disks
from tests.unit.windows import logs


def facts(path: Path) -> GuestFacts:
    with RawFile(path) as disk:
        return read_facts(disk)


def package(published: str, inf: str, provider: str, version: tuple[int, int, int, int]) -> disks.Tree:
    head = bytes(32) + struct.pack("<HHHH", *reversed(version))
    values = {"": ("sz", published), "InfName": ("sz", inf), "Provider": ("sz", provider)}
    name = f"{inf}_amd64_0123456789abcdef"
    return disks.at(f"DriverDatabase\\DriverPackages\\{name}", {**values, "Version": ("binary", head.hex())})


def test_identity_version_and_drivers_are_read(tmp_path: Path) -> None:
    """Product, edition, build, architecture, name, SID and third-party drivers of both hives come from the disk."""
    drivers = disks.hive(
        tmp_path / "DRIVERS", package("oem7.inf", "netkvm.inf", "Red Hat, Inc.", (100, 94, 104, 24800))
    )
    windows = disks.Windows(
        system=disks.merged(
            package("oem2.inf", "viostor.inf", "Red Hat, Inc.", (100, 1, 0, 2)),
            package("disk.inf", "disk.inf", "Microsoft", (10, 0, 0, 1)),
        ),
        software=disks.at("Golden\\StandIn", {}),
        files={"Windows/System32/config/DRIVERS": drivers.read_bytes()},
    )
    found = facts(windows.disk(tmp_path))
    assert (found.os, found.state) == ("windows", GuestState.VIRGIN)
    assert (found.product, found.edition) == ("Windows Server 2022 Standard", "ServerStandard")
    assert (found.version, found.build, found.ubr) == ("10.0", "20348", "2322")
    assert (found.architecture, found.computer_name) == ("x86_64", "WIN-REFERENCE")
    assert found.machine_sid == "S-1-5-21-111-222-333"
    assert found.stand_in
    assert found.drivers == (
        Driver("netkvm.inf", "oem7.inf", "Red Hat, Inc.", "100.94.104.24800"),
        Driver("viostor.inf", "oem2.inf", "Red Hat, Inc.", "100.1.0.2"),
    )


@pytest.mark.parametrize(("machine", "name"), [(0xAA64, "arm64"), (0x14C, "x86"), (0x1234, "")])
def test_the_architecture_is_the_machine_word_of_a_program(tmp_path: Path, machine: int, name: str) -> None:
    """ARM64 is told from x86_64, which the registry's product name does not tell."""
    assert facts(disks.Windows(machine=machine).disk(tmp_path)).architecture == name


def test_windows_11_is_called_windows_11(tmp_path: Path) -> None:
    """A Windows 11 says "Windows 10" in its registry; its build tells what it is."""
    values = {
        "ProductName": ("sz", "Windows 10 Pro"),
        "CurrentBuild": ("sz", "22631"),
        "InstallationType": ("sz", "Client"),
    }
    windows = disks.Windows(software=disks.at("Microsoft\\Windows NT\\CurrentVersion", values))
    assert facts(windows.disk(tmp_path)).product == "Windows 11 Pro"


@pytest.mark.parametrize(
    ("windows", "state"),
    [
        (disks.Windows("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", 2, "oobe\\windeploy.exe", 7, True, logs.SUCCESS),
         GuestState.SEALED),
        (disks.Windows(tag=True, log=logs.SUCCESS), GuestState.DEPLOYED),
        (disks.Windows(log=logs.APPX_FAILURE.decode().encode("utf-16")), GuestState.FAILED_EARLY),
        (disks.Windows(generalization_state=3), GuestState.BROKEN),
        (disks.Windows(image_state=None), GuestState.UNKNOWN),
    ],
    ids=["sealed", "deployed", "failed early", "broken", "unknown"],
)  # fmt: skip
def test_the_state_is_decided_from_the_disk(tmp_path: Path, windows: disks.Windows, state: GuestState) -> None:
    """Each state is recognized on a real volume with real hives and logs."""
    found = facts(windows.disk(tmp_path))
    assert found.state is state
    assert dict(found.evidence)["volume"] == "clean"


def test_a_dirty_hive_is_said_and_makes_the_state_unknown(tmp_path: Path) -> None:
    """A guest that was not shut down in order is never taken for VIRGIN."""
    windows = disks.Windows()
    folder = windows.tree(tmp_path / "tree")
    disks.dirty(folder / "Windows/System32/config/SYSTEM")
    disk = disks.gpt(tmp_path / "disk.raw", (disks.BASIC_DATA, disks.ntfs(folder, tmp_path / "v.ntfs")))
    found = facts(disk)
    assert found.state is GuestState.UNKNOWN
    assert dict(found.evidence)["hives"] == "not written to their end: SYSTEM"


def test_a_damaged_hive_is_said_and_raises_nothing(tmp_path: Path) -> None:
    """A hive that is none leaves the state UNKNOWN with the reason."""
    windows = disks.Windows()
    folder = windows.tree(tmp_path / "tree")
    (folder / "Windows/System32/config/SOFTWARE").write_bytes(b"\0" * 8192)
    disk = disks.gpt(tmp_path / "disk.raw", (disks.BASIC_DATA, disks.ntfs(folder, tmp_path / "v.ntfs")))
    found = facts(disk)
    assert (found.os, found.state) == ("windows", GuestState.UNKNOWN)
    assert "SOFTWARE is no registry hive" in dict(found.evidence)["windows"]


def test_a_hibernated_windows_is_said(tmp_path: Path) -> None:
    """What is read from under a hibernated system may be old, so its state is UNKNOWN."""
    found = facts(disks.Windows(files={"hiberfil.sys": b"HIBR" + bytes(5000)}).disk(tmp_path))
    assert found.state is GuestState.UNKNOWN
    assert "hibernated" in dict(found.evidence)["volume"]


def test_disks_without_windows_say_what_was_met(tmp_path: Path) -> None:
    """No table, no NTFS, NTFS without Windows, BitLocker: each is named, with no system and state UNKNOWN."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "file.txt").write_text("data")
    data = disks.ntfs(folder, tmp_path / "data.ntfs", 4)
    locked = tmp_path / "locked"
    locked.write_bytes((b"\xeb\x58\x90-FVE-FS-").ljust(1 << 20, b"\0"))
    disk = disks.gpt(tmp_path / "disk.raw", (disks.BASIC_DATA, data), (disks.BASIC_DATA, locked), (disks.ESP, 1))
    found = facts(disk)
    assert (found.os, found.state) == ("", GuestState.UNKNOWN)
    met = dict(found.evidence)
    assert met["partition table"] == "gpt"
    assert met["volume 1"] == "ntfs without Windows\\System32\\config"
    assert "BitLocker" in met["volume 2"]
    assert met["volume 3"] == "no file system that golden knows"
    assert read_facts(Memory(bytes(1 << 20))).evidence == (("partition table", "none"),)
    assert read_facts(Memory(b"")).state is GuestState.UNKNOWN


def test_a_disk_whose_source_breaks_is_an_error_and_no_state(tmp_path: Path) -> None:
    """A line that breaks says nothing about the guest, so it is raised."""
    path = disks.Windows().disk(tmp_path)

    class Broken:
        def __init__(self, disk: BlockSource) -> None:
            self.disk, self.size = disk, disk.size

        def read_at(self, offset: int, size: int) -> bytes:
            if offset > 3 << 20:
                raise EndpointError("the line broke")
            return self.disk.read_at(offset, size)

    with RawFile(path) as disk, pytest.raises(EndpointError, match="the line broke"):
        read_facts(Broken(disk))


def test_damage_anywhere_on_the_disk_gives_facts_or_unknown_and_ends(tmp_path: Path) -> None:
    """Every tenth sector of the file system's own records spoiled in turn: never a traceback, never VIRGIN by mistake
    where the volume itself cannot be read."""
    data = disks.Windows(log=logs.SUCCESS, tag=True).disk(tmp_path).read_bytes()
    start = 2048 * 512 + (2 << 20)
    mft = start + struct.unpack_from("<Q", data, start + 0x30)[0] * 4096
    began = time.monotonic()
    states = set()
    for at in (*range(start, start + 512, 64), *range(mft, mft + 100 * 1024, 1024 * 3)):
        spoiled = bytearray(data)
        spoiled[at : at + 300] = b"\xa5" * 300
        states.add(read_facts(Memory(bytes(spoiled))).state)
    assert states <= {GuestState.DEPLOYED, GuestState.UNKNOWN}
    assert time.monotonic() - began < 20


def test_reading_facts_reads_little_of_a_large_disk(tmp_path: Path) -> None:
    """A disk of 100 GB costs no more reading than a small one: some MB."""
    path = disks.Windows().disk(tmp_path)

    class Counting:
        def __init__(self, disk: BlockSource) -> None:
            self.disk, self.size, self.read = disk, disk.size, 0

        def read_at(self, offset: int, size: int) -> bytes:
            self.read += size
            return self.disk.read_at(offset, size)

    with RawFile(path) as disk:
        counting = Counting(disk)
        read_facts(counting)
        assert counting.read < 8 << 20
