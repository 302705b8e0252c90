"""The HTTPS front: reads a request, lets the rules act, hands it to whoever serves it or on to the simulator."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.peers.vsphere.journal import Journal, Request
from tests.peers.vsphere.rules import Rule, Rules
from tests.peers.vsphere.upstream import HOP, Dropped, Reply, Streamed, Upset, Upstream
from tests.peers.vsphere.wire import Call, Fault, answer, refusal, refused

XML = [("Content-Type", "text/xml; charset=utf-8")]
SESSION = "vmware_soap_session"


@dataclass
class Asked:
    """One request with all that those who serve it look at."""

    verb: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    entry: Request
    call: Call | None = None
    rules: list[Rule] = field(default_factory=list)

    @property
    def session(self) -> str:
        """The SOAP session's key; "" without one."""
        for part in self.headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == SESSION:
                return value.strip('"')
        return ""


class Service(Protocol):
    """Serves some of the requests itself."""

    def soap(self, asked: Asked, call: Call) -> str | bytes | None:
        """The answer's inner XML, or a whole envelope; None to pass the call on. Raises Fault."""

    def rest(self, asked: Asked) -> Reply | None:
        """The answer to anything that is not SOAP; None to pass it on."""


class Front:
    """Listens, and answers with what its services say."""

    def __init__(self, upstream: Upstream, rules: Rules, journal: Journal) -> None:
        self.upstream, self.rules, self.journal = upstream, rules, journal
        self.services: list[Service] = []
        self.names_of: Callable[[Asked], tuple[str, str]] = lambda asked: ("", "")
        self.expire: Callable[[Asked], None] = lambda asked: None
        self.seen: Callable[[Asked, Reply], Reply] = lambda asked, reply: reply
        self._listeners: list[http.server.ThreadingHTTPServer] = []
        self.port = 0
        self.ranges = True
        """Whether datastores give parts of files."""

    def listen(self, context: ssl.SSLContext) -> int:
        """Serve on a free port of loopback; the port."""
        listener = Listener(("127.0.0.1", 0), self, context)
        self._listeners.append(listener)
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return int(listener.server_address[1])

    def end(self) -> None:
        """Stop listening and cut what is open."""
        for listener in self._listeners:
            listener.shutdown()
            listener.server_close()

    def answer(self, asked: Asked) -> Reply:
        """The answer to a request, with the rules' misfortunes."""
        if asked.verb == "POST" and asked.path.rstrip("/") == "/sdk":
            try:
                asked.call = Call.read(asked.body)
            except ValueError as error:
                return Reply(500, XML, refusal(Fault("InvalidRequest", message=str(error))))
            asked.entry.call, asked.entry.this = asked.call.method, asked.call.this
        asked.entry.name, asked.entry.machine = self.names_of(asked)
        names = "\n".join(each for each in (asked.entry.name, asked.entry.machine) if each)
        asked.rules = self.rules.acting(asked.entry.call, names)
        asked.entry.rules = [rule.do for rule in asked.rules]
        try:
            reply = self._before(asked) or (self._soap(asked, asked.call) if asked.call else self._rest(asked))
        except Fault as fault:
            asked.entry.fault = fault.kind
            reply = Reply(500, XML, refusal(fault))
        except Upset as upset:
            asked.entry.fault = upset.met.kind
            reply = Reply(500, XML, refusal(Fault.of(upset.met)))
        if any(rule.do == "drop-after" for rule in asked.rules):
            raise Dropped
        return reply

    def _before(self, asked: Asked) -> Reply | None:
        for rule in asked.rules:
            if rule.do == "delay":
                time.sleep(rule.seconds)
            elif rule.do == "gateway":
                threading.Thread(target=self._unheard, args=(asked,), daemon=True).start()
                return Reply(rule.status, [("Content-Type", "text/plain")], b"bad gateway")
            elif rule.do == "drop-before":
                raise Dropped
            elif rule.do == "http":
                return Reply(rule.status, [("Content-Type", "text/plain")], b"injected")
            elif rule.do == "fault":
                raise Fault(rule.kind, rule.detail)
            elif rule.do == "expire":
                self.expire(asked)
        return None

    def _unheard(self, asked: Asked) -> None:
        """Done while nobody waits for the answer any more."""
        with contextlib.suppress(Fault, Upset, OSError, http.client.HTTPException):
            _ = self._soap(asked, asked.call) if asked.call else self._rest(asked)

    def _soap(self, asked: Asked, call: Call) -> Reply:
        for service in self.services:
            given = service.soap(asked, call)
            if isinstance(given, str):
                return Reply(200, XML, answer(call.method, given))
            if given is not None:
                return Reply(getattr(given, "status", 200), XML, given)
        return self.forward(asked)

    def _rest(self, asked: Asked) -> Reply:
        for service in self.services:
            given = service.rest(asked)
            if given is not None:
                return given
        return self.forward(asked)

    def forward(self, asked: Asked) -> Reply:
        """What the simulator says, with our address in place of its own."""
        target = asked.path + (f"?{urllib.parse.urlencode(asked.query)}" if asked.query else "")
        if not self.ranges and asked.path.startswith("/folder"):
            asked.headers.pop("range", None)
        call = asked.call
        begins = call is not None and call.method.startswith("WaitForUpdates") and not call.text("version")
        with self.upstream.calm if begins else contextlib.nullcontext():
            reply = self.upstream.request(asked.verb, target, asked.body, asked.headers)
        if reply.status == 500 and asked.call:
            met = refused(reply.body)
            asked.entry.fault = met.kind or met.message if met else ""
        reply = self.seen(asked, reply)
        if any(rule.do == "break" for rule in asked.rules):
            return Streamed(reply.status, reply.headers, b"", _half(reply.body))
        theirs, ours = f"127.0.0.1:{self.upstream.port}".encode(), f"127.0.0.1:{self.port}".encode()
        if theirs not in reply.body:
            return reply
        body = reply.body.replace(b"http://" + theirs, b"https://" + ours).replace(theirs, ours)
        return Reply(reply.status, reply.headers, body)


def _half(body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    raise Dropped


class Listener(http.server.ThreadingHTTPServer):
    """A threading HTTPS server whose handshakes are made in each connection's own thread."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], front: Front, context: ssl.SSLContext) -> None:
        super().__init__(address, Handler)
        self.front = front
        self._context = context
        self._open: set[socket.socket] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands, then serve; whoever refuses our certificate is none of our errors."""
        try:
            request.settimeout(30)
            request = self._context.wrap_socket(request, server_side=True)
            request.settimeout(None)
        except OSError:
            request.close()
            return
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def server_close(self) -> None:
        """Close, and cut every line that is open."""
        super().server_close()
        for line in list(self._open):
            cut(line)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is usual."""


def cut(line: socket.socket) -> None:
    """Break a line without a word."""
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection: requests are read whole and answered by the listener's front."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # 45 ms a call over TLS without
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """The journal is kept elsewhere."""

    def serve(self) -> None:
        """One request."""
        front = self.server.front  # type: ignore[attr-defined]
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        headers = {key.lower(): value for key, value in self.headers.items()}
        path = urllib.parse.unquote(url.path)
        entry = front.journal.begin(f"{self.command} {path}")
        asked = Asked(self.command, url.path, query, headers, self._body(headers), entry)
        try:
            reply = front.answer(asked)
        except (Dropped, OSError, http.client.HTTPException) as met:
            entry.fault = "dropped" if isinstance(met, Dropped) else f"simulator: {met!r}"
            front.journal.end(entry)
            self.close_connection = True
            cut(self.connection)
            return
        entry.status = reply.status
        front.journal.end(entry)
        self._send(reply)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.flush()
        if "chunked" in headers.get("transfer-encoding", ""):
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(headers.get("content-length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            if name.lower() not in HOP | {"date", "server"}:
                self.send_header(name, value)
        if isinstance(reply, Streamed):
            self._stream(reply)
            return
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _stream(self, reply: Streamed) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in reply.pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except Dropped:
            self.wfile.flush()
            self.close_connection = True
            cut(self.connection)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve  # noqa: N815
