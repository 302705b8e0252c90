"""
A Hyper-V host to test against, in one ``with``.

``with Peer(tmp_path / "hv") as peer:`` gives an address, a CA file, users and passwords that a real client uses as it
would use them anywhere. Everything it starts ends with the block, and with the process that holds it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.peers.hyperv.host.rpc import Remote
from tests.peers.hyperv.host.seeding import Seeded
from tests.peers.hyperv.journal import Request, read
from tests.peers.hyperv.life import Child
from tests.peers.hyperv.rules import Rule
from tests.peers.hyperv.shape import Shape
from tests.peers.hyperv.wire.sshd import Sshd
from tests.peers.vsphere.certificates import Authority
from tests.unit.guest.sshd import SSHD


class Peer:
    """
    A running host. ``ca`` verifies its HTTPS, ``thumbprint`` is its certificate's SHA-1.

    By SSH (``ssh_port``) ``ssh_user`` logs on with ``ssh_key``; ``known_hosts`` has the server's key. ``openssh``
    False: the host has none. ``guest_user`` and ``guest_password`` are an administrator's in every guest. ``shape``:
    fields of ``shape.Shape``.
    """

    def __init__(self, folder: Path, *, openssh: bool = True, **shape: Any) -> None:
        self.folder, self._openssh = folder, openssh
        given = Shape(**shape)
        self.shape = replace(
            given,
            password=given.password or secrets.token_hex(12),
            guest_password=given.guest_password or secrets.token_hex(12),
        )
        self.host = "127.0.0.1"
        self.port = self.http_port = self.ssh_port = 0
        self.accounts = {self.shape.user: self.shape.password}
        self.vmms: Child | None = None
        self.others: list[Child] = []
        self.server: Child | None = None
        self.ssh: Sshd | None = None
        self.ca = folder / "ca.pem"
        self.thumbprint = ""

    user = property(lambda self: self.shape.user)
    password = property(lambda self: self.shape.password)

    @property
    def ssh_url(self) -> str:
        """Where golden finds it by SSH."""
        return f"hyperv+ssh://{self.ssh_user}@{self.host}:{self.ssh_port}"

    guest_user = property(lambda self: self.shape.guest_user)
    guest_password = property(lambda self: self.shape.guest_password)

    def __enter__(self) -> Peer:
        self.folder.mkdir(parents=True)
        for name in ("drives/C", "shares"):
            (self.folder / name).mkdir(parents=True)
        for name in ("golden", "ProgramData", "Users/Public", "Windows/System32"):
            (self.folder / "drives/C" / name).mkdir(parents=True)
        self.shape.save(self.folder)
        self._certificates()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *over: object) -> None:
        if self.ssh is not None:
            self.ssh.stop()
        for each in (*self.others, self.server, self.vmms):
            if each is not None:
                each.end()
        self.others = []
        self.server = self.vmms = None

    def _certificates(self) -> None:
        authority = Authority.new(self.ca, "golden test CA of a Hyper-V host")
        _, _ = authority.server(self.folder, "server")
        certificate = x509.load_pem_x509_certificate((self.folder / "server.pem").read_bytes())
        self.thumbprint = certificate.fingerprint(hashes.SHA1()).hex()
        authority.server(self.folder, "client")
        client = x509.load_pem_x509_certificate((self.folder / "client.pem").read_bytes())
        self.certificates = {client.fingerprint(hashes.SHA1()).hex(): self.shape.user}

    def _start(self) -> None:
        self.vmms = Child("tests.peers.hyperv.host", str(self.folder), log=self.folder / "host.log")
        self.start_server()
        assert self.vmms.facts
        if SSHD is not None and self._openssh:
            self.ssh = Sshd(self.folder / "ssh", self.folder)
            self.ssh.start()
            self.ssh_port = self.ssh.port

    @property
    def ssh_user(self) -> str:
        """Who logs on by SSH; a key, no password."""
        assert self.ssh is not None, "there is no sshd on this computer"
        return self.ssh.user

    @property
    def ssh_key(self) -> Path:
        """The private key that lets in."""
        assert self.ssh is not None, "there is no sshd on this computer"
        return self.ssh.key

    @property
    def known_hosts(self) -> Path:
        """The SSH server's own key."""
        assert self.ssh is not None, "there is no sshd on this computer"
        return self.ssh.known_hosts

    def restart_ssh(self) -> None:
        """Every SSH session is cut, and the server comes back at the same address."""
        assert self.ssh is not None, "there is no sshd on this computer"
        self.ssh.stop()
        self.ssh.start()

    def crash(self) -> None:
        """The power of the whole host is cut, and it comes back: machines are off, sessions and jobs are gone."""
        assert self.vmms is not None
        assert self.server is not None
        if self.ssh is not None:
            self.ssh.stop()
        self.server.kill()
        self.vmms.kill()
        self.vmms = Child("tests.peers.hyperv.host", str(self.folder), log=self.folder / "host.log")
        self.start_server()
        assert self.vmms.facts
        if self.ssh is not None:
            self.ssh.start()

    @property
    def world(self) -> Remote:
        """The host's process: every public method of ``host.host.Host``."""
        return Remote(self.folder)

    def start_server(self) -> None:
        """Start the WinRM service, at the same ports as before."""
        known: dict[str, Any] = {"accounts": self.accounts, "certificates": self.certificates}
        if self.port:
            known |= {"port": self.port, "http_port": self.http_port}
        file = self.folder / "server.json"
        file.touch(0o600)
        file.write_text(json.dumps(known))
        self.server = Child("tests.peers.hyperv.server", str(self.folder), log=self.folder / "server.log")
        self.port, self.http_port = self.server.facts["port"], self.server.facts["http_port"]

    def second_node(self, name: str) -> str:
        """Another node of the cluster, with the same disks and its own machines; HOST:PORT of its WinRM."""
        known: dict[str, Any] = {"accounts": self.accounts, "certificates": self.certificates}
        file = self.folder / f"server{name}.json"
        file.touch(0o600)
        file.write_text(json.dumps(known))
        made = Child("tests.peers.hyperv.server", str(self.folder), name, log=self.folder / f"server{name}.log")
        self.others.append(made)
        return f"{self.host}:{made.facts['port']}"

    def kill_server(self) -> None:
        """kill -9 of the WinRM service with all its sessions; machines and jobs go on."""
        assert self.server is not None
        self.server.kill()

    def restart_server(self) -> None:
        """The service is killed and comes back at the same address."""
        self.kill_server()
        self.start_server()

    def account(self, user: str, password: str) -> None:
        """One more user who may log on; the service is restarted for it."""
        self.accounts[user] = password
        self.restart_server()

    @property
    def url(self) -> str:
        """Where golden finds it."""
        return f"hyperv://{self.host}:{self.port}"

    def seed(self, name: str, **shape: Any) -> Seeded:
        """Put a user's own machine there, powered off; what it is made of: ``host/seeding.py``."""
        made = self.world.seed(name, **shape)
        assert isinstance(made, Seeded)
        return made

    def guest(self, vm: str) -> Path:
        """The tree of C: of a machine that runs."""
        return self.folder / "guests" / vm / "c"

    def rule(self, call: str, do: str, **more: Any) -> Rule:
        """Let something go wrong; see ``rules.Rule``."""
        made = Rule(call, do, **more)
        self.world.rule(made)
        return made

    def unmet(self) -> list[Rule]:
        """Rules that never acted."""
        return list(self.world.unmet())

    def clear_rules(self) -> None:
        """No misfortune any more."""
        self.world.clear_rules()

    def requests(self, call: str = "") -> list[Request]:
        """What was asked so far; ``call`` is the command's name, all without it."""
        return [each for each in read(self.folder / "requests.jsonl") if not call or each.call == call]

    def drive(self, windows: str) -> Path:
        """Where a path of C: lies, to look at from outside."""
        return self.folder / "drives/C" / windows.removeprefix("C:\\").replace("\\", "/")
