"""The stand-in guest, booted by QEMU alone: what golden relies on inside it."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from golden.demo.standin.build import StandIn, build
from golden.demo.standin.disk import STATES, DiskOrder
from golden.errors import TimedOut, UsageError
from golden.waiting import Deadline, Waiting
from golden.windows.facts import read_facts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stand-in")]


class Rig:
    """One QEMU with the stand-in in it, and the line to its guest agent."""

    def __init__(self, standin: StandIn, folder: Path) -> None:
        self.disk = folder / "disk.qcow2"
        if not self.disk.exists():
            backing = ["-b", str(standin.disk), "-F", "qcow2"]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self.disk)], check=True)
        self.path = folder / "agent"
        self.console = folder / "console"
        self.qmp = folder / "qmp"
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", str(standin.memory_mib),
             "-kernel", str(standin.kernel), "-initrd", str(standin.initrd), "-append", standin.cmdline,
             "-drive", f"file={self.disk},if=virtio,format=qcow2", "-device", "virtio-serial", "-display", "none",
             "-chardev", f"socket,path={self.path},server=on,wait=off,id=a",
             "-device", "virtserialport,chardev=a,name=org.qemu.guest_agent.0", "-nic", "none",
             "-qmp", f"unix:{self.qmp},server=on,wait=off", "-serial", f"file:{self.console}"],
        )  # fmt: skip
        self.line = socket.socket(socket.AF_UNIX)
        self.rest = b""
        self.token = -1
        Waiting(Deadline(10)).until("QEMU", self.path.exists)
        self.line.connect(str(self.path))

    def ask(self, command: str, seconds: float = 5, **arguments: Any) -> Any:
        """One order to the agent and its answer."""
        order = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        self.line.settimeout(seconds)
        self.line.sendall(json.dumps(order).encode() + b"\n")
        answer = json.loads(self.read_line())
        while answer.get("return") == self.token:  # late answers to guest-sync
            answer = json.loads(self.read_line())
        assert "error" not in answer, answer
        return answer["return"]

    def read_line(self) -> bytes:
        """The next whole line from the agent."""
        while b"\n" not in self.rest:
            piece = self.line.recv(1 << 20)
            assert piece, "the agent's line ended"
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def ready(self, seconds: float = 60) -> None:
        """Return when the agent answers."""

        token = self.token = time.monotonic_ns() & 0x7FFFFFFF
        order = json.dumps({"execute": "guest-sync", "arguments": {"id": token}}).encode() + b"\n"
        self.line.settimeout(0.5)

        def answered() -> bool:
            try:
                self.line.sendall(order)
                while json.loads(self.read_line()).get("return") != token:
                    pass  # an answer to somebody who has given up
            except (TimeoutError, ValueError):
                return False
            return True

        Waiting(Deadline(seconds), tick=0.05).until("the agent", answered)

    def run(self, *argv: str, seconds: float = 30) -> tuple[int, str, str]:
        """Exit code, output and errors of a program in the guest."""
        order: dict[str, Any] = {"path": argv[0], "arg": list(argv[1:]), "capture-output": True}
        pid = self.ask("guest-exec", **order)["pid"]

        def ended() -> Any:
            status = self.ask("guest-exec-status", pid=pid)
            return status if status["exited"] else None

        status = Waiting(Deadline(seconds), tick=0.02).until(argv[0], ended)
        out, err = (base64.b64decode(status.get(k, "")).decode() for k in ("out-data", "err-data"))
        return status["exitcode"], out, err

    def write(self, path: str, data: bytes) -> None:
        """A file in the guest, by its Windows path."""
        handle = self.ask("guest-file-open", path=path, mode="wb")
        for at in range(0, len(data), 1 << 20):
            piece = base64.b64encode(data[at : at + (1 << 20)]).decode()
            order: dict[str, Any] = {"handle": handle, "buf-b64": piece}
            self.ask("guest-file-write", **order)
        self.ask("guest-file-close", handle=handle)

    def read(self, path: str) -> bytes:
        """A file of the guest."""
        handle = self.ask("guest-file-open", path=path, mode="rb")
        data = base64.b64decode(self.ask("guest-file-read", handle=handle, count=1 << 20)["buf-b64"])
        self.ask("guest-file-close", handle=handle)
        return data

    def off(self, seconds: float = 20) -> None:
        """Return when QEMU has ended by itself."""
        self.process.wait(seconds)


@contextmanager
def running(standin: StandIn, folder: Path) -> Iterator[Rig]:
    """A booted guest; its QEMU never outlives the test."""
    folder.mkdir(exist_ok=True)
    rig = Rig(standin, folder)
    try:
        rig.ready()
        yield rig
    finally:
        rig.line.close()
        if rig.process.poll() is None:
            rig.process.kill()
        rig.process.wait()


class Raw:
    """A raw disk image as golden's readers take it."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.size = path.stat().st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes at an offset."""
        self.file.seek(offset)
        return self.file.read(size)


def facts_of(disk: Path, folder: Path) -> Any:
    """What golden reads of a powered-off disk."""
    raw = folder / "outside.raw"
    subprocess.run(["qemu-img", "convert", "-U", "-O", "raw", str(disk), str(raw)], check=True)
    try:
        return read_facts(Raw(raw))
    finally:
        raw.unlink()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which nothing was built yet."""
    return tmp_path_factory.mktemp("standin")


SYSPREP = "C:\\Windows\\System32\\Sysprep\\sysprep.exe"
SHUTDOWN = "C:\\Windows\\System32\\shutdown.exe"


def boot_id(rig: Rig) -> bytes:
    """The boot mark, by golden's own probe."""
    script = Path(__file__).parents[2] / "src/golden/windows/scripts/probe.ps1"
    rig.write("C:\\probe.ps1", script.read_bytes())
    rig.write("C:\\in.json", b"{}")
    files = ("-Parameters", "C:\\in.json", "-Result", "C:\\out.json")
    assert rig.run("powershell.exe", "-NoProfile", "-File", "C:\\probe.ps1", *files)[0] == 0
    return rig.read("C:\\out.json")


def test_it_builds_in_seconds_and_is_found_again(cache: Path) -> None:
    """A build takes less than 30 s, a second one comes from the cache, and nothing half-made lies about."""
    started = time.monotonic()
    first = build(cache)
    assert time.monotonic() - started < 30
    started = time.monotonic()
    assert build(cache) == first
    assert time.monotonic() - started < 2
    assert not list(cache.glob(".building-*"))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_golden_reads_every_state_it_was_built_in(cache: Path, tmp_path: Path, state: str, firmware: str) -> None:
    """The state a disk was ordered in is the state golden reads from outside, and it is known for a stand-in."""
    facts = facts_of(build(cache, state=state, firmware=firmware).disk, tmp_path)
    assert (facts.state.value, facts.stand_in) == (state, True)


def test_a_large_disk_is_sparse(cache: Path) -> None:
    """200 GiB cost no more than 4 GiB; a disk that cannot be is refused."""
    large = build(cache, disk_size=200 << 30).disk
    assert large.stat().st_size < 64 << 20
    with pytest.raises(UsageError):
        build(cache, disk_size=1 << 30)


@pytest.mark.thorough  # The contract suite restarts it and switches it off.
def test_it_answers_soon_restarts_and_switches_off_in_order(cache: Path, tmp_path: Path) -> None:
    """Windows paths work in any case, programs answer quickly, a restart changes the mark, sealing is seen outside."""
    with running(build(cache), tmp_path) as rig:
        rig.run("cmd.exe", "/c", "ver")  # the program server may still be starting
        started = time.monotonic()
        assert rig.run("C:\\windows\\SYSTEM32\\cmd.exe", "/d", "/c", "mkdir", "C:\\A\\b")[0] == 0
        assert time.monotonic() - started < 3  # 0.1 to 0.3 s on an idle computer
        rig.write("c:\\a\\B\\File.bin", b"x" * 3_000_000)
        rig.write("c:\\a\\B\\File.bin", b"hello")
        assert rig.read("C:\\A\\B\\FILE.BIN") == b"hello"
        before = boot_id(rig)
        rig.ask("guest-exec", path=SHUTDOWN, arg=["/r", "/t", "0"])
        time.sleep(1)
        rig.ready()
        assert boot_id(rig) != before
        assert rig.read("C:\\A\\b\\file.bin") == b"hello"
        assert rig.run(SYSPREP, "/generalize", "/oobe", "/quiet", "/quit")[0] == 0
        rig.ask("guest-exec", path=SHUTDOWN, arg=["/s", "/t", "0"])
        rig.off()
        facts = facts_of(rig.disk, tmp_path)
        assert facts.state.value == "SEALED", facts
        assert ("volume", "clean") in facts.evidence


@pytest.mark.thorough
def test_the_agent_and_the_power_button_switch_it_off(cache: Path, tmp_path: Path) -> None:
    """guest-shutdown and ACPI both end in a clean volume; a hard stop leaves it dirty."""
    for name in ("agent", "button", "hard"):
        with running(build(cache), tmp_path / name) as rig:
            rig.run("cmd.exe", "/c", "ver")
            if name == "agent":
                rig.line.sendall(b'{"execute": "guest-shutdown"}\n')
            elif name == "button":
                qmp = socket.socket(socket.AF_UNIX)
                qmp.connect(str(rig.qmp))
                qmp.sendall(b'{"execute": "qmp_capabilities"}{"execute": "system_powerdown"}')
            else:
                rig.process.kill()
            rig.off()
            clean = ("volume", "clean") in facts_of(rig.disk, tmp_path).evidence
            assert clean is (name != "hard"), name


@pytest.mark.thorough
def test_the_agent_dies_in_the_middle_of_a_file(cache: Path, tmp_path: Path) -> None:
    """With the fault baked in, a write ends the agent for good; the file is there in part."""
    order = DiskOrder(faults={"agent": "die-on-write"})
    with running(build(cache, order=order), tmp_path) as rig:
        with pytest.raises((TimeoutError, AssertionError)):
            rig.write("C:\\half.bin", b"x" * 100_000)
        with pytest.raises(TimedOut):
            rig.ready(3)
        assert rig.process.poll() is None


@pytest.mark.thorough
def test_it_never_switches_off_when_told_so(cache: Path, tmp_path: Path) -> None:
    """With the fault baked in, the order to shut down is taken and not followed."""
    with running(build(cache, order=DiskOrder(faults={"shutdown": "never"})), tmp_path) as rig:
        assert rig.run(SHUTDOWN, "/s", "/t", "0")[0] == 0
        rig.line.sendall(b'{"execute": "guest-shutdown"}\n')
        with pytest.raises(subprocess.TimeoutExpired):
            rig.off(5)
