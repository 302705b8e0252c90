"""
What golden is measured against: a script that does the task and nothing else, and knows nothing of golden.

    bare.py update WORK     overlay, boot, push a driver with its hashes checked, pnputil, shut down from inside
    bare.py capture WORK    overlay, boot, sysprep /quit, shut down from inside, qemu-img convert, sha256

It makes the same calls of the same hypervisor on the same guest: qemu-img, libvirt's embedded driver with its
capabilities probed before, the QEMU guest agent. It has no journal, no proof, no checks beyond the hashes of what it
pushed. WORK holds ``guest.json`` (disk, kernel, initrd, cmdline, memory_mib, driver, cache) and gets what is made.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

SYSTEM32 = "C:\\Windows\\System32"
CMD = (f"{SYSTEM32}\\cmd.exe", "/d", "/c")
FOLDER = "C:\\Windows\\Temp\\bare"
TICK = 0.1
CONF = 'user = "+{0}"\ngroup = "+{1}"\ndynamic_ownership = 0\nstdio_handler = "file"\n'
DOMAIN = """<domain type="qemu"><name>{name}</name><uuid>{uuid}</uuid><memory unit="MiB">{memory_mib}</memory>
<vcpu>1</vcpu><os><type arch="x86_64" machine="q35">hvm</type><kernel>{kernel}</kernel><initrd>{initrd}</initrd>
<cmdline>{cmdline}</cmdline></os><features><acpi/><apic/></features><clock offset="localtime"/><devices>
<disk type="file" device="disk"><driver name="qemu" type="qcow2" discard="unmap"/><target dev="vda" bus="virtio"/>
<source file="{disk}"/></disk><video><model type="vga"/></video><memballoon model="none"/><channel type="unix">
<target type="virtio" name="org.qemu.guest_agent.0"/><source mode="bind" path="{socket}"/></channel></devices>
</domain>"""


def wait(condition: Callable[[], Any], tick: float = TICK) -> Any:
    """Look until there is something."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        found = condition()
        if found is not None:
            return found
        time.sleep(tick)
    raise TimeoutError


class Guest:
    """One running machine and its agent."""

    def __init__(self, connection: Any, domain: Any) -> None:
        """It was just started."""
        self.connection, self.domain, self.name = connection, domain, domain.name()

    def ask(self, command: str, **arguments: Any) -> Any:
        """One command of the agent's."""
        import libvirt_qemu

        order = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(libvirt_qemu.qemuAgentCommand(self.domain, order, 30, 0))["return"]

    def answers(self) -> bool | None:
        """Whether the agent is there."""
        import libvirt

        try:
            self.ask("guest-ping")
        except libvirt.libvirtError:
            return None
        return True

    def run(self, *argv: str) -> str:
        """Run a program to its end; its output."""
        pid = self.ask("guest-exec", path=argv[0], arg=list(argv[1:]), **{"capture-output": True})["pid"]

        def ended() -> Any:
            status = self.ask("guest-exec-status", pid=pid)
            return status if status["exited"] else None

        status = wait(ended)
        output = base64.b64decode(status.get("out-data", "")).decode(errors="replace")
        if status["exitcode"] not in (0, 259):
            raise RuntimeError(f"{argv}: {status['exitcode']}\n{output}")
        return output

    def push(self, source: Path, target: str) -> None:
        """Copy a file and compare the hashes of both sides."""
        data = source.read_bytes()
        handle = self.ask("guest-file-open", path=target, mode="wb")
        for start in range(0, len(data), 65536):
            piece = base64.b64encode(data[start : start + 65536]).decode()
            self.ask("guest-file-write", handle=handle, **{"buf-b64": piece})
        self.ask("guest-file-close", handle=handle)
        if hashlib.sha256(data).hexdigest() not in self.run(f"{SYSTEM32}\\certutil.exe", "-hashfile", target, "SHA256"):
            raise RuntimeError(f"{target} has other bytes")

    def shut_down(self) -> None:
        """From inside, and wait until the hypervisor says it is off."""
        import libvirt

        self.ask("guest-exec", path=f"{SYSTEM32}\\shutdown.exe", arg=["/s", "/t", "0"])

        def off() -> bool | None:
            try:
                return None if self.domain.isActive() else True
            except libvirt.libvirtError:
                return True

        wait(off, 0.2)


def overlay(backing: Path, target: Path) -> None:
    """A disk that holds only differences."""
    target.unlink(missing_ok=True)
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", "qcow2", str(target)]
    subprocess.run(argv, check=True)


def boot(guest: dict[str, Any], disk: Path, root: Path) -> Guest:
    """Open the embedded driver with its warm cache and start the machine."""
    os.environ["LIBVIRT_LOG_OUTPUTS"] = f"3:file:{root}/libvirt.log"
    import libvirt

    (root / "etc").mkdir()
    (root / "etc/qemu.conf").write_text(CONF.format(os.geteuid(), os.getegid()))
    shutil.copytree(guest["cache"], root / "cache")
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_events, daemon=True).start()
    connection = libvirt.open(f"qemu:///embed?root={root}")
    words = {**guest, "disk": disk, "socket": root / "a", "name": "bare", "uuid": uuid.uuid4()}
    started = Guest(connection, connection.createXML(DOMAIN.format(**words), 0))
    wait(started.answers)
    return started


def _events() -> None:
    import libvirt

    while True:
        libvirt.virEventRunDefaultImpl()


def update(guest: dict[str, Any], work: Path, root: Path) -> None:
    """The driver into a clone of the disk."""
    overlay(Path(guest["disk"]), work / "v2.qcow2")
    running = boot(guest, work / "v2.qcow2", root)
    running.run(*CMD, "mkdir", FOLDER)
    for source in sorted(Path(guest["driver"]).iterdir()):
        running.push(source, f"{FOLDER}\\{source.name}")
    running.run(f"{SYSTEM32}\\pnputil.exe", "/add-driver", f"{FOLDER}\\goldennet.inf", "/install")
    running.run(*CMD, "rmdir", "/s", "/q", FOLDER)
    running.shut_down()


def capture(guest: dict[str, Any], work: Path, root: Path) -> None:
    """A generalized image of a clone."""
    overlay(work / "v2.qcow2", work / "clone.qcow2")
    running = boot(guest, work / "clone.qcow2", root)
    sysprep = f"{SYSTEM32}\\Sysprep\\sysprep.exe"
    running.run(sysprep, "/generalize", "/oobe", "/quiet", "/quit")
    running.shut_down()
    image = work / "image.qcow2"
    argv = ["qemu-img", "convert", "-q", "-f", "qcow2", "-O", "qcow2", "-W", "-m", "8"]
    subprocess.run([*argv, str(work / "clone.qcow2"), str(image)], check=True)
    (work / "clone.qcow2").unlink()
    with image.open("rb") as file:
        print(hashlib.file_digest(file, "sha256").hexdigest())


def main() -> None:
    """One of the two acts."""
    act, work = sys.argv[1], Path(sys.argv[2]).resolve()
    root = Path(tempfile.mkdtemp(prefix="bare-", dir="/tmp"))
    try:
        {"update": update, "capture": capture}[act](json.loads((work / "guest.json").read_text()), work, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
