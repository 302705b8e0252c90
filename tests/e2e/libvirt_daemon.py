"""A libvirt daemon of our own for the tests that need one, and a storage pool in a folder that QEMU may enter."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from golden.waiting import Deadline, Waiting
from golden_libvirt import connection

SOCKET = Path("/run/libvirt/libvirt-sock")
KVM = Path("/dev/kvm")
WITHOUT_KVM = """\
set -e
fresh=$(mktemp -d)
mount -t tmpfs -o mode=755 golden "$fresh"
cd /dev
cp -a null zero full random urandom tty ptmx fd stdin stdout stderr "$fresh"
for place in pts shm; do
    mkdir "$fresh/$place"
    mount --move "$place" "$fresh/$place"
    while umount "$place" 2>/dev/null; do :; done
done
mount --move "$fresh" /dev
rmdir "$fresh"
exec "$0"
"""
"""A /dev of the daemon's own. Hiding one device alone is not enough: libvirt moves what is mounted below /dev."""


def begun(program: str) -> subprocess.Popen[bytes]:
    """
    A daemon of libvirt's, without what libvirt in this process was told by the environment (its log's place).

    It does not see /dev/kvm, which may be there and broken. Where that is root's alone besides, as without udev, QEMU
    would find it while it is asked what it can, libvirt would find that its QEMU may not use it, and ask QEMU anew at
    every call, for seconds each.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LIBVIRT_")}
    argv: tuple[str, ...] = (program,)
    if KVM.exists():
        argv = ("unshare", "--mount", "--propagation", "private", "sh", "-c", WITHOUT_KVM, program)
    return subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=clean)


@contextmanager
def daemon() -> Iterator[None]:
    """The system's daemon where it runs, else our own until the end; a skip that says why where neither can be."""
    if answers():
        yield
        return
    if os.geteuid() != 0:
        pytest.skip("no libvirtd runs, and only root can start one")
    if shutil.which("libvirtd") is None or shutil.which("virtlogd") is None:
        pytest.skip("libvirtd is not installed (apt install libvirt-daemon-system)")
    children = [begun(program) for program in ("virtlogd", "libvirtd")]
    try:
        Waiting(Deadline(30), tick=0.2).until("libvirtd to answer", answers)
        yield
    finally:
        for child in reversed(children):
            child.terminate()
            child.wait(20)


@contextmanager
def ssh(folder: Path) -> Iterator[str]:
    """An SSH server of our own on this computer; the URL of its libvirt, as another host's would be."""
    if os.geteuid() != 0:
        pytest.skip("only root can start an SSH server that root can log in to")
    server = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if server is None or shutil.which("virt-ssh-helper") is None:
        pytest.skip("sshd or virt-ssh-helper is not installed (apt install openssh-server libvirt-daemon)")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ("StrictModes=no", "PidFile=none", "UsePAM=no", "PermitRootLogin=yes", "ListenAddress=127.0.0.1")
    options = [f"-o{setting}" for setting in (*settings, f"AuthorizedKeysFile={folder}/user.pub")]
    argv = [server, "-D", "-e", "-p", str(port), "-h", str(folder / "host"), *options]
    child = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        Waiting(Deadline(20), tick=0.1).until("sshd to listen", lambda: _listens(port))
        yield f"qemu+ssh://root@127.0.0.1:{port}/system?keyfile={folder}/user&no_verify=1&no_tty=1"
    finally:
        child.terminate()
        child.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers() -> bool:
    """Whether a libvirtd is there."""
    if not SOCKET.exists():
        return False
    libvirt = connection.load()
    try:
        libvirt.open("qemu:///system").close()
    except libvirt.libvirtError:
        return False
    return True


@contextmanager
def building(name: str) -> Iterator[str]:
    """
    Somebody else has the daemon copy a volume of that pool, for as long as the block: the copy's name.

    The daemon's qemu-img is held still; it goes on at the end, and the copy is whole then.
    """
    copy, size = f"copy-{secrets.token_hex(3)}.qcow2", 128 << 20
    theirs = connection.open_first("qemu:///system")
    native = theirs.native.storagePoolLookupByName(name)
    source = native.createXML(_volume_xml(f"source-{copy}", "raw", size), 0)
    path = Path(source.path())
    path.write_bytes(os.urandom(1 << 20) * 128)  # Long enough to be caught at it.
    work = threading.Thread(target=native.createXMLFrom, args=(_volume_xml(copy, "qcow2", size), source, 0))
    work.start()
    try:
        child = Waiting(Deadline(20), tick=0.001).until("libvirt to copy", lambda: _copying(path.with_name(copy)))
        os.kill(child, signal.SIGSTOP)
        try:
            yield copy
        finally:
            os.kill(child, signal.SIGCONT)
    finally:
        work.join()
        theirs.close()


def _volume_xml(name: str, kind: str, size: int) -> str:
    target = f"<target><format type='{kind}'/></target>"
    return f"<volume><name>{name}</name><capacity>{size}</capacity><allocation>0</allocation>{target}</volume>"


def _copying(target: Path) -> int | None:
    """Number of the qemu-img that writes a file."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"qemu-img") and b"convert" in words and os.fsencode(target) in words:
                return int(place.name)
    return None


@contextmanager
def pool(name: str | None = None) -> Iterator[str]:
    """A new storage pool's name; its folder, whose name is its own, and what is left in it go at the end."""
    own = f"golden-test-{secrets.token_hex(3)}"
    folder, name = Path("/var/lib/libvirt") / own, name or own
    folder.mkdir(mode=0o711)
    line = connection.open_first("qemu:///system")
    try:
        xml = f"<pool type='dir'><name>{name}</name><target><path>{folder}</path></target></pool>"
        native = line.native.storagePoolCreateXML(xml, 0)
        yield name
        with suppress(line.libvirt.libvirtError):
            native.destroy()
    finally:
        line.close()
        shutil.rmtree(folder, ignore_errors=True)
