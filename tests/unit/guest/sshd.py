"""A real OpenSSH server on loopback with keys and configuration of its own, and a line that can be cut."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from golden.waiting import Deadline, Waiting

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")

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
Subsystem sftp internal-sftp
"""


def make_key(path: Path) -> Path:
    """A new key pair; the private half's path."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sshd:
    """One server; its sessions belong to the user who runs the test."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        return pwd.getpwuid(os.geteuid()).pw_name

    def configure(self) -> Sshd:
        self.folder.mkdir()
        make_key(self.folder / "host_key")
        make_key(self.folder / "user_key")
        shutil.copy(self.folder / "user_key.pub", self.folder / "authorized_keys")
        (self.folder / "sshd_config").write_text(CONFIG.format(port=self.port, folder=self.folder))
        self.know(self.folder / "known_hosts", self.port)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        return self

    def know(self, known_hosts: Path, port: int) -> None:
        key = (self.folder / "host_key.pub").read_text().rsplit(" ", 1)[0]
        with known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {key}\n")

    def start(self) -> Sshd:
        assert SSHD is not None
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        Waiting(Deadline(10), tick=0.05).until("sshd to listen", listens)
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Line:
    """A TCP line to the server that breaks after a number of bytes, once, or whenever it is told to."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.breaks_after: int | None = None
        self.broken = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection now."""
        self.broken += 1
        for end in self._open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._server)
            except OSError:
                near.close()
                continue
            self._open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        while True:
            try:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            except OSError:
                break
            if self.breaks_after is not None:
                self.breaks_after -= len(data)
                if self.breaks_after <= 0:
                    self.breaks_after = None
                    self.cut()
        for end in (source, target):
            end.close()
