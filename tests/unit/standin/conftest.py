"""A Windows tree in a plain folder, and the stand-in programs on it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import golden.demo.standin

STANDIN = Path(golden.demo.standin.__file__).parent
SCRIPTS = STANDIN.parents[1] / "windows/scripts"
POWERSHELL = ("powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")


@dataclass(frozen=True)
class Ran:
    """What a program came to, as golden's launcher tells it."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    """A stand-in without a machine."""

    root: Path
    machine: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the package of programs under Debian's Python."""
        environment = {"PATH": os.defpath, "PYTHONPATH": str(STANDIN)}
        return subprocess.run(
            ["/usr/bin/python3", "-m", *arguments], capture_output=True, text=True, env=environment, timeout=60
        )

    def plain(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run one program; its exit code has 8 bits."""
        return self.python("programs", "--root", str(self.root), "--machine", str(self.machine), "--", *argv)

    def run(self, *argv: str) -> Ran:
        """Run one program by golden's launcher, with its whole exit code."""
        temp = self.root / "Windows/Temp"
        (temp / "launch.ps1").write_bytes((SCRIPTS / "launch.ps1").read_bytes())
        paths = {key: f"C:\\Windows\\Temp\\run.{key}" for key in ("out", "err", "code")}
        order = {"argv": argv, "env": {}, "cwd": "C:\\Windows\\Temp", **paths}
        (temp / "order.json").write_text(json.dumps(order))
        started = self.plain(*POWERSHELL, "C:\\Windows\\Temp\\launch.ps1", "-Order", "C:\\Windows\\Temp\\order.json")
        assert started.returncode == 0, started.stderr
        return Ran(
            int(json.loads((temp / "run.code").read_text())["code"]),
            (temp / "run.out").read_bytes().decode(),
            (temp / "run.err").read_bytes().decode(),
        )

    def ask(self, script: str, **parameters: object) -> dict[str, object]:
        """Run a script of golden's and return its answer."""
        temp = self.root / "Windows/Temp"
        (temp / script).write_bytes((SCRIPTS / script).read_bytes())
        (temp / "ask.in").write_text(json.dumps(parameters))
        files = ("-Parameters", "C:\\Windows\\Temp\\ask.in", "-Result", "C:\\Windows\\Temp\\ask.out")
        ran = self.plain(*POWERSHELL, f"C:\\Windows\\Temp\\{script}", *files)
        assert ran.returncode == 0, ran.stderr
        return dict(json.loads((temp / "ask.out").read_text()))

    def write(self, windows: str, content: str | bytes) -> str:
        """A file in the tree; its Windows path."""
        path = self.root.joinpath(*windows[3:].split("\\"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.replace("\n", "\r\n").encode())
        return windows

    def fault(self, **faults: object) -> None:
        """Switch a failure on."""
        (self.machine / "faults.json").write_text(json.dumps(faults))

    def sysprep(self, *switches: str) -> Ran:
        """Run sysprep.exe."""
        return self.run("C:\\Windows\\System32\\Sysprep\\sysprep.exe", *switches)

    def log(self) -> str:
        """Sysprep's log."""
        return (self.root / "Windows/System32/Sysprep/Panther/setupact.log").read_bytes().decode()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A Windows as it is after its installation."""
    made = Folder(tmp_path / "c", tmp_path / "machine")
    order = {"tree": str(made.root), "machine": str(made.machine), "state": "VIRGIN", "mbr_id": 1, "offset": 1 << 20}
    (tmp_path / "order.json").write_text(json.dumps(order))
    ran = made.python("programs.seed", str(tmp_path / "order.json"))
    assert ran.returncode == 0, ran.stderr
    return made
