"""
A guest's own WinRM: the same WSMan, NTLM, TLS and PSRP as the host's, in front of a guest's files and programs.

``with GuestWinrm(peer, made.id) as winrm:`` serves the guest of a machine of the peer's at ``winrm.port`` (HTTPS, the
peer's CA) and ``winrm.http_port`` for its administrator. It is a process of its own: ``kill()`` and ``start()``. While
the machine is off its connections are cut.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from tests.peers.hyperv import registry
from tests.peers.hyperv.failures import Cut
from tests.peers.hyperv.files import Files
from tests.peers.hyperv.life import Child, follow_parent, tell
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.registry import Scope
from tests.peers.hyperv.scripts import GUEST, Line
from tests.peers.hyperv.server import bindings, rules_of
from tests.peers.hyperv.sessions import Link, versions
from tests.peers.hyperv.wire.shell import PipelineStreams, Shell
from tests.peers.hyperv.wire.soap import Shells
from tests.peers.hyperv.wire.wsman import Listener, accounts_file, serve


class GuestWinrm:
    """WinRM of one guest; it keeps its ports."""

    def __init__(self, peer: Peer, vm: str) -> None:
        self._peer, self._vm = peer, vm
        self.host = peer.host
        self.port = self.http_port = 0
        self._child: Child | None = None

    def __enter__(self) -> GuestWinrm:
        self.start()
        return self

    def __exit__(self, *over: object) -> None:
        if self._child is not None:
            self._child.end()

    def start(self) -> None:
        """Serve, at the same ports as before."""
        folder, told = self._peer.folder, json.dumps([self._vm, self.port, self.http_port])
        self._child = Child("tests.peers.hyperv.guest_winrm", str(folder), told, log=folder / "guest-winrm.log")
        self.port, self.http_port = self._child.facts["port"], self._child.facts["http_port"]

    def kill(self) -> None:
        """kill -9 with all its sessions; what they started goes on."""
        assert self._child is not None
        self._child.kill()


def shells(link: Link, vm: str) -> Shells:
    """Sessions inside the guest."""

    def make(user: str) -> Shell:
        def scoped(streams: PipelineStreams) -> Scope:
            files = Files.of_guest(Path(link.guest_tree(vm)))
            return Scope("guest", user, link, files, Line(streams, link, vm), False, {"env": dict(GUEST)}, vm)

        return Shell(versions(link.shape, "wsman"), scoped, link.shape.language)

    return Shells(make, most=link.shape.shells, slow=link.shape.slow)


def main() -> None:
    """Serve HTTPS and HTTP."""
    folder, (vm, port, http_port) = Path(sys.argv[1]), json.loads(sys.argv[2])
    link = Link(folder)
    own = folder / f"winrm-{vm}"
    own.mkdir(exist_ok=True)
    accounts_file(own, {link.shape.guest_user: link.shape.guest_password}, link.machine(vm)["name"])
    registry.commands()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    ruled = rules_of(link)

    def rule(call: str, user: str) -> Any:
        if not link.guest_begun(vm):
            raise Cut
        return ruled(call, user)

    shared = shells(link, vm)
    secure = Listener(port, shared, context, rule, {}, bindings(folder / "server.pem"))
    plain = Listener(http_port, shared, None, rule, {})
    for each in (secure, plain):
        serve(each)
    follow_parent()
    tell(port=secure.server_address[1], http_port=plain.server_address[1], pid=os.getpid())
    threading.Event().wait()


if __name__ == "__main__":
    main()
