"""PSRP over WSMan: pypsrp's HTTP, authentication, encryption and faults under psrpcore's protocol."""

from __future__ import annotations

import base64
import importlib.util
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar
from xml.etree import ElementTree

import requests
import spnego.exceptions
from psrpcore import PSRPPayload, StreamType
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from pypsrp.shell import SignalCode, WinRS
from pypsrp.wsman import OptionSet, WSMan

from golden_hyperv.remoting.login import WsmanLogin
from golden_hyperv.remoting.losses import Failure, LinkLost, RemoteError
from golden_hyperv.remoting.shells import give_up
from golden_hyperv.remoting.transport import ANSWER, PATIENCE
from golden_hyperv.remoting.trust import lock

T = TypeVar("T")

NOTHING_YET = 2150858793
"""ERROR_WSMAN_OPERATION_TIMEDOUT: no output within the time that was asked for. This and the others: wsmerror.h."""
NO_SUCH = 2150858843
"""ERROR_WSMAN_UNEXPECTED_SELECTORS: a shell or a command the host does not know (as recorded from real hosts)."""
GONE = {
    NO_SUCH: "the host does not know the session any more",
    2150858813: "the host does not know the session any more",  # ERROR_WSMAN_INVALID_SELECTORS
    2150858904: "the host has closed the session",  # ERROR_WSMAN_SESSION_ALREADY_CLOSED
    2150859082: "the host has closed the session",  # ERROR_WSMAN_SHELL_ALREADY_CLOSED
    2150859230: "the host has disconnected the session",  # ERROR_WSMAN_SERVICE_STREAM_DISCONNECTED
    995: "the host ended the session",  # ERROR_OPERATION_ABORTED
    1726: "the process behind the session is gone",  # RPC_S_CALL_FAILED
}
TERMINATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate"
"""As [MS-WSMV] 2.2.5.6 has it; pypsrp's own constant has a capital T, which no host has to understand."""
SMALL, LARGE = 153600, 512000
"""Bytes of an envelope that every host takes, and that those from PowerShell 3 on take (MaxEnvelopeSizekb)."""
CONNECTING = 15
IDLE_SHELL = 3600
"""Seconds after which a host ends a shell that nobody asks anything of."""
IDLE_LINE = 60.0
"""Seconds after which a line with message encryption is made anew: its key dies with the connection, which servers
close after two minutes, and pypsrp would send what nobody can read."""


class Line(WSMan):
    """pypsrp's WSMan with our trust, which never repeats a request by itself and never believes an open answer."""

    def __init__(self, login: WsmanLogin) -> None:
        super().__init__(
            login.host,
            max_envelope_size=SMALL,
            operation_timeout=int(PATIENCE),
            port=login.port,
            username=login.user or None,
            password=login.password.reveal() if login.password is not None else None,
            ssl=login.tls,
            auth=mechanism(login),
            connection_timeout=CONNECTING,
            read_timeout=int(ANSWER),
            encryption="auto" if login.tls else "always",
            no_proxy=True,
            certificate_pem=login.certificate or None,
            certificate_key_pem=(login.certificate_key or login.certificate) or None,
        )
        self._login = login
        self._used = time.monotonic()

    def invoke(self, *args: Any, **kwargs: Any) -> ElementTree.Element:
        """One request and its answer; ``retries_on_read_timeout`` is not heeded."""
        kwargs.pop("retries_on_read_timeout", None)
        self._freshen()
        try:
            return super().invoke(*args, **kwargs)
        finally:
            self._used = time.monotonic()

    def _freshen(self) -> None:
        way = self.transport
        if way.session is not None and way.wrap_required and time.monotonic() - self._used > IDLE_LINE:
            way.session.close()
            way.session = None
            way.encryption = None
        if way.session is None:
            way.session = way._build_session()
            lock(way.session, self._login)
            if way.wrap_required:
                way.session.hooks["response"].append(_sealed)


def _sealed(response: requests.Response, **_: Any) -> None:
    if response.status_code != 401 and response.content:
        kind = response.headers.get("content-type", "")
        if not kind.startswith(("multipart/encrypted", "multipart/x-multi-encrypted")):
            raise OpenAnswer(f"HTTP {response.status_code} with {kind or 'no type'}")


class OpenAnswer(WinRMError):
    """An answer without encryption where it has to be encrypted."""


def mechanism(login: WsmanLogin) -> str:
    """
    What pypsrp calls it. Negotiate is decided here, once: its own fallback from Kerberos to NTLM would try a wrong
    password a second time.
    """
    if login.auth != "negotiate":
        return login.auth
    if importlib.util.find_spec("gssapi") is None and importlib.util.find_spec("sspilib") is None:
        return "negotiate"  # Only NTLM is there, inside of SPNEGO.
    has_realm = "@" in login.user or not login.user
    return "kerberos" if has_realm and not login.host.replace(".", "").isdigit() and ":" not in login.host else "ntlm"


class WsmanTransport:
    """A shell of a PowerShell configuration. Fulfils ``Transport``."""

    name = "wsman"

    def __init__(self, line: Line, configuration: str, shell_name: str) -> None:
        self.line = line
        self.limit: int = line.max_payload_size
        self._make: Callable[[uuid.UUID], Any] = lambda pool: WinRS(
            line,
            resource_uri=f"http://schemas.microsoft.com/powershell/{configuration}",
            id=str(pool).upper(),
            input_streams="stdin pr",
            output_streams="stdout",
            idle_time_out=IDLE_SHELL,
            name=shell_name,
            no_profile=True,
        )
        self._shell: Any = None

    def create(self, pool: uuid.UUID, first: PSRPPayload) -> None:
        """Raises what pypsrp and requests raise: ``open_session`` tells it apart."""
        options = OptionSet()
        options.add_option("protocolversion", "2.3", {"MustComply": "true"})
        content = ElementTree.Element("creationXml", xmlns="http://schemas.microsoft.com/powershell")
        content.text = base64.b64encode(first.data).decode("ascii")
        self._shell = self._make(pool)
        self._shell.open(options, content)

    def grow(self) -> None:
        """From now on envelopes of 500 KB."""
        self.line.update_max_payload_size(LARGE)
        self.limit = self.line.max_payload_size

    def command(self, pipeline: uuid.UUID, first: PSRPPayload) -> None:
        """The first packet travels with the command."""
        data = base64.b64encode(first.data).decode("ascii")
        self._tell(lambda: self._shell.command("", [data], command_id=_id(pipeline)))

    def send(self, payload: PSRPPayload) -> None:
        """What did not fit, and answers to the host."""
        stream = "stdin" if payload.stream_type == StreamType.default else "pr"
        pipeline = _id(payload.pipeline_id) if payload.pipeline_id else None
        self._tell(lambda: self._shell.send(stream, payload.data, command_id=pipeline))

    def receive(self, pipeline: uuid.UUID | None, patience: float) -> list[PSRPPayload]:
        """One question; the host keeps it until there is something or ``patience`` (whole seconds) is over."""
        self.line.operation_timeout = max(1, int(patience))
        try:
            _, _, got = self._ask(lambda: self._shell.receive("stdout", _id(pipeline) if pipeline else None))
        except _Nothing:
            return []
        finally:
            self.line.operation_timeout = int(PATIENCE)
        return [PSRPPayload(got["stdout"], StreamType.default, pipeline)] if got["stdout"] else []

    def signal(self, pipeline: uuid.UUID) -> None:
        """PowerShell's Ctrl-C."""
        self._tell(lambda: self._shell.signal(SignalCode.PS_CTRL_C, _id(pipeline)))

    def finish(self, pipeline: uuid.UUID) -> None:
        """TERMINATE; a command the host does not know any more is closed."""
        try:
            self._tell(lambda: self._shell.signal(TERMINATE, _id(pipeline)))
        except LinkLost as error:
            if getattr(error.__cause__, "code", None) != NO_SUCH:
                raise

    def close(self) -> None:
        """Delete the shell; where that fails the next sweep does, or the host when it is idle."""
        try:
            if self._shell is not None:
                self._shell.close()
                self._shell = None
        except (WinRMError, requests.RequestException, spnego.exceptions.SpnegoError, OSError):
            pass
        finally:
            self.abandon()

    def abandon(self) -> None:
        """The shell stays; the next session that is opened sweeps it."""
        if self._shell is not None and self._shell.id:
            give_up(self._shell.id)
        self.line.close()

    def _tell(self, request: Callable[[], object]) -> None:
        try:
            self._ask(request)
        except _Nothing as error:
            raise LinkLost(f"the host did not take a message within {PATIENCE:.0f} s") from error

    def _ask(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except WSManFaultError as error:
            raise _of_fault(error) from error
        except AuthenticationError as error:
            raise LinkLost("the host does not accept the login any more") from error
        except WinRMTransportError as error:
            raise LinkLost(f"the host answered HTTP {error.code}") from error
        except (WinRMError, requests.RequestException, spnego.exceptions.SpnegoError, ElementTree.ParseError) as error:
            raise LinkLost(f"{type(error).__name__}: {error}") from error


class _Nothing(Exception):
    """No output yet."""


def _of_fault(error: WSManFaultError) -> Exception:
    if error.code == NOTHING_YET:
        return _Nothing()
    words = str(error.reason or error.provider_fault or "")
    if error.code in GONE:
        return LinkLost(f"{GONE[error.code]}: {words}")
    fqid = f"WSManFault,{error.code}"
    return RemoteError(Failure(words or fqid, fqid=fqid, category="ResourceUnavailable"))


def _id(pipeline: uuid.UUID) -> str:
    return str(pipeline).upper()
