"""Whether KVM really works is found out by starting a processor, and what is wrong is named; on real QEMU."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from golden.errors import EndpointError
from golden.model import CloneOptions, Machine, Mark, Origin, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline
from golden_libvirt import PROVIDER, kvm
from golden_libvirt.agent import LOOK_AGAIN


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A file in the device's place: there and usable, as far as its permissions tell."""
    path = tmp_path / "kvm"
    path.touch()
    return path


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """What is found as QEMU on the search path."""
    path = folder / "bin/qemu-system-x86_64"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")


def emulated(processor: str) -> str:
    """A QEMU that takes every word of the probe's, and emulates the processor."""
    return f'shift 4; exec {shutil.which(kvm.QEMU)} -accel tcg -cpu {processor} "$@"'


def test_a_processor_that_runs_is_heard(tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe reaches 64-bit code and says so; here its processor is emulated."""
    program(tmp_path, monkeypatch, emulated("max"))
    assert kvm.verdict(tmp_path / "state", device) == ""
    assert kvm.virt_type(tmp_path / "state", None) == "kvm"
    assert kvm.virt_type(tmp_path / "state", "qemu") == "qemu", "what is configured wins"


def test_it_is_found_out_where_nothing_can_be_kept(
    tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """doctor looks at a project on a disk that cannot be written, too."""
    program(tmp_path, monkeypatch, emulated("max"))
    (tmp_path / "state").touch()
    assert kvm.verdict(tmp_path / "state", device) == ""


@pytest.mark.parametrize("processor", ["qemu64,-lm", "max,-cx16"], ids=["no 64 bits", "no swap under a lock"])
def test_firmware_that_runs_is_not_enough(
    tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch, processor: str
) -> None:
    """A processor that runs 16-bit firmware and then breaks is no processor for a kernel."""
    program(tmp_path, monkeypatch, emulated(processor))
    assert "runs its firmware and no 64-bit code" in kvm.verdict(tmp_path / "state", device)


def test_a_processor_that_kvm_gives_up_is_named_at_once(
    tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QEMU goes on then, with a machine that stands still."""
    words = "echo 'SeaBIOS'; echo 'KVM internal error. Suberror: 1' >&2; exec sleep 60"
    program(tmp_path, monkeypatch, words)
    begun = time.monotonic()
    assert "(KVM internal error. Suberror: 1)" in kvm.verdict(tmp_path / "state", device)
    assert time.monotonic() - begun < kvm.LIMIT / 2


def test_the_probe_is_what_its_source_says(tmp_path: Path) -> None:
    """Assembled anew it is the same, byte for byte."""
    made, source = tmp_path / "probe.bin", kvm.PROBE.with_suffix(".S")
    command = next(line for line in source.read_text().splitlines() if "gcc" in line).split("gcc", 1)[1].split()[:-1]
    subprocess.run(["gcc", *command, "-o", str(made), str(source)], check=True)
    assert made.read_bytes() == kvm.PROBE.read_bytes()


@pytest.mark.slow
def test_a_guest_that_never_runs_is_named_within_seconds(
    tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is there, QEMU starts, and no instruction is ever run: broken nested virtualization looks so."""
    program(tmp_path, monkeypatch, "exec sleep 60")
    begun = time.monotonic()
    assert "never runs its first instruction" in kvm.verdict(tmp_path / "state", device)
    assert time.monotonic() - begun < kvm.LIMIT + 3
    assert not (tmp_path / "state").exists(), "it may have been slow only, so it is tried again next time"


def test_what_qemu_says_of_it_is_told(tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A QEMU that cannot use the device says why."""
    program(tmp_path, monkeypatch, "echo 'failed to initialize kvm: Operation not permitted' >&2; exit 1")
    assert kvm.verdict(tmp_path / "state", device) == "failed to initialize kvm: Operation not permitted"


def test_who_may_use_the_device_is_asked_each_time(
    tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what was tried is kept until the next boot: a device that comes later, or a group, needs none."""
    device.unlink()
    program(tmp_path, monkeypatch, emulated("max"))
    assert "there is no" in kvm.verdict(tmp_path / "state", device)
    device.touch()
    assert kvm.verdict(tmp_path / "state", device) == ""


def empty_machine(folder: Path, virt_type: str) -> tuple[Hypervisor, Machine]:
    """A machine with nothing on its disk, made for one domain type."""
    disk = folder / "theirs.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    endpoint = Endpoint("here", "qemu:///embed", {"virt_type": virt_type})
    hypervisor = PROVIDER.open(endpoint, Scope("job", folder / "state"))
    mark = Mark(Role.CLONE, "job", "reference", "installation")
    return hypervisor, hypervisor.adopt("theirs", Origin("disk", str(disk), firmware="bios"), mark, in_place=False)


@pytest.mark.slow
def test_a_machine_for_kvm_is_not_started_where_kvm_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stand still until its deadline; a clone of the same version for software emulation starts."""
    program(tmp_path, monkeypatch, "echo 'KVM internal error. Suberror: 1'; exec sleep 60")
    hypervisor, machine = empty_machine(tmp_path, "kvm")
    with pytest.raises(EndpointError, match="defined for KVM, which does not work here") as met:
        hypervisor.start(machine)
    assert 'virt_type = "qemu"' in str(met.value.hint)
    hypervisor.freeze(machine, "v1")
    software = PROVIDER.open(Endpoint("here", "qemu:///embed", {"virt_type": "qemu"}), Scope("job", tmp_path / "state"))
    clone = software.clone("clone", Snapshot("theirs", "v1"), machine.mark, CloneOptions())
    monkeypatch.undo()
    assert software.start(clone).power == "on"
    software.destroy(clone)


@pytest.mark.slow
def test_a_processor_that_qemu_stopped_is_named_long_before_the_deadline(tmp_path: Path) -> None:
    """QEMU stops a machine whose processor KVM gave up, and libvirt knows no reason; here its monitor was asked to."""
    import libvirt_qemu

    hypervisor, machine = empty_machine(tmp_path, "qemu")
    hypervisor.start(machine)
    try:
        line = hypervisor._line_of(hypervisor.store.get(machine.name))  # type: ignore[attr-defined]
        libvirt_qemu.qemuMonitorCommand(line.domain(machine.name), '{"execute": "stop"}', 0)
        begun = time.monotonic()
        with pytest.raises(EndpointError, match="QEMU stopped the processor of theirs"):
            hypervisor.communicator(machine).ready(Deadline(60))
        assert time.monotonic() - begun < LOOK_AGAIN / 2, (
            "by its event, not by the look that follows a while without any"
        )
    finally:
        hypervisor.destroy(machine)


def test_broken_kvm_is_a_warning_of_doctors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is wrong, and what to do."""
    program(tmp_path, monkeypatch, "echo 'failed to initialize kvm: Operation not permitted' >&2; exit 1")
    scope = Scope("look", tmp_path / "state")
    why = kvm.verdict(scope.state / "libvirt")
    found = {one.id: one for one in PROVIDER.diagnose(Endpoint("here", "qemu:///embed"), scope)}
    assert found["kvm-broken"].severity == "warning"
    assert why
    assert found["kvm-broken"].evidence == why
    assert "virtualization" in found["kvm-broken"].fix
