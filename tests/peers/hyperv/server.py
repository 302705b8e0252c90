"""``python -m tests.peers.hyperv.server FOLDER [NODE]``: the WinRM service, as long as its standard input is open."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from spnego.channel_bindings import GssChannelBindings

from tests.peers.hyperv import registry
from tests.peers.hyperv.host.rpc import Gone
from tests.peers.hyperv.journal import Request
from tests.peers.hyperv.life import follow_parent, tell
from tests.peers.hyperv.sessions import Link, scope, versions
from tests.peers.hyperv.wire.shell import PipelineStreams, Shell
from tests.peers.hyperv.wire.soap import Shells
from tests.peers.hyperv.wire.wsman import Listener, accounts_file, serve

NOTED = ("Create", "Connect", "Disconnect", "Reconnect", "Delete", "Enumerate", "Signal")


def shells(link: Link) -> Shells:
    """The shells of this process."""

    def make(user: str) -> Shell:
        variables: dict[str, Any] = {}
        about = versions(link.shape, "wsman")

        def scoped(streams: PipelineStreams) -> registry.Scope:
            return scope(link, user, streams, variables)

        shell = Shell(about, scoped, link.shape.language)
        shell.memory = link.shape.memory << 20
        return shell

    return Shells(make, link.shape.configurations, link.shape.shells, link.shape.slow)


def rules_of(link: Link) -> Any:
    """Asked at each message; the host's process may be away."""

    def rule(call: str, user: str) -> list[Any]:
        try:
            found = list(link.acting(call, user))
            if call.rsplit(".", 1)[-1] in NOTED or found:
                link.note(Request(call, user, "wsman", "", {}, "", [each.do for each in found]))
        except Gone:
            return []
        return found

    return rule


def bindings(certificate: Path) -> GssChannelBindings:
    """The channel binding of this certificate: RFC 5929, tls-server-end-point."""
    import hashlib

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(der).digest())


def main() -> None:
    """Serve HTTPS and HTTP."""
    folder = Path(sys.argv[1])
    node = sys.argv[2] if len(sys.argv) > 2 else ""
    link = Link(folder, node)
    known = json.loads((folder / f"server{node}.json").read_text())
    accounts_file(folder, known["accounts"], link.shape.name)
    registry.commands()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    shared = shells(link)
    secure = Listener(
        known.get("port", 0), shared, context, rules_of(link), known["certificates"], bindings(folder / "server.pem")
    )
    plain = Listener(known.get("http_port", 0), shared, None, rules_of(link), {})
    for each in (secure, plain):
        serve(each)
    follow_parent()
    tell(port=secure.server_address[1], http_port=plain.server_address[1], pid=os.getpid())
    threading.Event().wait()


if __name__ == "__main__":
    main()
