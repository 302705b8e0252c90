"""Files that belong to others: what may not be read is told when it is looked at, and stops only what needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from golden_libvirt import tools

LOOKS = """
import json, sys
from pathlib import Path
from golden.errors import GoldenError
from golden.model import Mark, Origin, Role
from golden.provider import Endpoint, Scope
from golden_libvirt import PROVIDER
kind, where, state = sys.argv[1:]
hypervisor = PROVIDER.open(Endpoint("here", "qemu:///embed", {"virt_type": "qemu"}), Scope("job", Path(state)))
mark = Mark(Role.VERSION, "job", "reference", "installation")
try:
    origin = Origin(kind, where)
    told = {problem.id: problem.severity for problem in hypervisor.examine(origin).problems}
    if "error" not in told.values():
        hypervisor.adopt("v1", origin, mark, in_place=False)
    print(json.dumps(told))
except GoldenError as error:
    print(json.dumps({type(error).__name__: error.brief}))
"""
DEFINITION = """<domain type='qemu'><name>theirs</name><memory>1</memory><os><type>hvm</type>OS</os>
<devices><disk type='file' device='disk'><source file='DISK'/><target dev='vda'/></disk></devices></domain>"""
CODE = "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"


def looked(kind: str, where: Path, state: Path) -> dict[str, str]:
    """What a user is told who has no rights but his own; root gives those up that open every file."""
    argv = [sys.executable, "-c", LOOKS, kind, str(where), str(state)]
    if os.geteuid() == 0:
        argv = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", *argv]
    told = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    return dict(json.loads(told))


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that may not be entered, with a disk, a kernel and firmware variables in it."""
    folder = tmp_path / "closed"
    folder.mkdir()
    for name in ("disk.qcow2", "kernel", "vars.fd", "tpm2-00.permall"):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(folder / name), "16M"], check=True)
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A disk of the user's own."""
    disk = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    return disk


@pytest.mark.parametrize("mode", [0, 0o755], ids=["in a closed folder", "closed themselves"])
def test_files_of_others_are_findings(tmp_path: Path, closed: Path, mine: Path, mode: int) -> None:
    """Firmware variables begin anew with a warning; a disk or a kernel that may not be read forbids adopting."""
    wanted = {
        (mine, f"{CODE}<nvram>{closed / 'vars.fd'}</nvram>"): {"nvram-fresh": "warning"},
        (mine, f"<kernel>{closed / 'kernel'}</kernel>"): {"kernel-unreadable": "error"},
        (closed / "disk.qcow2", ""): {"disk-unreadable": "error"},
    }
    for path in closed.iterdir():
        path.chmod(0)
    closed.chmod(mode)
    try:
        for number, ((disk, system), told) in enumerate(wanted.items()):
            if "nvram-fresh" in told and not Path("/usr/share/OVMF").exists():
                continue
            where = tmp_path / f"{number}.xml"
            where.write_text(DEFINITION.replace("OS", system).replace("DISK", str(disk)))
            assert looked("definition", where, tmp_path / f"state{number}") == told
        told = looked("disk", closed / "disk.qcow2", tmp_path / "state")
        assert told.keys() <= {"Refused", "disk-unreadable"}
        assert told
    finally:
        closed.chmod(0o755)


@pytest.mark.parametrize("mode", [0, 0o755], ids=["in a closed folder", "closed itself"])
def test_the_state_of_a_tpm_that_may_not_be_read_begins_anew(
    tmp_path: Path, closed: Path, mine: Path, mode: int
) -> None:
    """With a warning, and the machine is adopted."""
    tpm = f"<tpm><backend type='emulator'><source type='dir' path='{closed}'/></backend></tpm></devices>"
    text = DEFINITION.replace("OS", "").replace("DISK", str(mine)).replace("</devices>", tpm)
    (tmp_path / "theirs.xml").write_text(text)
    (closed / "tpm2-00.permall").chmod(0)
    closed.chmod(mode)
    try:
        assert looked("definition", tmp_path / "theirs.xml", tmp_path / "state") == {"tpm-fresh": "warning"}
    finally:
        closed.chmod(0o755)


def test_what_is_readable_is_a_file(tmp_path: Path, mine: Path) -> None:
    """A folder, an absent path and a loop of links are none."""
    (tmp_path / "loop").symlink_to("loop")
    assert tools.is_readable(mine)
    assert not any(map(tools.is_readable, (tmp_path, tmp_path / "absent", tmp_path / "loop", mine / "below")))
