"""
What a powered-off disk tells of the Linux on it.

The decision, from /etc/machine-id, SSH host keys, and golden's own mark in /etc/golden/seal::

    UNKNOWN   the journal was not written back (no orderly shutdown), or nothing below fits
    BROKEN    the mark says that sealing began and did not end
    SEALED    machine-id empty or "uninitialized", no host keys, mark "sealed"
    DEPLOYED  machine-id real, mark "sealed": it was sealed once and has booted since
    VIRGIN    machine-id real, no mark: the only acceptable state of a version

The mark lies beside the machine-id, for /var is often a volume of its own, and that is not read from outside.
"""

from __future__ import annotations

import re
import shlex

from golden.disk.cache import Cached
from golden.disk.damage import Damaged
from golden.disk.volumes import Volume, layout
from golden.guest.running import Running, Seen
from golden.linux.ext import Ext
from golden.linux.inside import Files, RunningFiles
from golden.model import GuestFacts, GuestState

MARK = "/etc/golden/seal"
OLD_MARK = "/var/lib/golden/seal"
"""Where it was written once; a machine that was deployed from such an image still has it."""
MACHINE_ID = "/etc/machine-id"
UNIT = "golden-host-keys.service"
UNIT_ENABLED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
NOT_SEEN = "not seen: /var is a volume of its own"
SEEDS = ("/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed")

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_ID = re.compile(r"[0-9a-f]{32}")
_MACHINES = {0x3E: "x86_64", 0xB7: "arm64", 0x03: "x86"}
_UNREAD = {"xfs": "XFS", "btrfs": "btrfs", "lvm": "LVM", "luks": "LUKS"}
"""What the root of a Linux may lie on, and golden does not look into."""
_PROGRAMS = ("/usr/bin/dpkg", "/usr/bin/rpm", "/bin/sh", "/usr/bin/sh")


def read_facts(disk: Seen) -> GuestFacts:
    """
    State and identity of the Linux on a powered-off disk, or of one that is on.

    Where there is none, or it cannot be understood, the state is UNKNOWN, ``os`` is empty, and the evidence says what
    was met. Only errors of the source itself (EndpointError) are raised.
    """
    try:
        volume, met = root_volume(disk)
        if volume is None:
            return GuestFacts(os="", state=GuestState.UNKNOWN, evidence=met)
        return _facts(volume)
    except Damaged as error:
        said = f"{error.brief} ({error.details})" if error.details else error.brief
        return GuestFacts(os="", state=GuestState.UNKNOWN, evidence=(("linux", said),))


def root_volume(disk: Seen) -> tuple[Files | None, tuple[tuple[str, str], ...]]:
    """The volume with the root file system, and what was met on the way to it; of a running guest its own root."""
    if isinstance(disk, Running):
        return RunningFiles(disk), (("read", "inside the guest"),)
    disk = disk if isinstance(disk, Cached) else Cached(disk)
    found = layout(disk)
    met = [("partition table", found.table)]
    for volume in found.volumes:
        met.append((f"volume {volume.number}", _shown(volume)))
        if volume.file_system != "ext":
            continue
        ext = Ext(disk, volume)
        if any(ext.find(path) for path in _OS_RELEASE):
            return ext, tuple(met)
    return None, tuple(met)


def signals(volume: Files) -> tuple[tuple[str, str], ...]:
    """Every input of the decision and of the seal's proof, in the order they are judged."""
    keys = sorted(name for name in volume.names("/etc/ssh") if name.startswith("ssh_host_") and name.endswith("_key"))
    seeds = [path for path in SEEDS if volume.find(path)]
    if any(volume.find(path) for path in ("/usr/sbin/sshd", "/usr/local/sbin/sshd")):
        made_again = "at each boot" if volume.find(UNIT_ENABLED) else "not by golden"
    else:
        made_again = "no SSH server"
    mark = next((text for path in (MARK, OLD_MARK) if (text := volume.text(path)) is not None), None)
    apart = not isinstance(volume, RunningFiles) and _is_apart(volume.text("/etc/fstab") or "")
    return (
        ("journal", "open" if volume.is_journal_open else "clean"),
        ("machine-id", _machine_id(volume.text(MACHINE_ID))),
        ("ssh host keys", " ".join(keys) or "none"),
        ("golden's mark", "none" if mark is None else mark.strip()[:40] or "empty"),
        ("ssh host keys made again", made_again),
        ("random seed", " ".join(seeds) or (NOT_SEEN if apart else "none")),
    )


def decide(inputs: tuple[tuple[str, str], ...]) -> GuestState:
    """The state, as the table at the top of this file has it."""
    told = dict(inputs)
    mark, identity = told["golden's mark"], told["machine-id"]
    if told["journal"] != "clean":
        return GuestState.UNKNOWN
    if mark == "begun":
        return GuestState.BROKEN
    if identity in ("empty", "uninitialized"):
        sealed = mark == "sealed" and told["ssh host keys"] == "none"
        return GuestState.SEALED if sealed else GuestState.UNKNOWN
    if not _ID.fullmatch(identity):
        return GuestState.UNKNOWN
    return {"none": GuestState.VIRGIN, "sealed": GuestState.DEPLOYED}.get(mark, GuestState.UNKNOWN)


def _facts(volume: Files) -> GuestFacts:
    release = _os_release(volume)
    inputs = signals(volume)
    return GuestFacts(
        os="linux",
        state=decide(inputs),
        evidence=inputs,
        product=release.get("PRETTY_NAME") or release.get("NAME", ""),
        edition=release.get("VARIANT", ""),
        version=release.get("VERSION_ID", ""),
        build=release.get("BUILD_ID", ""),
        architecture=_architecture(volume),
        computer_name=(volume.text("/etc/hostname") or "").strip()[:255],
    )


def unread(met: tuple[tuple[str, str], ...]) -> str:
    """What was met on a disk that a Linux may lie on and that is not read from outside; empty where there is none."""
    return ", ".join(dict.fromkeys(name for _, said in met for name in _UNREAD.values() if said.startswith(f"{name},")))


def _shown(volume: Volume) -> str:
    if volume.file_system in _UNREAD:
        return f"{_UNREAD[volume.file_system]}, which golden does not read from outside"
    return volume.file_system or f"unknown ({volume.type or 'no type'})"


def _is_apart(fstab: str) -> bool:
    """Whether /var, or what of it matters here, is mounted from another volume. fstab(5)."""
    words = (line.split() for line in fstab.splitlines() if not line.lstrip().startswith("#"))
    return any(len(fields) > 1 and fields[1].rstrip("/") in ("/var", "/var/lib") for fields in words)


def _machine_id(text: str | None) -> str:
    return "absent" if text is None else text.strip()[:64] or "empty"


def _os_release(volume: Files) -> dict[str, str]:
    """os-release is shell assignments by its own manual page; anything cleverer than a quoted word is left out."""
    text = next((found for path in _OS_RELEASE if (found := volume.text(path)) is not None), "")
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            values[name] = " ".join(shlex.split(value))
        except ValueError:
            continue
    return values


def _architecture(volume: Files) -> str:
    for path in _PROGRAMS:
        file = volume.find(path)
        start = file.read_at(0, 20) if file is not None else b""
        if start[:4] == b"\x7fELF" and len(start) == 20:
            # Byte 5 is 2 for big-endian programs.
            order = "big" if start[5] == 2 else "little"
            machine = int.from_bytes(start[18:20], order)  # type: ignore[arg-type]
            return _MACHINES.get(machine, f"ELF machine {machine}")
    return ""
