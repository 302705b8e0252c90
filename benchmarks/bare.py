"""
What golden is measured against: a script that does the task and nothing else, and knows nothing of golden.

    bare.py update WORK     overlay, boot, push a driver with its hashes checked, pnputil, look whether it has settled,
                            read the licence, shut down from inside
    bare.py capture WORK    overlay, boot, ask what stops sysprep, have a task of an account of its own run it, watch,
                            clear up after it, shut down from inside, qemu-img convert, sha256

It makes the same calls of the same hypervisor on the same guest, and runs the same scripts in it: qemu-img, libvirt's
embedded driver with its capabilities probed before, the QEMU guest agent. It has no journal, no proof, judges nothing
and checks no more than the hashes of what it pushed. WORK holds ``guest.json`` (disk, kernel, initrd, cmdline,
memory_mib, driver, cache, scripts, check) and gets what is made.
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
POWERSHELL = (
    f"{SYSTEM32}\\WindowsPowerShell\\v1.0\\powershell.exe",
    *("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File"),
)
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
        self.write(data, target)
        if hashlib.sha256(data).hexdigest() not in self.run(f"{SYSTEM32}\\certutil.exe", "-hashfile", target, "SHA256"):
            raise RuntimeError(f"{target} has other bytes")

    def script(self, source: str, **parameters: Any) -> Any:
        """Run a script with parameters in a file, and read what it answers."""
        name = source.rpartition("/")[2]
        self.write(Path(source).read_bytes(), f"{FOLDER}\\{name}")
        self.write(json.dumps(parameters).encode(), f"{FOLDER}\\in")
        words = ("-Parameters", f"{FOLDER}\\in", "-Result", f"{FOLDER}\\out")
        self.run(*POWERSHELL, f"{FOLDER}\\{name}", *words)
        return self.read(f"{FOLDER}\\out")

    def read(self, path: str) -> Any:
        """A small file's JSON."""
        handle = self.ask("guest-file-open", path=path, mode="rb")
        data = base64.b64decode(self.ask("guest-file-read", handle=handle, count=240_000)["buf-b64"])
        self.ask("guest-file-close", handle=handle)
        return json.loads(data)

    def write(self, data: bytes, target: str) -> None:
        """A file of the guest's."""
        handle = self.ask("guest-file-open", path=target, mode="wb")
        for start in range(0, len(data), 65536):
            piece = base64.b64encode(data[start : start + 65536]).decode()
            self.ask("guest-file-write", handle=handle, **{"buf-b64": piece})
        self.ask("guest-file-close", handle=handle)

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
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})  # as golden: else libvirt learns the capabilities anew every other time
    connection = libvirt.open(f"qemu:///embed?root={root}")
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), processors)
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
    running.script(f"{guest['scripts']}/settled.ps1", task="bare")
    running.script(f"{guest['scripts']}/rearm.ps1")
    running.run(*CMD, "rmdir", "/s", "/q", FOLDER)
    running.shut_down()


def capture(guest: dict[str, Any], work: Path, root: Path) -> None:
    """A generalized image of a clone."""
    overlay(work / "v2.qcow2", work / "clone.qcow2")
    running = boot(guest, work / "clone.qcow2", root)
    running.run(*CMD, "mkdir", FOLDER)
    scripts = guest["scripts"]
    running.script(f"{scripts}/check.ps1", **guest["check"])
    running.script(f"{scripts}/rearm.ps1")
    running.script(f"{scripts}/prepare_seal.ps1")
    argv = [f"{SYSTEM32}\\Sysprep\\sysprep.exe", "/generalize", "/oobe", "/quiet", "/quit"]
    made = {"account": "bare-1", "password": uuid.uuid4().hex + "A!", "make": True}
    running.script(f"{scripts}/start_task.ps1", task="bare", argv=argv, **made)

    def sealed() -> Any:
        told = running.script(f"{scripts}/watch_seal.ps1", task="bare")
        return True if told["tag"] and not told["sysprep_running"] else None

    wait(sealed)
    running.script(f"{scripts}/rearm.ps1")
    running.script(f"{scripts}/clean_up.ps1", task="bare", own="none", account="bare-1", work=FOLDER, shut_down=False)
    running.run(*CMD, "rmdir", "/s", "/q", FOLDER)
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
