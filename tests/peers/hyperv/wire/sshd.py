"""The host's OpenSSH server: Debian's sshd on loopback, with our subsystems and keys of its own."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.peers.hyperv.life import ROOT, dies_with_parent
from tests.unit.guest.sshd import SSHD, free_port, make_key

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxSessions 40
MaxStartups 100
Subsystem powershell {folder}/powershell
Subsystem sftp {folder}/sftp
"""


class Sshd:
    """
    One server; sessions belong to the user who runs the test, whatever Windows would call him.

    ``key`` is a private key it takes, ``known_hosts`` has its own.
    """

    def __init__(self, folder: Path, peer: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.port = 0
        self.key = make_key(folder / "user_key")
        make_key(folder / "host_key")
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        path = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(ROOT / "providers")])
        for name, module in (("powershell", "stdio"), ("sftp", "sftp")):
            words = ["env", f"PYTHONPATH={path}", sys.executable, "-m", f"tests.peers.hyperv.wire.{module}", str(peer)]
            script = folder / name
            script.write_text(f"#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {shlex.join(words)}\n")
            script.chmod(0o755)
        self.known_hosts = folder / "known_hosts"
        self.process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)

    @property
    def user(self) -> str:
        """Who logs on."""
        return pwd.getpwuid(os.geteuid()).pw_name

    def start(self) -> None:
        """Listen; at the port it had, or at a free one."""
        assert SSHD is not None
        self.port = self.port or free_port()
        (self.folder / "config").write_text(CONFIG.format(port=self.port, folder=self.folder))
        public = (self.folder / "host_key.pub").read_text().rsplit(" ", 1)[0]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.folder / "config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=dies_with_parent,
            )  # fmt: skip
        end = time.monotonic() + 10
        while "listening" not in (self.folder / "log").read_text():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.01)

    def stop(self) -> None:
        """End it with all its sessions."""
        if self.process is None:
            return
        with suppress(psutil.Error):
            found = psutil.Process(self.process.pid).children(recursive=True)
            for each in found:
                with suppress(psutil.Error):
                    each.kill()
        self.process.kill()
        self.process.wait(10)
        self.process = None
        (self.folder / "log").write_text("")
