"""WSMan over HTTP and HTTPS: Negotiate (NTLM) with message encryption, client certificates, and SOAP behind them."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import spnego
from pypsrp.encryption import WinRMEncryption

from tests.peers.hyperv.failures import Cut
from tests.peers.hyperv.wire.soap import TOO_LARGE, XMLNS, Asked, Fault, Shells, read

MAX_ENVELOPE = 500 << 10  # MaxEnvelopeSizekb, the default
MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"


class Listener(ThreadingHTTPServer):
    """
    One address of the WinRM service. ``rule`` is asked before (and told after) each action; it may raise Cut.

    ``certificates``: SHA-1 thumbprints of client certificates and the users they stand for.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, port: int, shells: Shells, context: ssl.SSLContext | None, rule: Callable[[str, str], Any],
        certificates: dict[str, str], bindings: Any = None,
    ) -> None:  # fmt: skip
        self.shells, self.context, self.rule, self.certificates = shells, context, rule, certificates
        self.bindings = bindings
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self) -> tuple[Any, Any]:
        """A connection; its handshake is done by its own thread."""
        plain, address = super().get_request()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is None:
            return plain, address
        return self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away, and nobody needs to read that; a mistake of ours goes to the server's log."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection; NTLM authenticates connections, not requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    server: Listener

    def setup(self) -> None:
        """A new connection knows nobody."""
        self.login: Any = None
        self.encryption: Any = None
        self.user = ""
        self.final: dict[str, str] = {}
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(20)
            self.request.do_handshake()
            self.request.settimeout(None)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """No log of its own."""

    def _reply(self, code: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        kind = "application/soap+xml;charset=UTF-8"
        if self.encryption and body and code != 401:
            mime, body = self.encryption.wrap_message(body)
            kind = f'{mime};protocol="{self.encryption.protocol}";boundary="Encrypted Boundary"'
        self.send_response(code)
        for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _admitted(self, given: str) -> str | bool:
        """Whether the caller is known by now; text is what to answer in the meantime."""
        kind, _, token = given.partition(" ")
        if self.user and (not given or kind == MUTUAL):
            return True
        if kind == MUTUAL and isinstance(self.connection, ssl.SSLSocket):
            shown = self.connection.getpeercert(binary_form=True) or b""
            self.user = self.server.certificates.get(hashlib.sha1(shown).hexdigest(), "")
            return bool(self.user)
        if kind != "Negotiate":
            return False
        secure = isinstance(self.connection, ssl.SSLSocket)
        if self.login is None:
            more = {"channel_bindings": self.server.bindings} if secure and self.server.bindings else {}
            self.login = spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate, **more)
        try:
            answer = self.login.step(base64.b64decode(token))
        except (spnego.exceptions.SpnegoError, ValueError):
            self.login = None
            return False
        said = "Negotiate " + base64.b64encode(answer or b"").decode()
        if not self.login.complete:
            return said
        self.user = str(self.login.client_principal or "").rsplit("\\", 1)[-1].lower()
        self.encryption = None if secure else WinRMEncryption(self.login, WinRMEncryption.SPNEGO)
        self.final = {"WWW-Authenticate": said} if answer else {}
        return True

    def do_POST(self) -> None:
        """One message."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        admitted = self._admitted(self.headers.get("Authorization", ""))
        if admitted is not True:
            self._reply(401, headers={"WWW-Authenticate": admitted or "Negotiate"})
            return
        final, self.final = self.final, {}
        if not raw:
            self._reply(200, headers=final)
            return
        if self.encryption is not None:
            if "multipart/encrypted" not in self.headers.get("Content-Type", ""):
                self._reply(500)  # AllowUnencrypted=false
                return
            raw = self.encryption.unwrap_message(raw, "Encrypted Boundary")
        elif not isinstance(self.connection, ssl.SSLSocket):
            self._reply(500)
            return
        try:
            self._answer(raw, final)
        except Cut:
            self.close_connection = True
            self.connection.close()

    def _answer(self, raw: bytes, final: dict[str, str]) -> None:
        asked, message, address = read(raw, self.user)
        try:
            if len(raw) > MAX_ENVELOPE:
                raise Fault(TOO_LARGE, "The WS-Management service cannot process the request because the envelope is "
                            "larger than the maximum size allowed.")  # fmt: skip
            code, body = 200, self._carried(asked)
        except Fault as fault:
            why = escape(str(fault))
            code, body = (
                500,
                (
                    f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>{why}</s:Text></s:Reason>"
                    f'<s:Detail><f:WSManFault Code="{fault.code}" Machine="hv">'
                    f"<f:Message>{why}</f:Message></f:WSManFault>"
                    "</s:Detail></s:Fault>"
                ),
            )
        head = f"<s:Header><a:Action>{address}Response</a:Action><a:RelatesTo>{message}</a:RelatesTo></s:Header>"
        self._reply(code, f"<s:Envelope {XMLNS}>{head}<s:Body>{body}</s:Body></s:Envelope>".encode(), final)

    def _carried(self, asked: Asked) -> str:
        after = False
        for each in self.server.rule(f"WSMan.{asked.action}", asked.user):
            if each.do == "drop-before":
                raise Cut
            if each.do == "fault":
                raise Fault(each.code, each.text or "A fault of the test.")
            if each.do == "delay":
                time.sleep(each.seconds)
            if each.do.startswith("kill-before"):
                os._exit(137)
            after = after or each.do == "drop-after"
            if each.do == "kill-after":
                self.server.shells.answer(asked)
                os._exit(137)
        answered = self.server.shells.answer(asked)
        if after:
            raise Cut
        return answered


def serve(listener: Listener) -> threading.Thread:
    """Serve in a thread of its own."""
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    return thread


def accounts_file(folder: Path, accounts: dict[str, str], domain: str) -> None:
    """The users that NTLM knows, for pyspnego's acceptor, which reads them from a file at each logon."""
    file = folder / "accounts"
    file.touch(0o600)
    lines = [f"{at}:{user}:{password}" for user, password in accounts.items() for at in ("", domain, "localhost")]
    file.write_text("\n".join(lines) + "\n")
    os.environ["NTLM_USER_FILE"] = str(file)
