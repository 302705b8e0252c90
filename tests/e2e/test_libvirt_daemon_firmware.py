"""Firmware variables of a daemon's machines: the user's are copied and left alone, every clone has its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from golden.model import CloneOptions, Mark, Origin, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden_libvirt import PROVIDER, connection
from tests.e2e.libvirt_daemon import daemon, pool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.daemon,
    pytest.mark.skipif(not Path("/usr/share/OVMF").exists(), reason="no UEFI firmware (apt install ovmf)"),
]

MARK = Mark(Role.CLONE, "job", "reference", "installation")
CODE = "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"
WAYS = {
    "text": f"<os><type arch='x86_64' machine='q35'>hvm</type>{CODE}<nvram>THEIRS</nvram></os>",
    "source": f"<os><type arch='x86_64' machine='q35'>hvm</type>{CODE}"
    "<nvram type='file'><source file='THEIRS'/></nvram></os>",
    "libvirt's own choice": "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>",
}
MACHINE = """<domain type='qemu'><name>NAME</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>OS
<features><acpi/></features><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='FOLDER/theirs.qcow2'/><target dev='sda' bus='sata'/></disk></devices></domain>"""


@dataclass(frozen=True)
class Place:
    """A daemon with a pool of golden's and a machine of the user's beside it."""

    hypervisor: Hypervisor
    folder: Path
    golden: str
    """Of the pool, and how the names of machines in it begin."""
    name: str
    variables: Path
    """The user's own."""


@pytest.fixture(scope="module", autouse=True)
def running() -> Iterator[None]:
    """One daemon for all tests here."""
    with daemon():
        yield


@pytest.fixture(params=list(WAYS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A machine that was started once, so that its firmware variables are there."""
    with ExitStack() as stack:
        golden, theirs = stack.enter_context(pool()), stack.enter_context(pool())
        folder, name = Path("/var/lib/libvirt") / theirs, f"{theirs}-machine"
        disk = str(folder / "theirs.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        variables = folder / "theirs_VARS.fd"
        if "own" in request.param:
            variables = Path(f"/var/lib/libvirt/qemu/nvram/{name}_VARS.fd")
        line = connection.open_first("qemu:///system")
        text = MACHINE.replace("OS\n", WAYS[request.param] + "\n").replace("THEIRS", str(variables))
        native = line.native.defineXML(text.replace("NAME", name).replace("FOLDER", str(folder)))
        stack.callback(_forget, line, native)
        native.create()
        native.destroy()
        with variables.open("r+b") as file:
            file.seek(4096)
            file.write(b"the user's own variables")
        endpoint = Endpoint("here", "qemu:///system", {"pool": golden})
        hypervisor = PROVIDER.open(endpoint, Scope("job", tmp_path / "state"))
        stack.callback(hypervisor.close)
        yield Place(hypervisor, Path("/var/lib/libvirt") / golden, golden, name, variables)


def _forget(line: Any, native: Any) -> None:
    native.undefineFlags(line.libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    line.close()


def test_every_machine_of_goldens_has_variables_of_its_own(place: Place) -> None:
    """Adopted ones begin with the user's, clones with their version's; what goes takes nobody else's along."""
    before = place.variables.read_bytes()
    place.hypervisor.adopt(f"{place.golden}-v1", Origin("machine", place.name), MARK, in_place=False)
    point = place.hypervisor.freeze(place.hypervisor.find(f"{place.golden}-v1"), "v1")  # type: ignore[arg-type]
    assert (place.folder / f"{place.golden}-v1.nvram.fd").read_bytes() == before
    stamps = place.hypervisor.identity(point)
    assert "nvram" in {file.kind for file in place.hypervisor.digest(point)}
    clone = place.hypervisor.clone(f"{place.golden}-c1", Snapshot(f"{place.golden}-v1", "v1"), MARK, CloneOptions())
    mine = place.folder / f"{place.golden}-c1.nvram.fd"
    assert mine.read_bytes() == before
    clone = place.hypervisor.start(clone)
    place.hypervisor.stop(clone)
    place.hypervisor.destroy(clone)
    assert not mine.exists()
    assert place.hypervisor.identity(point) == stamps
    assert place.variables.read_bytes() == before
    place.hypervisor.drop_snapshot(point)
    place.hypervisor.destroy(place.hypervisor.find(f"{place.golden}-v1"))  # type: ignore[arg-type]
    assert place.variables.read_bytes() == before
    assert not list(place.folder.iterdir())


@pytest.mark.parametrize("place", ["libvirt's own choice"], indirect=True)
def test_variables_that_come_to_be_in_a_clone_are_part_of_the_next_version(place: Place) -> None:
    """A machine whose variables were never made gets them at its clone's first start, and they are frozen with it."""
    place.variables.unlink()
    place.hypervisor.adopt(f"{place.golden}-v1", Origin("machine", place.name), MARK, in_place=False)
    point = place.hypervisor.freeze(place.hypervisor.find(f"{place.golden}-v1"), "v1")  # type: ignore[arg-type]
    assert "nvram" not in {file.kind for file in place.hypervisor.digest(point)}
    clone = place.hypervisor.start(place.hypervisor.clone(f"{place.golden}-c1", point, MARK, CloneOptions()))
    place.hypervisor.stop(clone)
    second = place.hypervisor.freeze(clone, "v2")
    assert "nvram" in {file.kind for file in place.hypervisor.digest(second)}
    for name, frozen in ((f"{place.golden}-c1", second), (f"{place.golden}-v1", point)):
        place.hypervisor.drop_snapshot(frozen)
        place.hypervisor.destroy(place.hypervisor.find(name))  # type: ignore[arg-type]
    assert not list(place.folder.iterdir())
