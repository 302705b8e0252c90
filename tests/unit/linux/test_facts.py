"""Reading a powered-off Linux disk: real ext4 volumes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from golden.disk.raw import Memory, RawFile
from golden.linux.facts import read_facts
from golden.model import GuestFacts, GuestState
from tests.unit.linux.disks import MACHINE_ID, disk, elf, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A virgin system's root file system."""
    return tree(tmp_path / "root")


def facts(root: Path, *, partitioned: bool = False) -> GuestFacts:
    with RawFile(disk(root, root.parent / "disk.img", partitioned=partitioned)) as source:
        return read_facts(source)


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_virgin_system_is_read_whole(root: Path, partitioned: bool) -> None:
    """Product, version, architecture, name and state are read through the links that Debian uses."""
    found = facts(root, partitioned=partitioned)
    assert found.state is GuestState.VIRGIN
    assert (found.os, found.product, found.version) == ("linux", "Debian GNU/Linux 12 (bookworm)", "12")
    assert (found.architecture, found.computer_name) == ("x86_64", "reference")
    assert ("machine-id", MACHINE_ID) in found.evidence


def seal(
    root: Path,
    mark: str | None = "sealed",
    machine_id: str | None = "",
    keys: tuple[str, ...] = (),
    place: str = "etc/golden",
) -> None:
    (root / "etc/machine-id").unlink()
    if machine_id is not None:
        (root / "etc/machine-id").write_text(machine_id)
    if mark is not None:
        (root / place).mkdir(parents=True)
        (root / place / "seal").write_text(f"{mark}\n")
    for key in keys:
        (root / "etc/ssh" / key).write_text("key")


@pytest.mark.parametrize(
    ("mark", "machine_id", "keys", "state"),
    [
        ("sealed", "", (), GuestState.SEALED),
        ("sealed", "uninitialized\n", (), GuestState.SEALED),
        ("sealed", "", ("ssh_host_rsa_key",), GuestState.UNKNOWN),
        ("sealed", f"{MACHINE_ID}\n", (), GuestState.DEPLOYED),
        ("sealed", f"{MACHINE_ID}\n", ("ssh_host_rsa_key",), GuestState.DEPLOYED),
        ("begun", f"{MACHINE_ID}\n", (), GuestState.BROKEN),
        ("begun", "", (), GuestState.BROKEN),
        (None, "", (), GuestState.UNKNOWN),
        (None, None, (), GuestState.UNKNOWN),
        (None, "not an id\n", (), GuestState.UNKNOWN),
        (None, f"{MACHINE_ID}\n", ("ssh_host_rsa_key",), GuestState.VIRGIN),
        ("strange", f"{MACHINE_ID}\n", (), GuestState.UNKNOWN),
    ],
)
def test_the_state_follows_the_table(
    root: Path, mark: str | None, machine_id: str | None, keys: tuple[str, ...], state: GuestState
) -> None:
    """Each row of the decision table gives its state, with every input in the evidence."""
    seal(root, mark, machine_id, keys)
    found = facts(root)
    assert found.state is state
    assert [name for name, _ in found.evidence] == [
        "journal",
        "machine-id",
        "ssh host keys",
        "golden's mark",
        "ssh host keys made again",
        "random seed",
    ]


def test_the_mark_of_an_earlier_golden_still_counts(root: Path) -> None:
    """Machines that are deployed from an image with the mark below /var are no VIRGIN ones."""
    seal(root, machine_id=f"{MACHINE_ID}\n", place="var/lib/golden")
    assert facts(root).state is GuestState.DEPLOYED


@pytest.mark.parametrize("fstab", ["/dev/sda2 /var ext4 defaults 0 2\n", "# /boot\nLABEL=v\t/var/  xfs\n"])
def test_a_var_of_its_own_hides_no_seal_and_is_named(root: Path, fstab: str) -> None:
    """The mark lies beside the machine-id; what would be below /var is told as not seen instead of as not there."""
    seal(root)
    (root / "etc/fstab").write_text(fstab)
    shutil.rmtree(root / "var")
    (root / "var").mkdir()
    found = facts(root)
    assert found.state is GuestState.SEALED
    assert ("random seed", "not seen: /var is a volume of its own") in found.evidence
    (root / "etc/fstab").write_text("# /dev/sda2 /var ext4\n/dev/sda3 /srv/var ext4\n")
    assert ("random seed", "none") in facts(root).evidence


@pytest.mark.parametrize(
    ("place", "label", "name"),
    [
        (0, b"XFSB", "XFS"),
        (0, b"LUKS\xba\xbe", "LUKS"),
        (512, b"LABELONE" + bytes(16) + b"LVM2 001", "LVM"),
        (0x10040, b"_BHRfS_M", "btrfs"),
    ],
)
def test_what_is_not_read_from_outside_is_named(tmp_path: Path, place: int, label: bytes, name: str) -> None:
    """On a bare disk and in a partition; and never for what a disk with a table was before it got one."""
    bare = bytearray(1 << 20)
    bare[place : place + len(label)] = label
    said = f"{name}, which golden does not read from outside"
    assert ("volume 1", said) in read_facts(Memory(bytes(bare))).evidence
    entry = b"\x00\x00\x02\x00\x83\x00\x00\x00" + (2048).to_bytes(4, "little") + (2048).to_bytes(4, "little")
    table = bytearray(1 << 20)
    if name != "XFS":  # which would have taken the table's place
        table[place : place + len(label)] = label
    table[446:462], table[510:512] = entry, b"\x55\xaa"
    met = read_facts(Memory(bytes(table + bare))).evidence
    assert met == (("partition table", "mbr"), ("volume 1", said))
    assert read_facts(Memory(bytes(table) + bytes(1 << 20))).evidence[1] == ("volume 1", "unknown (0x83)")


def test_a_system_that_was_not_shut_down_is_unknown(root: Path) -> None:
    """Where the journal still holds changes, what the files say is not believed."""
    image = disk(root, root.parent / "disk.img")
    data = bytearray(image.read_bytes())
    data[1024 + 0x60] |= 0x04
    found = read_facts(Memory(bytes(data)))
    assert found.state is GuestState.UNKNOWN
    assert ("journal", "open") in found.evidence


@pytest.mark.parametrize(("machine", "name"), [(0xB7, "arm64"), (0x03, "x86"), (0xF3, "ELF machine 243")])
def test_the_architecture_is_that_of_the_programs(root: Path, machine: int, name: str) -> None:
    """The machine a program is made for tells the architecture."""
    (root / "usr/bin/dash").write_bytes(elf(machine))
    assert facts(root).architecture == name


def test_links_that_lead_in_a_circle_end(root: Path) -> None:
    """A circle of links on the disk is damage, said as UNKNOWN, and never an endless loop."""
    (root / "etc/os-release").unlink()
    (root / "etc/os-release").symlink_to("/etc/os-release")
    found = facts(root)
    assert found.state is GuestState.UNKNOWN
    assert "links" in found.evidence[0][1]


def test_a_link_cannot_lead_out_of_the_disk(root: Path) -> None:
    """A link that climbs above the root stays at the root, as in the guest."""
    (root / "etc/hostname").unlink()
    (root / "etc/hostname").symlink_to("../../../../../usr/lib/name")
    (root / "usr/lib/name").write_text("inside\n")
    assert facts(root).computer_name == "inside"


def test_a_disk_without_linux_says_what_it_met(tmp_path: Path) -> None:
    """An empty disk and one with another file system are UNKNOWN with what was found there."""
    assert read_facts(Memory(bytes(1 << 20))) == GuestFacts(
        os="", state=GuestState.UNKNOWN, evidence=(("partition table", "none"),)
    )
    (tmp_path / "root/data").mkdir(parents=True)
    found = facts(tmp_path / "root")
    assert (found.os, found.state) == ("", GuestState.UNKNOWN)
    assert ("volume 1", "ext") in found.evidence


def test_a_damaged_volume_is_unknown_not_a_crash(root: Path) -> None:
    """A volume whose metadata is overwritten gives UNKNOWN with the reason."""
    image = disk(root, root.parent / "disk.img")
    data = bytearray(image.read_bytes())
    data[2048 : 2 << 20] = b"\xff" * ((2 << 20) - 2048)
    assert read_facts(Memory(bytes(data))).state is GuestState.UNKNOWN


def test_the_tools_of_these_tests_are_there() -> None:
    """mke2fs builds the disks; without it none of this is tested."""
    assert shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin")
