"""Which files an adoption into a daemon takes from this computer, and which from its host: libvirt's test driver."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from golden.app.project import Project
from golden.app.run import sweep_scratch
from golden.errors import Conflict, EndpointError, NotFound
from golden.model import Mark, Origin, Role
from golden.provider import Scope
from golden.settings import Settings
from golden.waiting import Silent
from golden_libvirt import connection
from golden_libvirt.intake import Intake, look
from golden_libvirt.pool import Pool
from golden_libvirt.record import Record
from golden_libvirt.tools import disk_info


class Heard(Silent):
    """What an adoption says meanwhile."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.words: list[str] = []

    def doing(self, what: str) -> None:
        """One line."""
        self.words.append(what)


KILLED = """
import os, signal, sys
from pathlib import Path
from golden.provider import Scope
from golden_libvirt import connection, tools
from golden_libvirt.intake import Intake
from golden_libvirt.pool import Pool
disk, state = map(Path, sys.argv[1:])
def killed(event, given):
    if event == "open" and str(given[0]).endswith("flat.qcow2"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(killed)
line = connection.open_first("test:///default")
intake = Intake(line, Pool(line, "default-pool"), Scope("job", state), None, True)
intake.take("v1.disk0.qcow2", disk, tools.disk_info(disk), is_theirs=False)
"""
"""golden, killed when the copy that it made of a disk begins to go to the daemon."""


@pytest.fixture
def line() -> Iterator[connection.Line]:
    """libvirt's own stand-in for a host: its pools hold nothing of this computer's, and it takes no uploads."""
    opened = connection.open_first("test:///default")
    yield opened
    opened.close()


def intake(line: connection.Line, state: Path, heard: Heard, *, is_here: bool) -> Intake:
    """An adoption into the test driver's pool."""
    return Intake(line, Pool(line, "default-pool"), Scope("job", state, heard), None, is_here)


def test_a_file_of_another_host_is_never_looked_for_here(line: connection.Line, tmp_path: Path) -> None:
    """A machine of the same name here has its own variables and keys: that of the other host begins with its own."""
    mine = tmp_path / "win2022_VARS.fd"
    mine.write_bytes(b"the keys of a machine of this computer")
    heard = Heard()
    far = intake(line, tmp_path, heard, is_here=False)
    far.take_variables("v1.nvram.fd", mine, is_theirs=True)
    assert heard.words == [f"there are no firmware variables at {mine}; they begin anew"]
    with pytest.raises(NotFound):
        far.take_extra("v1.kernel", mine, is_theirs=True)
    with pytest.raises(EndpointError) as refused:
        far.take_extra("v1.kernel", mine, is_theirs=False)
    assert "virStorageVolUpload" in refused.value.details, "a file of this computer's is sent there"


def test_the_copy_of_a_disk_that_a_killed_adoption_leaves_is_cleared_up(tmp_path: Path) -> None:
    """It lies where golden looks for what killed jobs left, and no adoption that fails leaves one."""
    disk, state = tmp_path / "theirs.raw", tmp_path / "state"
    disk.write_bytes(bytes(1 << 20))
    argv = [sys.executable, "-c", KILLED, str(disk), str(state)]
    assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
    (left,) = [path for path in state.rglob("*") if path.is_file()]
    assert Scope("job", state).scratch in left.parents
    project = Project(Settings(None, tmp_path, state, {}, {}), write=True)
    sweep_scratch(project)
    project.close()
    assert not left.exists()


def test_an_adoption_that_fails_leaves_no_copy_of_a_disk(line: connection.Line, tmp_path: Path) -> None:
    """The test driver takes no upload."""
    disk, state = tmp_path / "theirs.raw", tmp_path / "state"
    disk.write_bytes(bytes(1 << 20))
    with pytest.raises(EndpointError):
        intake(line, state, Heard(), is_here=True).take("v1", disk, disk_info(disk), is_theirs=False)
    assert not list(state.iterdir())


def test_a_daemon_copies_no_disk_by_another_format_than_its_definition_says(
    line: connection.Line, tmp_path: Path
) -> None:
    """libvirt's storage guesses, and a guest that writes a VMDK's descriptor onto its raw disk says what it guesses."""
    pool = Pool(line, "default-pool")
    volume = "<volume><name>theirs.img</name><capacity>1</capacity><target><format type='vmdk'/></target></volume>"
    native = pool.native.createXML(volume, 0)
    disk = (
        f"<disk type='file'><driver name='qemu' type='raw'/><source file='{native.path()}'/><target dev='vda'/></disk>"
    )
    machine = f"<name>theirs</name><memory>1</memory><os><type>hvm</type></os><devices>{disk}</devices>"
    line.native.defineXML(f"<domain type='test'>{machine}</domain>")
    found = look(line, Origin("machine", "theirs"), remote=True)
    assert "disk-format" in {problem.id for problem in found.problems if problem.severity == "error"}
    near = replace(found.infos[0], format="raw")
    with pytest.raises(Conflict) as refused:
        intake(line, tmp_path, Heard(), is_here=True).take("v1.disk0.qcow2", found.disks[0], near, is_theirs=True)
    assert "vmdk" in refused.value.brief


def test_a_disk_that_boots_by_uefi_on_another_host_has_that_hosts_firmware(
    line: connection.Line, tmp_path: Path
) -> None:
    """Its distribution may keep it elsewhere than this computer's, which may have none at all."""
    disk = tmp_path / "theirs.raw"
    disk.write_bytes(bytes(1 << 20))
    origin = Origin("disk", str(disk), firmware="uefi", os="linux")
    entry = Record("v1", Mark(Role.VERSION, "job", "reference", "installation"), "uuid")
    far = intake(line, tmp_path, Heard(), is_here=False)
    domain, extras = far.definition(entry, origin, look(line, origin, remote=True))
    system = domain.find("os[@firmware='efi']")
    assert system is not None
    assert system.find("loader") is None
    assert system.find("firmware/feature[@name='secure-boot'][@enabled='no']") is not None
    assert extras == {}
