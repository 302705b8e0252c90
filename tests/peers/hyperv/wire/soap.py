"""The actions of WSMan on shells, [MS-WSMV]: an envelope in, the body of the answer out, or a fault with its code."""

from __future__ import annotations

import base64
import re
import threading
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from psrpcore import PSRPCoreError

from tests.peers.hyperv.wire.shell import Shell

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope", "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer", "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault", "p": "http://schemas.microsoft.com/powershell",
    "cfg": "http://schemas.microsoft.com/wbem/wsman/1/config",
}  # fmt: skip
XMLNS = " ".join(f'xmlns:{key}="{value}"' for key, value in NS.items())
DONE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"
RUNNING = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Running"

NO_SUCH_SHELL, NO_DATA, TOO_MANY_SHELLS = 2150858843, 2150858793, 2150859173  # wsmerror.h
NOT_DISCONNECTED, UNSUPPORTED, DENIED, NO_SUCH_CONFIGURATION = 2150858999, 2150858778, 5, 2150858811


TOO_LARGE, TOO_MANY_COMMANDS = 2150858790, 2150859241  # wsmerror.h
MOST_COMMANDS = 1000  # MaxConcurrentCommandsPerShell, [MS-WSMV]
BAD_DATA = 2147942413  # ERROR_INVALID_DATA


class Fault(Exception):
    """A WSManFault."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Asked:
    """One request: what, of which shell, by whom."""

    action: str
    shell: str
    uri: str
    user: str
    timeout: float
    limit: int
    body: ET.Element


def read(raw: bytes, user: str) -> tuple[Asked, str, str]:
    """The request, its message id and its action's address."""
    envelope = ET.fromstring(raw)
    address = envelope.findtext("s:Header/a:Action", "", NS)
    selectors = envelope.iterfind("s:Header/w:SelectorSet/w:Selector", NS)
    shell = next((each.text or "" for each in selectors if each.get("Name") == "ShellId"), "")
    seconds = re.sub(r"[PTS]", "", envelope.findtext("s:Header/w:OperationTimeout", "PT20S", NS))
    body = envelope.find("s:Body", NS)
    asked = Asked(
        address.rsplit("/", 1)[-1], shell.upper(), envelope.findtext("s:Header/w:ResourceURI", "", NS), user,
        float(seconds), int(envelope.findtext("s:Header/w:MaxEnvelopeSize", "153600", NS)) // 4 * 3 - 4096,
        ET.Element("none") if body is None else body,
    )  # fmt: skip
    return asked, envelope.findtext("s:Header/a:MessageID", "", NS), address


def _bytes(element: ET.Element, path: str) -> bytes:
    return base64.b64decode(element.findtext(path, "", NS) or "")


def _pipeline(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


@dataclass
class Shells:
    """The shells of a host; ``make`` builds one for a user, ``most`` is MaxShellsPerUser."""

    make: Callable[[str], Shell]
    configurations: tuple[str, ...] = ("Microsoft.PowerShell",)
    most: int = 30
    slow: float = 0.0
    known: dict[str, Shell] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked) -> str:
        """The answer's body."""
        verb = getattr(self, "_" + asked.action.lower(), None)
        if verb is None:
            raise Fault(UNSUPPORTED, f"The WS-Management service does not support the action {asked.action}.")
        try:
            answered = verb(asked)
        except MemoryError:  # its process is ended; the client finds no shell any more
            self.drop(self.of(asked))
            raise Fault(NO_SUCH_SHELL, "The shell was closed: it took more memory than it may.") from None
        except (ValueError, PSRPCoreError) as wrong:  # what no deserializer takes, such as an Int32 of 40 GiB
            raise Fault(BAD_DATA, f"The data could not be read: {wrong}") from wrong
        assert isinstance(answered, str)
        return answered

    def of(self, asked: Asked) -> Shell:
        """The shell that is asked for; users see their own."""
        found = self.known.get(asked.shell)
        if found is None or found.user != asked.user:
            raise Fault(
                NO_SUCH_SHELL,
                f"The request for the Windows Remote Shell with ShellId {asked.shell} failed because the "
                "shell was not found on the server.",
            )
        return found

    def drop(self, shell: Shell) -> None:
        """A shell is gone, by whatever happened to its process."""
        with self.lock:
            self.known.pop(shell.id, None)
        shell.end()

    def _create(self, asked: Asked) -> str:
        about = asked.body.find("rsp:Shell", NS)
        assert about is not None
        configuration = asked.uri.rsplit("/", 1)[-1]
        if configuration.lower() not in (each.lower() for each in self.configurations):
            raise Fault(NO_SUCH_CONFIGURATION, f"The WS-Management service cannot process the request. Cannot find the "
                        f"{configuration} session configuration in the WSMan: drive.")  # fmt: skip
        made = (about.get("ShellId") or str(uuid.uuid4())).upper()
        with self.lock:
            if sum(each.user == asked.user for each in self.known.values()) >= self.most:
                raise Fault(
                    TOO_MANY_SHELLS, "The WS-Management service cannot process the request. This user is allowed a "
                    f"maximum number of {self.most} concurrent shells, which has been exceeded.")  # fmt: skip
            shell = self.known[made] = self.make(asked.user)
        shell.id, shell.user, shell.name = made, asked.user, about.findtext("rsp:Name", "", NS) or ""
        shell.on_cut = lambda: self.drop(shell)
        shell.feed(_bytes(about, "p:creationXml"))
        selector = f'<w:SelectorSet><w:Selector Name="ShellId">{made}</w:Selector></w:SelectorSet>'
        uri = f"<w:ResourceURI>{asked.uri}</w:ResourceURI>"
        return (
            f"<x:ResourceCreated><a:ReferenceParameters>{uri}{selector}</a:ReferenceParameters></x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{made}</rsp:ShellId><rsp:ResourceUri>{asked.uri}</rsp:ResourceUri>"
            f"<rsp:Owner>{escape(asked.user)}</rsp:Owner>"
            "<rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams></rsp:Shell>"
        )

    def _enumerate(self, asked: Asked) -> str:
        if asked.uri.endswith("/Command"):
            wanted = next((each.text or "" for each in asked.body.iter(f"{{{NS['w']}}}Selector")), "").upper()
            shell = self.known.get(wanted)
            items = "".join(
                f"<rsp:Command><rsp:CommandId>{str(each).upper()}</rsp:CommandId></rsp:Command>"
                for each in (shell.running if shell else ())
            )
        else:
            mine = [each for each in list(self.known.values()) if each.user == asked.user]
            items = "".join(self._about(each) for each in mine)
        return f"<n:EnumerateResponse><w:Items>{items}</w:Items><w:EndOfSequence/></n:EnumerateResponse>"

    def _about(self, shell: Shell) -> str:
        uri = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
        return (
            f"<rsp:Shell><rsp:ShellId>{shell.id}</rsp:ShellId><rsp:Name>{escape(shell.name)}</rsp:Name>"
            f"<rsp:ResourceUri>{uri}</rsp:ResourceUri><rsp:Owner>{escape(shell.user)}</rsp:Owner>"
            f"<rsp:ClientIP>127.0.0.1</rsp:ClientIP><rsp:State>{shell.state}</rsp:State></rsp:Shell>"
        )

    def _get(self, asked: Asked) -> str:
        if asked.uri.endswith("/config"):
            return "<cfg:Config><cfg:MaxEnvelopeSizekb>500</cfg:MaxEnvelopeSizekb></cfg:Config>"
        return self._about(self.of(asked))

    def _command(self, asked: Asked) -> str:
        shell, line = self.of(asked), asked.body.find("rsp:CommandLine", NS)
        assert line is not None
        pipeline = _pipeline(line.get("CommandId")) or uuid.uuid4()
        if len(shell.running) >= MOST_COMMANDS:  # a client that never signals "terminate"
            raise Fault(TOO_MANY_COMMANDS, "The maximum number of concurrent commands per shell has been exceeded.")
        shell.command(pipeline)
        shell.feed(_bytes(line, "rsp:Arguments"), pipeline)
        made = str(pipeline).upper()
        return f"<rsp:CommandResponse><rsp:CommandId>{made}</rsp:CommandId></rsp:CommandResponse>"

    def _send(self, asked: Asked) -> str:
        shell, stream = self.of(asked), asked.body.find("rsp:Send/rsp:Stream", NS)
        assert stream is not None
        shell.feed(base64.b64decode(stream.text or ""), _pipeline(stream.get("CommandId")))
        return "<rsp:SendResponse/>"

    def _receive(self, asked: Asked) -> str:
        shell, wanted = self.of(asked), asked.body.find("rsp:Receive/rsp:DesiredStream", NS)
        assert wanted is not None
        name = wanted.get("CommandId")
        pipeline = _pipeline(name)
        about = f' CommandId="{name}"' if name else ""
        time.sleep(self.slow)
        with shell.turn:
            box = shell.outbox[pipeline]
            moved = shell.turn.wait_for(lambda: box or shell.state != "Connected", asked.timeout)
            if shell.state == "Closed":
                raise Fault(NO_SUCH_SHELL, "The shell was closed while its output was awaited.")
            if not moved or not box:
                raise Fault(NO_DATA, "The WS-Management service cannot complete the operation within the time "
                            "specified in OperationTimeout.")  # fmt: skip
            got = ""
            while box and len(got) < (1 if self.slow else asked.limit):
                data = base64.b64encode(box.popleft()).decode()
                got += f'<rsp:Stream Name="stdout"{about}>{data}</rsp:Stream>'
            state = DONE if pipeline and not box and shell.is_over(pipeline) else RUNNING
        end = f'<rsp:CommandState CommandId="{name}" State="{state}"/>' if name else ""
        return f"<rsp:ReceiveResponse>{got}{end}</rsp:ReceiveResponse>"

    def _signal(self, asked: Asked) -> str:
        shell, signal = self.of(asked), asked.body.find("rsp:Signal", NS)
        assert signal is not None
        pipeline = _pipeline(signal.get("CommandId"))
        if pipeline is not None:
            if (signal.findtext("rsp:Code", "", NS) or "").endswith("terminate"):
                shell.forget(pipeline)
            else:
                shell.stop(pipeline)
        return "<rsp:SignalResponse/>"

    def _delete(self, asked: Asked) -> str:
        self.drop(self.of(asked))
        return ""

    def _disconnect(self, asked: Asked) -> str:
        shell = self.of(asked)
        with shell.turn:
            shell.state = "Disconnected"
            shell.pool.disconnect()
            shell.turn.notify_all()
        return "<rsp:DisconnectResponse/>"

    def _reconnect(self, asked: Asked) -> str:
        shell = self.of(asked)
        with shell.turn:
            shell.state = "Connected"
            shell.pool.reconnect()
            shell.pool._send_buffer.clear()  # what WSMan tells by its own answer
        return "<rsp:ReconnectResponse/>"

    def _connect(self, asked: Asked) -> str:
        shell, about = self.of(asked), asked.body.find("rsp:Connect", NS)
        assert about is not None
        if about.get("CommandId"):
            return "<rsp:ConnectResponse/>"
        with shell.turn:
            if shell.state != "Disconnected":  # a live session cannot be taken over
                raise Fault(NOT_DISCONNECTED, "The shell is not in the Disconnected state.")
            shell.pool.connect()
            shell.pool.prepare_message(shell.pool.our_capability)
            shell.feed(_bytes(about, "p:connectXml"))
            shell.state = "Connected"
            data = b"".join(shell.outbox[None])
            cut = _last_message(data)
            shell.outbox[None].clear()
            shell.outbox[None].append(data[cut:])  # the pool's state travels as the first thing received
        answer = base64.b64encode(data[:cut]).decode()
        response = f"<p:connectResponseXml>{answer}</p:connectResponseXml>"
        return f"<rsp:ConnectResponse>{response}</rsp:ConnectResponse>"


def _last_message(data: bytes) -> int:
    at = last = 0
    while at < len(data):
        last = at
        at += 21 + int.from_bytes(data[at + 17 : at + 21], "big")
    return last
