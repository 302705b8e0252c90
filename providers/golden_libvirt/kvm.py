"""Whether hardware virtualization really works; asked of a virtual processor, not of a device file."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from pathlib import Path

from golden.waiting import Deadline
from golden_libvirt.record import write_json
from golden_libvirt.tools import bound

DEVICE = Path("/dev/kvm")
LIMIT = 5.0
"""Seconds SeaBIOS gets for its first line; it takes milliseconds on a processor that works."""


def verdict(state: Path, device: Path = DEVICE) -> str:
    """
    "" where KVM works, else one line that says why not. Tried once a boot and kept in ``state``.

    /dev/kvm can exist and a guest still die at its start or never run (docs/facts: libvirt, Connections), so a real
    firmware is started on it and its first words on the debug port are waited for.
    """
    note = state / "kvm.json"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    try:
        known = json.loads(note.read_text("utf-8"))
        if known["boot"] == boot:
            return str(known["verdict"])
    except (OSError, ValueError, KeyError):
        pass
    found = _try(device)
    state.mkdir(parents=True, exist_ok=True)
    write_json(note, {"boot": boot, "verdict": found})
    return found


def virt_type(state: Path, wanted: str | None) -> str:
    """Domain type for machines that golden defines: as configured, else kvm where it works, else qemu."""
    if wanted:
        return wanted
    return "qemu" if verdict(state) else "kvm"


def _try(device: Path) -> str:
    if not device.exists():
        return f"there is no {device}"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"this user may not use {device} (group kvm)"
    program = shutil.which("qemu-system-x86_64")
    if program is None:
        return "qemu-system-x86_64 is not installed"
    argv = (program, "-accel", "kvm", "-cpu", "host", "-machine", "pc", "-m", "64", "-nodefaults", "-display", "none")
    debug = ("-serial", "none", "-monitor", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402")
    child = subprocess.Popen(
        bound((*argv, *debug)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        heard = _listen(child, Deadline(LIMIT))
    finally:
        child.kill()
        _, words = child.communicate()
    if b"SeaBIOS" in heard:
        return ""
    said = words.decode(errors="replace").strip().splitlines()
    return said[0] if said else "a guest started with KVM never runs its first instruction"


def _listen(child: subprocess.Popen[bytes], deadline: Deadline) -> bytes:
    heard = b""
    assert child.stdout is not None
    while deadline.left > 0 and b"SeaBIOS" not in heard:
        readable, _, _ = select.select([child.stdout], [], [], deadline.left)
        piece = os.read(child.stdout.fileno(), 4096) if readable else b""
        if not piece:
            break
        heard += piece
    return heard
