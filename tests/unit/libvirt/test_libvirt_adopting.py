"""What is looked at before a machine or disk is adopted, with real disk files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from golden.errors import Conflict, GoldenError, NotFound
from golden.model import CloneOptions, Mark, Origin, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden_libvirt import PROVIDER
from golden_libvirt.tools import disk_info

MARK = Mark(Role.VERSION, "job", "reference", "installation")


def make(path: Path, kind: str = "qcow2", *options: str) -> Path:
    """A disk of 16 MiB."""
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, *options, str(path), "16M"], check=True)
    return path


@pytest.fixture
def hypervisor(tmp_path: Path) -> Hypervisor:
    """The embedded driver, which these tests never open."""
    options = {"virt_type": "qemu"}
    return PROVIDER.open(Endpoint("here", "qemu:///embed", options), Scope("job", tmp_path / "state"))


def errors(hypervisor: Hypervisor, origin: Origin) -> list[str]:
    """Ids of what forbids adopting."""
    return [problem.id for problem in hypervisor.examine(origin).problems if problem.severity == "error"]


@pytest.mark.parametrize("kind", ["qcow2", "raw", "vmdk", "vhdx"])
def test_a_disk_of_any_format_is_adopted_as_a_copy(hypervisor: Hypervisor, tmp_path: Path, kind: str) -> None:
    """qcow2, raw, vmdk and vhdx become a disk of the same size in the store; the user's file stays as it is."""
    disk = make(tmp_path / f"theirs.{kind}", kind)
    before = disk.read_bytes()
    origin = Origin("disk", str(disk), firmware="bios")
    assert errors(hypervisor, origin) == []
    hypervisor.adopt("v1", origin, MARK, in_place=False)
    point = hypervisor.freeze(hypervisor.find("v1"), "v1")  # type: ignore[arg-type]
    with hypervisor.open_disk(point) as copy:
        assert copy.size == 16 << 20
    assert disk.read_bytes() == before


def test_a_backing_chain_an_encrypted_and_a_broken_disk_are_named(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """Each has its own finding, and adopting it all the same is refused."""
    make(tmp_path / "base.qcow2")
    chain = make(tmp_path / "chain.qcow2", "qcow2", "-b", "base.qcow2", "-F", "qcow2")
    secret = ("--object", "secret,id=s,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=s")
    locked = make(tmp_path / "locked.qcow2", "qcow2", *secret)
    broken = tmp_path / "broken.qcow2"
    broken.write_bytes((tmp_path / "base.qcow2").read_bytes()[:40])
    empty = tmp_path / "empty.img"
    empty.touch()
    wanted = {chain: "backing-chain", locked: "encrypted-disk", broken: "disk-unreadable", empty: "empty-disk"}
    for disk, finding in wanted.items():
        origin = Origin("disk", str(disk), firmware="bios")
        assert finding in errors(hypervisor, origin), disk.name
        with pytest.raises(Conflict):
            hypervisor.adopt("no", origin, MARK, in_place=False)
        assert hypervisor.find("no") is None


SECRET = b"what only golden's user may read"
DESCRIPTOR = """# Disk DescriptorFile
version=1
CID=c06c334b
parentCID=ffffffff
createType="monolithicFlat"
RW 8192 FLAT "{}" 0
ddb.adapterType = "ide"
"""


def hostile(path: Path, names: Path, length: int) -> Path:
    """A raw disk whose guest wrote a VMDK's descriptor into its first sectors, which names a file of the host's."""
    path.write_bytes(DESCRIPTOR.format(names).encode().ljust(length, b"\0"))
    return path


def test_a_guest_that_writes_a_descriptor_is_given_no_file_of_the_hosts(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """Its definition says raw, so nothing is guessed; of a lone disk, what lies elsewhere forbids adopting."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(SECRET.ljust(4 << 20, b"\0"))
    disk = hostile(tmp_path / "theirs.img", secret, 8 << 20)
    (tmp_path / "theirs.xml").write_text(
        "<domain type='qemu'><name>t</name><memory>1</memory><os><type>hvm</type></os><devices><disk type='file'>"
        "<driver name='qemu' type='raw'/><source file='theirs.img'/><target dev='vda'/></disk></devices></domain>"
    )
    origin = Origin("definition", str(tmp_path / "theirs.xml"))
    assert errors(hypervisor, origin) == []
    machine = hypervisor.adopt("v1", origin, MARK, in_place=False)
    with hypervisor.open_disk(machine) as copied:
        assert copied.read_at(0, 8 << 20) == disk.read_bytes()
    (tmp_path / "sub").mkdir()
    for guessed in (disk, hostile(tmp_path / "sub/small.vmdk", Path("../secret.bin"), 512)):
        origin = Origin("disk", str(guessed), firmware="bios")
        (problem,) = hypervisor.examine(origin).problems
        assert (problem.id, problem.severity.value) == ("external-data", "error")
        assert "secret.bin" in problem.evidence
        with pytest.raises(Conflict):
            hypervisor.adopt("no", origin, MARK, in_place=False)


def test_what_forbids_adopting_is_told_and_not_what_only_warns(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A machine with a device of the host's, which is left out, and with a disk that is gone, which forbids it."""
    (tmp_path / "theirs.xml").write_text(
        "<domain type='qemu'><name>t</name><memory>1</memory><os><type>hvm</type></os><devices><hostdev/>"
        "<disk type='file' device='disk'><source file='gone.qcow2'/><target dev='vda'/></disk></devices></domain>"
    )
    with pytest.raises(Conflict) as refused:
        hypervisor.adopt("no", Origin("definition", str(tmp_path / "theirs.xml")), MARK, in_place=False)
    assert "gone.qcow2" in refused.value.details


def test_a_disk_of_several_files_is_one_disk(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A VMDK's extents beside its descriptor are its own; a qcow2 that keeps its data in another file is refused."""
    for kind in ("monolithicFlat", "twoGbMaxExtentSparse", "streamOptimized"):
        disk = make(tmp_path / f"{kind}.vmdk", "vmdk", "-o", f"subformat={kind}")
        origin = Origin("disk", str(disk), firmware="bios")
        assert errors(hypervisor, origin) == [], kind
        hypervisor.adopt(kind.lower(), origin, MARK, in_place=False)
    outside = make(tmp_path / "outside.qcow2", "qcow2", "-o", f"data_file={tmp_path}/data.raw")
    assert errors(hypervisor, Origin("disk", str(outside), firmware="bios")) == ["external-data"]


def test_a_disk_that_another_program_has_open_is_named(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A disk that something may be writing is not copied."""
    disk = make(tmp_path / "busy.qcow2")
    argv = ["qemu-io", "-f", "qcow2", str(disk)]
    user = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert user.stdout is not None
        user.stdout.read(1)  # its prompt: the disk is open
        assert errors(hypervisor, Origin("disk", str(disk))) == ["disk-in-use"]
    finally:
        user.communicate(b"quit\n")


def test_a_name_with_any_character_is_only_a_name(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A disk in a folder whose name holds quotes, colons, XML, newlines and bytes that are no UTF-8 is adopted."""
    folder = tmp_path / os.fsdecode(b"a 'b' \"c\" <d>&e;\n,f:g=h json:{ \xff")
    folder.mkdir()
    disk = make(folder / "x,y.qcow2")
    origin = Origin("disk", str(disk), firmware="bios")
    assert errors(hypervisor, origin) == []
    for name, in_place in (("copied", False), ("linked", True)):
        machine = hypervisor.adopt(name, origin, MARK, in_place=in_place)
        point = hypervisor.freeze(machine, "v1")
        clone = hypervisor.clone(f"{name}-clone", point, MARK, CloneOptions())
        with hypervisor.open_disk(clone) as source:
            assert source.size == 16 << 20


def test_a_disk_in_place_is_frozen_let_go_and_never_deleted(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """In place the user's own file becomes read-only while it is a version, and is theirs again afterwards."""
    disk = make(tmp_path / "theirs.qcow2")
    disk.chmod(0o640)
    machine = hypervisor.adopt("v1", Origin("disk", str(disk), firmware="bios"), MARK, in_place=True)
    point = hypervisor.freeze(machine, "v1")
    assert disk.stat().st_mode & 0o777 == 0o440
    hypervisor.drop_snapshot(point)
    hypervisor.destroy(machine)
    assert disk.stat().st_mode & 0o777 == 0o640
    assert disk_info(disk).virtual_size == 16 << 20


def test_any_write_to_a_frozen_file_changes_its_identity(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A frozen disk that somebody writes to, even without changing its size, has another stamp."""
    origin = Origin("disk", str(make(tmp_path / "d.raw", "raw")), firmware="bios")
    point = hypervisor.freeze(hypervisor.adopt("v1", origin, MARK, in_place=False), "v1")
    before = hypervisor.identity(point)
    assert hypervisor.identity(point) == before
    disk = Path(before[0].path)
    assert disk.stat().st_mode & 0o222 == 0
    disk.chmod(0o600)
    with disk.open("r+b") as file:
        file.seek(disk.stat().st_size - 1)
        file.write(b"x")
    assert [stamp.path for stamp in hypervisor.identity(point) if stamp not in before] == [str(disk)]
    disk.unlink()
    with pytest.raises(NotFound):
        hypervisor.identity(point)


def test_disks_that_lie_on_each_other_can_move_together(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """The backing path is relative and its format is written down."""
    origin = Origin("disk", str(make(tmp_path / "d.qcow2")), firmware="bios")
    point = hypervisor.freeze(hypervisor.adopt("v1", origin, MARK, in_place=False), "v1")
    hypervisor.clone("c1", point, MARK, CloneOptions())
    (tmp_path / "state").rename(tmp_path / "moved")
    info = disk_info(tmp_path / "moved/libvirt/store/c1/disk0.qcow2")
    assert info.backing == "../v1/disk0.qcow2"
    moved = PROVIDER.open(Endpoint("here", "qemu:///embed"), Scope("job", tmp_path / "moved"))
    with moved.open_disk(moved.find("c1")) as source:  # type: ignore[arg-type]
        assert source.read_at(0, 512) == bytes(512)
    assert moved.identity(Snapshot("v1", "v1"))


def test_the_firmware_is_read_from_the_partition_table(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A GPT with an EFI system partition boots by UEFI, anything else by BIOS."""
    esp = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
    gpt = bytearray(16 << 20)
    gpt[512:520] = b"EFI PART"
    gpt[512 + 72 : 512 + 88] = (2).to_bytes(8, "little") + (128).to_bytes(4, "little") + (128).to_bytes(4, "little")
    (tmp_path / "plain.raw").write_bytes(gpt)
    gpt[1024 : 1024 + 16] = esp
    (tmp_path / "uefi.raw").write_bytes(gpt)
    for stem, is_uefi in (("plain", False), ("uefi", True)):
        machine = hypervisor.adopt(stem, Origin("disk", str(tmp_path / f"{stem}.raw")), MARK, in_place=False)
        kinds = {file.kind for file in hypervisor.digest(hypervisor.freeze(machine, "v1"))}
        assert ("nvram" in kinds) is is_uefi


def test_the_embedded_driver_has_no_machines_to_adopt(hypervisor: Hypervisor) -> None:
    """Asking for a machine by name says what to give instead."""
    with pytest.raises(NotFound) as refused:
        hypervisor.examine(Origin("machine", "theirs"))
    assert "--from" in (refused.value.hint or "")


def test_a_record_that_is_torn_is_an_error_with_its_path(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A machine whose record cannot be read is said, not passed over."""
    folder = tmp_path / "state/libvirt/store/torn"
    folder.mkdir(parents=True)
    (folder / "machine.json").write_text('{"name": "to')
    with pytest.raises(GoldenError) as refused:
        hypervisor.find("torn")
    assert str(folder) in refused.value.brief


def test_looking_imports_no_libvirt(tmp_path: Path) -> None:
    """Finding, listing, freezing and reading go without libvirt: only a running machine needs it."""
    program = (
        "import sys; from pathlib import Path; from golden.provider import Endpoint, Scope\n"
        "from golden_libvirt import PROVIDER\n"
        "opened = PROVIDER.open(Endpoint('here', 'qemu:///embed'), Scope('look', Path(sys.argv[1])))\n"
        "opened.find('x'); opened.list_marked(); opened.free_space(); opened.close()\n"
        "sys.exit('libvirt' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == 0


def test_an_adoption_in_place_that_was_cut_off_can_be_taken_away(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """Killed before its definition was written, or failed there: it goes, and the user's disk is as it was."""
    disk = make(tmp_path / "theirs.qcow2")
    disk.chmod(0o640)
    before = disk.read_bytes()
    store = tmp_path / "state/libvirt/store/v1"
    hypervisor.adopt("v1", Origin("disk", str(disk), firmware="bios"), MARK, in_place=True)
    record = json.loads((store / "machine.json").read_text())
    (store / "machine.json").write_text(json.dumps({**record, "settled": False}))
    (store / "domain.xml").unlink()
    half = hypervisor.find("v1")
    assert half is not None
    assert not half.settled
    hypervisor.destroy(half)
    assert not store.exists()
    store.mkdir()  # killed once more, between its last file and its folder
    assert hypervisor.find("v1") is None
    assert not store.exists()
    assert (disk.read_bytes(), disk.stat().st_mode & 0o777) == (before, 0o640)


def test_a_version_whose_file_is_lost_can_still_be_let_go(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """What somebody deleted is named as changed, and stands in the way of no prune."""
    origin = Origin("disk", str(make(tmp_path / "theirs.qcow2")), firmware="bios")
    hypervisor.adopt("v1", origin, MARK, in_place=False)
    point = hypervisor.freeze(hypervisor.find("v1"), "v1")  # type: ignore[arg-type]
    (lost,) = [Path(file.path) for file in hypervisor.digest(point) if file.kind == "disk"]
    lost.unlink()
    with pytest.raises(GoldenError):
        hypervisor.identity(point)
    hypervisor.drop_snapshot(point)
    hypervisor.destroy(hypervisor.find("v1"))  # type: ignore[arg-type]
    assert hypervisor.find("v1") is None


def test_captured_images_are_their_owners_alone(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """An image may hold what its guest held: nobody else reads it before it is published."""
    origin = Origin("disk", str(make(tmp_path / "theirs.qcow2")), firmware="bios")
    machine = hypervisor.adopt("v1", origin, MARK, in_place=False)
    made = hypervisor.capture("i1", machine, MARK)
    folder = Path(made.forms[0].path or "").parent
    assert (folder.stat().st_mode & 0o077, folder.parent.stat().st_mode & 0o077) == (0, 0)
