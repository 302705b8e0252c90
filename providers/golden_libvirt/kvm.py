"""Whether hardware virtualization really works; asked of a virtual processor, not of a device file."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from golden.errors import GoldenError
from golden.waiting import Deadline
from golden_libvirt.connection import Line
from golden_libvirt.record import write_json
from golden_libvirt.tools import bound

DEVICE = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
PROBE = Path(__file__).with_name("kvm_probe.bin")
"""Made from kvm_probe.S beside it."""
RUNS = b"golden: 64-bit code runs"
"""What it writes to the debug port."""
FAULT = b"KVM internal error"
"""What QEMU writes where KVM cannot go on; the machine then stands still, and QEMU does not end."""
LIMIT = 5.0
"""Seconds until the probe has to be heard; a processor that works needs a fraction of one."""


def verdict(state: Path, device: Path = DEVICE) -> str:
    """
    "" where KVM works, else one line that says why not. What was tried is kept in ``state`` until the next boot.

    /dev/kvm can exist and a guest still die at its start, never run, or run its firmware and break in its kernel
    (docs/facts: libvirt, Connections), so a little program does there what every kernel does first.
    """
    if why := _unusable(device):
        return why
    note = state / "kvm.json"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    try:
        known = json.loads(note.read_text("utf-8"))
        if known["boot"] == boot:
            return str(known["verdict"])
    except (OSError, ValueError, KeyError):
        pass
    found, is_sure = _try()
    if is_sure:
        with suppress(OSError, GoldenError):  # golden doctor looks at projects that cannot be written, too
            state.mkdir(parents=True, exist_ok=True)
            write_json(note, {"boot": boot, "verdict": found})
    return found


def virt_type(state: Path, wanted: str | None) -> str:
    """Domain type for machines that golden defines: as configured, else kvm where it works, else qemu."""
    if wanted:
        return wanted
    return "qemu" if verdict(state) else "kvm"


def is_offered(line: Line) -> bool:
    """Whether a daemon's computer has KVM, as far as libvirt there knows: nothing can be tried from here."""
    try:
        line.native.getDomainCapabilities(None, "x86_64", None, "kvm", 0)
    except line.libvirt.libvirtError:
        return False
    return True


def _unusable(device: Path) -> str:
    """What an administrator changes without a new boot, so it is asked each time."""
    if not device.exists():
        return f"there is no {device}"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"this user may not use {device} (group kvm)"
    return "" if shutil.which(QEMU) else f"{QEMU} is not installed"


def _try() -> tuple[str, bool]:
    """What is wrong, and whether that is sure: a busy computer may only have been too slow."""
    argv = (QEMU, "-accel", "kvm", "-cpu", "host", "-machine", "pc", "-m", "64", "-nodefaults", "-display", "none")
    debug = ("-serial", "none", "-monitor", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402")
    child = subprocess.Popen(
        bound((*argv, *debug, "-no-reboot", "-kernel", str(PROBE))),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = Deadline(LIMIT)
        heard = _listen(child, deadline)
        is_sure = deadline.left > 0
    finally:
        child.kill()
        child.communicate()
    if RUNS in heard:
        return "", True
    return _what_is_wrong(heard), is_sure


def _what_is_wrong(heard: bytes) -> str:
    said = [line.strip() for line in heard.decode(errors="replace").splitlines() if line.strip()]
    for line in said:
        if line.startswith(FAULT.decode()):
            return f"KVM cannot run a guest's 64-bit code ({line})"
    if b"SeaBIOS" in heard:
        return "a guest started with KVM runs its firmware and no 64-bit code"
    return said[0] if said else "a guest started with KVM never runs its first instruction"


def _listen(child: subprocess.Popen[bytes], deadline: Deadline) -> bytes:
    heard = b""
    assert child.stdout is not None
    while deadline.left > 0 and RUNS not in heard and FAULT not in heard:
        readable, _, _ = select.select([child.stdout], [], [], deadline.left)
        piece = os.read(child.stdout.fileno(), 4096) if readable else b""
        if not piece:
            break
        heard += piece
    return heard
