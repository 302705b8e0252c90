"""Virtual disks are real: read back by two others' readers, chains break as chains break."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from dissect.hypervisor.disk.vhdx import VHDX

from tests.peers.hyperv.client import Client
from tests.peers.hyperv.host import vhdx
from tests.peers.hyperv.peer import Peer

pytestmark = pytest.mark.slow

MB = 1 << 20


def real(peer: Peer, windows: str) -> Path:
    """Where a disk lies."""
    return peer.drive(windows)


def content(path: Path) -> bytes:
    """The whole disk as dissect reads it, chain and all."""
    with VHDX(path) as disk:
        return bytes(disk.read(disk.size))


def raw(path: Path, folder: Path) -> bytes:
    """The whole disk as qemu-img reads it."""
    target = folder / "raw"
    subprocess.run(["qemu-img", "convert", "-f", "vhdx", "-O", "raw", str(path), str(target)], check=True)
    return target.read_bytes()


def find(child: Path, locator: vhdx.Locator) -> Path:
    """Parents lie where the relative path says."""
    return (child.parent / locator.relative.replace("\\", "/")).resolve()


def test_a_chain_of_three_is_read_alike_by_others(tmp_path: Path) -> None:
    """Our reader and dissect's agree on every byte; blocks of other sizes in between too."""
    base, middle, leaf = (tmp_path / name for name in ("base.vhdx", "sub/middle.vhdx", "leaf.vhdx"))
    middle.parent.mkdir()
    vhdx.create(base, 65 * MB, block=8 * MB)
    with vhdx.Disk(base, write=True) as disk:
        disk.write(3 * MB + 7, b"base" * MB)

    for child, parent in ((middle, base), (leaf, middle)):
        with vhdx.Disk(parent, find) as above:
            linkage = above.data_write
        vhdx.create(child, 65 * MB, parent=vhdx.locator(child, parent, "C:\\nowhere\\x.vhdx", linkage))
        with vhdx.Disk(child, find, write=True) as disk:
            assert disk.write(40 * MB if child is leaf else 5 * MB - 3, child.name.encode() * 1000)
    with vhdx.Disk(leaf, find) as disk:
        mine = disk.read(0, 65 * MB)
    assert mine == content(leaf)
    assert b"leaf.vhdx" in mine and b"middle.vhdx" in mine and b"basebase" in mine


@pytest.mark.parametrize("fixed", [False, True])
def test_flat_disks_pass_qemus_check(tmp_path: Path, fixed: bool) -> None:
    """Dynamic and fixed disks, empty and written to."""
    disk = tmp_path / "disk.vhdx"
    vhdx.create(disk, 21 * MB, block=2 * MB, fixed=fixed)
    with vhdx.Disk(disk, write=True) as opened:
        opened.write(4 * MB - 5, b"x" * 20)
    subprocess.run(["qemu-img", "check", "-q", str(disk)], check=True)
    with vhdx.Disk(disk) as opened:
        assert opened.read(0, 21 * MB) == raw(disk, tmp_path) == content(disk)


def test_converting_copies_the_chain_and_touches_nothing(run: Client, peer: Peer, tmp_path: Path) -> None:
    """A child of a seeded machine becomes one flat disk with the same content; its parent's bytes are as they were."""
    made = peer.seed("convert")
    before = real(peer, made.disk).read_bytes()
    assert run("New-VHD", Path="C:\\golden\\child.vhdx", ParentPath=made.disk, Differencing=True).one["VhdType"] == (
        "Differencing"
    )
    done = run("Convert-VHD", Path="C:\\golden\\child.vhdx", DestinationPath="C:\\golden\\flat.vhdx", VHDType="Dynamic")
    assert not done.errors and done.progress
    flat = real(peer, "C:\\golden\\flat.vhdx")
    subprocess.run(["qemu-img", "check", "-q", str(flat)], check=True)
    assert raw(flat, tmp_path) == content(real(peer, made.disk))
    assert real(peer, made.disk).read_bytes() == before
    told = run("Get-VHD", Path="C:\\golden\\flat.vhdx").one
    assert (told["VhdType"], told["ParentPath"]) == ("Dynamic", "")


def test_a_parent_that_was_written_breaks_its_children(run: Client, peer: Peer) -> None:
    """Mount-VHD for writing is enough: Test-VHD is false, Start-VM fails; mounted read-only nothing happens."""
    made = peer.seed("parent")
    child = "C:\\golden\\broken.vhdx"
    run("New-VHD", Path=child, ParentPath=made.disk)
    assert not run("New-VM", Name="broken", VHDPath=child, Generation=2).errors
    run("Mount-VHD", Path=made.disk, ReadOnly=True), run("Dismount-VHD", Path=made.disk)
    assert run("Test-VHD", Path=child).one is True
    run("Mount-VHD", Path=made.disk), run("Dismount-VHD", Path=made.disk)
    tested = run("Test-VHD", Path=child)
    assert tested.output == [False] and tested.fqid.startswith("OperationFailed,")
    started = run("Start-VM", Name="broken")
    assert started.fqid.startswith("OperationFailed,") and "0xC03A000E" in started.errors[0][1]
    assert not run("Set-VHD", Path=child, ParentPath=made.disk, IgnoreIdMismatch=True).errors
    assert run("Test-VHD", Path=child).one is True


def test_what_the_disk_cmdlets_refuse(run: Client, peer: Peer) -> None:
    """Existing targets, missing files and folders, other formats, disks in use, read-only files."""
    made = peer.seed("refusing")
    new = "C:\\golden\\new.vhdx"
    for fqid, command, given in (
        ("OperationFailed", "New-VHD", {"Path": made.disk, "SizeBytes": 64 * MB}),
        ("ObjectNotFound", "New-VHD", {"Path": "C:\\nowhere\\x.vhdx", "SizeBytes": 64 * MB}),
        ("InvalidParameter", "New-VHD", {"Path": new, "ParentPath": "C:\\golden\\none.vhdx"}),
        ("InvalidParameter", "New-VHD", {"Path": "C:\\golden\\x.raw", "SizeBytes": 64 * MB}),
        ("InvalidParameter", "New-VHD", {"Path": new, "SizeBytes": 1000}),
        ("InvalidParameter", "New-VHD", {"Path": new, "SizeBytes": 64 * MB, "BlockSizeBytes": 3 * MB}),
        ("ObjectNotFound", "Get-VHD", {"Path": new}),
        ("InvalidState", "Optimize-VHD", {"Path": made.disk, "Mode": "Full"}),
    ):
        assert run(command, **given).fqid.startswith(fqid + ","), (command, given)
    real(peer, made.disk).chmod(0o444)
    assert run("Start-VM", Name="refusing").fqid.startswith("AccessDenied,")
    assert run("Mount-VHD", Path=made.disk).fqid.startswith("AccessDenied,")
    assert run("Remove-Item", LiteralPath=made.disk).fqid.startswith("RemoveFileSystemItemUnAuthorizedAccess,")
    assert not run("New-VHD", Path=new, ParentPath=made.disk).errors
    real(peer, made.disk).chmod(0o644)
    assert not run("Start-VM", Name="refusing").errors
    for command, more in (("Convert-VHD", {"DestinationPath": "C:\\golden\\y.vhdx"}), ("Mount-VHD", {})):
        assert run(command, Path=made.disk, **more).fqid.startswith("ObjectInUse,")
    assert run("Remove-Item", LiteralPath=made.disk, Force=True).fqid.startswith("IOException,")
    run("Stop-VM", Name="refusing", TurnOff=True)


SETTING = (
    '<INSTANCE CLASSNAME="Msvm_VirtualHardDiskSettingData">'
    '<PROPERTY NAME="Type" TYPE="uint16"><VALUE>3</VALUE></PROPERTY>'
    '<PROPERTY NAME="Path" TYPE="string"><VALUE>{}</VALUE></PROPERTY></INSTANCE>'
)


def test_a_storage_job_outlives_the_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Begun by CIM, it goes on when the whole WinRM service is killed, and is found again by its id."""
    from tests.peers.hyperv.client import connected

    with Peer(tmp_path_factory.mktemp("job") / "peer", openssh=False) as peer:
        made = peer.seed("job")
        peer.rule("Job.convert", "delay", seconds=4)
        with suppress(Exception), connected(peer) as run:  # its session ends with the server
            service = {"Namespace": "root/virtualization/v2", "ClassName": "Msvm_ImageManagementService"}
            given = {"SourcePath": made.disk, "VirtualDiskSettingData": SETTING.format("C:\\golden\\job.vhdx")}
            begun = run("Get-CimInstance", ("Invoke-CimMethod", {
                "MethodName": "ConvertVirtualHardDisk", "Arguments": given}), **service).one  # fmt: skip
            peer.restart_server()
        assert begun["ReturnValue"] == 4096
        wanted = {"Namespace": "root/virtualization/v2", "ClassName": "Msvm_StorageJob"}
        with connected(peer) as run:
            jobs = run("Get-CimInstance", **wanted).one
            assert jobs["JobState"] == 4
            end = time.monotonic() + 20
            while run("Get-CimInstance", Filter=f"InstanceID='{jobs['InstanceID']}'", **wanted).one["JobState"] == 4:
                assert time.monotonic() < end
            done = run("Get-CimInstance", Filter=f"InstanceID='{jobs['InstanceID']}'", **wanted).one
        assert (done["JobState"], done["PercentComplete"]) == (7, 100)
        assert content(peer.drive("C:\\golden\\job.vhdx")) == content(peer.drive(made.disk))
