"""What the tour runs in: a hypervisor with the stand-in guest behind it, and the golden.toml that reaches it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import golden
from golden.errors import Conflict, EndpointError, NotAble
from golden.waiting import Watcher

REFERENCE = "win2022"
PEERS = {"vsphere": "tests.peers.vsphere", "hyperv": "tests.peers.hyperv"}

ABOUT = {
    "libvirt": (
        "Building the stand-in guest: a real kernel, guest agent, NTFS volume and registry, and stand-ins for",
        "sysprep.exe and the few other Windows programs that golden calls. No Microsoft code is in it.",
    ),
    "vsphere": (
        "Starting a simulated vCenter: govmomi's simulator, and behind its machines real processes: the stand-ins for",
        "sysprep.exe and the few other Windows programs that golden calls. No VMware or Microsoft code is in it.",
    ),
    "hyperv": (
        "Starting a simulated Hyper-V host: real PowerShell remoting, real VHDX files, and behind its machines real",
        "processes: stand-ins for sysprep.exe and the few other programs golden calls. No Microsoft code is in it.",
    ),
}

_LIBVIRT = """\
# Made by `golden demo`. Endpoints are hypervisors; libraries are where images are published to.
[endpoints.local]
url = "qemu:///embed"          # libvirt's QEMU driver inside golden's own process: no daemon

[libraries.images]
url = "dir:images"             # a folder beside this file

[defaults]
library = "images"
"""

_VSPHERE = """\
# Made by `golden demo --provider vsphere`. The vCenter is a simulator that ends with the demo; a real one is reached
# by the same keys.
[endpoints.vc]
url = "vsphere://{address}/DC0/golden"
user = "{user}"
password_file = "vcenter/password"
ca_file = "vcenter/ca.pem"
host_ca_file = "vcenter/ca.pem"

[libraries.templates]
url = "vcenter-template:templates/published?endpoint=vc"

[references.{reference}.guest]
account = "Administrator"
password_file = "vcenter/guest-password"
"""

_HYPERV = """\
# Made by `golden demo --provider hyperv`. The host is a simulator that ends with the demo; a real one is reached by the
# same keys.
[endpoints.hv]
url = "{url}"
user = "{user}"
password_file = "host/password"
ca_file = "host/ca.pem"

[libraries.vmm]
url = "scvmm://vmm01.example.com/library/published?endpoint=hv"

[references.{reference}.guest]
account = "Administrator"
password_file = "host/guest-password"
"""


@dataclass(frozen=True, slots=True)
class World:
    """One that is there for the length of the tour."""

    settings: str
    """The golden.toml."""
    adopt: tuple[str, ...]
    """What follows ``golden adopt NAME``."""
    library: str
    parting: tuple[str, ...] = ()
    """Said at the end."""
    stays: bool = True
    """Whether the folder can be gone on in afterwards."""


@contextmanager
def world(provider: str, folder: Path, watcher: Watcher) -> Iterator[World]:
    """The world of a provider. NotAble where there is none for it, or it cannot be had here."""
    if provider == "libvirt":
        yield World(_LIBVIRT, _boot(watcher), "images")
    elif provider == "vsphere":
        with _peer(provider, "vcenter", folder) as told:
            yield _vcenter(told)
    elif provider == "hyperv":
        with _peer(provider, "host", folder) as told:
            yield _host(told)
    else:
        raise NotAble(f"there is no demo for the provider {provider!r}", hint="golden demo --provider libvirt")


def _boot(watcher: Watcher) -> tuple[str, ...]:
    """The stand-in guest as a disk of the user's that is booted by kernel and initrd."""
    from platformdirs import user_cache_path

    from golden.demo.standin.build import build

    guest: Any = build(user_cache_path("golden") / "stand-in", watcher=watcher)
    boot = ("--kernel", str(guest.kernel), "--initrd", str(guest.initrd), "--cmdline", guest.cmdline)
    size = ("--memory", str(guest.memory_mib), "--cpus", "1")
    return ("--from", str(guest.disk), "--os", "windows", *boot, *size)


def _vcenter(told: dict[str, str]) -> World:
    """govmomi's simulator behind the proxy of golden's own tests."""
    settings = _VSPHERE.format(address=told["url"].removeprefix("https://"), user=told["user"], reference=REFERENCE)
    adopt = ("--from", REFERENCE, "--os", "windows")
    return World(settings, adopt, "templates", _parting("vCenter was govmomi's simulator", "vsphere"), stays=False)


def _host(told: dict[str, str]) -> World:
    """The Hyper-V host of golden's own tests."""
    settings = _HYPERV.format(url=told["url"], user=told["user"], reference=REFERENCE)
    adopt = ("--from", REFERENCE, "--os", "windows")
    return World(settings, adopt, "vmm", _parting("Hyper-V host was a simulator", "hyperv"), stays=False)


def _parting(what: str, provider: str) -> tuple[str, ...]:
    return (
        f"The {what}, and has ended with the demo. One that stays, in a checkout:",
        f"   {os.path.relpath(sys.executable)} -m {PEERS[provider]} FOLDER --seed {REFERENCE}",
    )


@contextmanager
def _peer(provider: str, name: str, folder: Path) -> Iterator[dict[str, str]]:
    """The peer of golden's own tests, which lie in a checkout only; what it tells of itself."""
    module = PEERS[provider]
    checkout = Path(golden.__file__).parents[2]
    if not (checkout / module.replace(".", "/")).is_dir():
        raise NotAble(
            f"the demo on {provider} runs against the simulator of golden's tests, which lies in a checkout only",
            hint=f"in a checkout: tools/install.sh test, then .venv/bin/golden demo --provider {provider}",
        )
    if (folder / "golden.toml").exists():
        raise Conflict(
            f"the simulator that {folder} was made with ended with its demo",
            hint=f"golden demo --provider {provider} NEW-FOLDER",
        )
    place = folder.absolute() / name
    folder.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", module, str(place), "--seed", REFERENCE]
    with (folder / f"{name}.log").open("w") as log:
        peer = subprocess.Popen(argv, cwd=checkout, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield _told(peer, folder / f"{name}.log")
    finally:
        peer.terminate()
        peer.wait(30)


def _told(peer: subprocess.Popen[str], log: Path) -> dict[str, str]:
    """URL and user, from what it says once it is there; building it takes minutes the first time."""
    told: dict[str, str] = {}
    for line in peer.stdout or ():
        first, _, rest = line.strip().partition(" ")
        if "://" in first:
            told.setdefault("url", first)
        elif rest:
            told[first] = rest.split()[0].rstrip(",")
        if first == "machine":
            return told
    raise EndpointError(
        "the simulator did not start",
        details=log.read_text(encoding="utf-8").strip()[-2000:] or None,
        hint="tools/install.sh test installs what it needs",
    )
