"""Whether KVM really works is found out by starting a processor, and what is wrong is named; on real QEMU."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from golden.provider import Endpoint, Scope
from golden_libvirt import PROVIDER, kvm


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


def test_a_processor_that_runs_is_heard(tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SeaBIOS's first words on the debug port are enough; here its processor is emulated."""
    real = shutil.which("qemu-system-x86_64")
    program(tmp_path, monkeypatch, f'shift 4; exec {real} -accel tcg -cpu max "$@"')
    assert kvm.verdict(tmp_path / "state", device) == ""
    assert kvm.virt_type(tmp_path / "state", None) == "kvm"
    assert kvm.virt_type(tmp_path / "state", "qemu") == "qemu", "what is configured wins"


def test_a_guest_that_never_runs_is_named_within_seconds(
    tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is there, QEMU starts, and no instruction is ever run: broken nested virtualization looks so."""
    program(tmp_path, monkeypatch, "exec sleep 60")
    begun = time.monotonic()
    assert "never runs its first instruction" in kvm.verdict(tmp_path / "state", device)
    assert time.monotonic() - begun < kvm.LIMIT + 3
    assert kvm.virt_type(tmp_path / "state", None) == "qemu"


def test_what_qemu_says_of_it_is_told(tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A QEMU that cannot use the device says why."""
    program(tmp_path, monkeypatch, "echo 'failed to initialize kvm: Operation not permitted' >&2; exit 1")
    assert kvm.verdict(tmp_path / "state", device) == "failed to initialize kvm: Operation not permitted"


def test_a_missing_device_is_named_once_a_boot_and_by_doctor(tmp_path: Path) -> None:
    """It is a warning with what to do, and the answer is kept until the next boot."""
    scope = Scope("look", tmp_path / "state")
    kvm.verdict(scope.state / "libvirt", tmp_path / "no-kvm")
    found = {one.id: one for one in PROVIDER.diagnose(Endpoint("here", "qemu:///embed"), scope)}
    assert found["kvm-broken"].severity == "warning"
    assert str(tmp_path / "no-kvm") in found["kvm-broken"].evidence
    assert "virtualization" in found["kvm-broken"].fix
