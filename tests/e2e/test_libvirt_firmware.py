"""A version of a machine is more than its disk: firmware variables and TPM state go with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from golden.model import CloneOptions, Mark, Origin, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline, Waiting
from golden_libvirt import PROVIDER, tools

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("swtpm") is None, reason="swtpm is not installed (apt install swtpm swtpm-tools)"),
    pytest.mark.skipif(not Path("/usr/share/OVMF").exists(), reason="no UEFI firmware (apt install ovmf)"),
]

MARK = Mark(Role.CLONE, "job", "reference", "installation")
DEFINITION = """<domain type='qemu'><name>theirs</name><uuid>8b1c2d3e-0000-4000-8000-000000000001</uuid>
<memory unit='MiB'>256</memory><vcpu>1</vcpu>
<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='theirs.qcow2'/>
<target dev='sda' bus='sata'/></disk>
<interface type='network'><mac address='52:54:00:11:22:33'/><source network='default'/>
<model type='e1000e'/></interface>
<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm></devices></domain>"""


DAEMON_UUID = "8b1c2d3e-0000-4000-8000-000000000001"


def test_the_tpm_of_a_machine_comes_along_or_is_missed_aloud(tmp_path: Path) -> None:
    """State that its definition names is copied; a machine whose state is not here is adopted with a warning."""
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "theirs.qcow2"), "64M")
    state = tmp_path / "swtpm" / DAEMON_UUID
    (state / "tpm2").mkdir(parents=True)
    (state / "tpm2/tpm2-00.permall").write_bytes(b"what the machine sealed to itself")
    (state / "tpm2/.lock").touch()
    backend = "<backend type='emulator' version='2.0'"
    (tmp_path / "with.xml").write_text(
        DEFINITION.replace(f"{backend}/>", f"{backend}><source type='dir' path='{state}'/></backend>")
    )
    (tmp_path / "without.xml").write_text(DEFINITION)
    opened = PROVIDER.open(Endpoint("here", "qemu:///embed"), Scope("job", tmp_path / "state"))
    assert "tpm-fresh" not in {
        one.id for one in opened.examine(Origin("definition", str(tmp_path / "with.xml"))).problems
    }
    missed = opened.examine(Origin("definition", str(tmp_path / "without.xml"))).problems
    assert {one.id: one.severity for one in missed} == {"nvram-fresh": "warning", "tpm-fresh": "warning"}
    opened.adopt("v1", Origin("definition", str(tmp_path / "with.xml")), MARK, in_place=False)
    files = {Path(file.path).name: file for file in opened.digest(opened.freeze(opened.find("v1"), "v1"))}
    assert files["tpm2-00.permall"].kind == "tpm"
    assert Path(files["tpm2-00.permall"].path).read_bytes() == b"what the machine sealed to itself"


@pytest.fixture
def hypervisor(tmp_path: Path) -> Hypervisor:
    """A machine with UEFI and a TPM, frozen as v1."""
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "theirs.qcow2"), "64M")
    (tmp_path / "theirs.xml").write_text(DEFINITION)
    opened = PROVIDER.open(Endpoint("here", "qemu:///embed"), Scope("job", tmp_path / "state"))
    origin = Origin("definition", str(tmp_path / "theirs.xml"))
    assert not [problem for problem in opened.examine(origin).problems if problem.severity == "error"]
    opened.freeze(opened.adopt("v1", origin, MARK, in_place=False), "v1")
    return opened


def test_firmware_variables_and_tpm_state_are_part_of_the_version(hypervisor: Hypervisor) -> None:
    """What a clone's firmware and TPM wrote is frozen with it and copied into its own clones."""
    clone = hypervisor.clone("c1", Snapshot("v1", "v1"), MARK, CloneOptions())
    clone = hypervisor.start(clone)
    store = Path(hypervisor.digest(Snapshot("v1", "v1"))[0].path).parents[1]
    waiting = Waiting(Deadline(120), tick=0.2)
    waiting.until("the TPM to be made", lambda: any((store / "c1/tpm").rglob("tpm2*all")))
    template = (store / "v1/nvram.fd").read_bytes()
    waiting.until("the firmware to write its variables", lambda: (store / "c1/nvram.fd").read_bytes() != template)
    hypervisor.stop(clone)
    frozen = hypervisor.freeze(clone, "v2")
    kinds = {file.kind: file.sha256 for file in hypervisor.digest(frozen)}
    assert set(kinds) == {"disk", "nvram", "tpm", "definition"}
    hypervisor.clone("c2", frozen, MARK, CloneOptions(linked=False))
    below = {file.kind: file.sha256 for file in hypervisor.digest(hypervisor.freeze(hypervisor.find("c2"), "v1"))}
    assert {kind: below[kind] for kind in ("nvram", "tpm")} == {kind: kinds[kind] for kind in ("nvram", "tpm")}
    assert (store / "c1/nvram.fd").stat().st_mode & 0o222 == 0
