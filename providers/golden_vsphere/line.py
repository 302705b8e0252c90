"""
One open connection to vCenter: login, calls, and what may be done again.

A call that only reads is sent once more where the connection broke. One that changes something never is: it raises
LostAnswer, and whoever sent it looks for its effect. A call that was refused with NotAuthenticated was not carried
out, so it is sent again after a new login, whatever it is.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

import httpx
from pyVmomi import SoapStubAdapter, vim
from pyVmomi.VmomiSupport import GetServiceVersions, IsChildVersion, versionIdMap

from golden.errors import EndpointError, GoldenError, Refused
from golden_vsphere import trust
from golden_vsphere.address import Address
from golden_vsphere.credentials import Login, login
from golden_vsphere.faults import BROKEN, LostAnswer, NotAuthenticated, is_a, translated

T = TypeVar("T")

PATIENCE = 60
"""Seconds any one call may take; waits for updates are shorter."""
IDLE = 30
"""Seconds a pooled connection is kept unused: an older one may have been closed on the other side."""


class Line:
    """A session at one vCenter or ESXi host."""

    def __init__(self, address: Address, how: Login, context: ssl.SSLContext) -> None:
        """Connects and logs in. Raises foreign errors: ``open_line`` translates them."""
        self.address = address
        self.context = context
        self._how = how
        self._stub = SoapStubAdapter(
            host=address.host,
            port=address.port,
            version=_version(address, context),
            sslContext=context,
            httpConnectionTimeout=PATIENCE,
            connectionPoolTimeout=IDLE,
            sessionId=how.session or None,
        )
        self.content: Any = self._managed(vim.ServiceInstance, "ServiceInstance").RetrieveContent()
        self._logins = 0
        self._user = ""
        self._log_in()

    @property
    def is_vcenter(self) -> bool:
        """False for a single ESXi host, which has no folders, templates, libraries or CloneVM."""
        return bool(self.content.about.apiType == "VirtualCenter")

    @property
    def product(self) -> str:
        """As it names itself, e.g. ``VMware vCenter Server 8.0.3 build-24022515``."""
        return str(self.content.about.fullName)

    def knows(self, kind: Any, name: str) -> bool:
        """Whether a property of a data object is sent at all: pyVmomi drops those newer than the server, silently."""
        info = kind._GetPropertyInfo(name)
        return bool(IsChildVersion(self._stub.version, info.version))

    @property
    def replaces_tpm(self) -> bool:
        """Whether a clone can get a virtual TPM of its own (since 8.0.0.1); older vCenters copy it with its secrets."""
        return self.is_vcenter and self.knows(vim.vm.CloneSpec, "tpmProvisionPolicy")

    @property
    def logins(self) -> int:
        """How often this connection has logged in; collectors and filters end with each login."""
        return self._logins

    def _managed(self, kind: Any, moid: str) -> Any:
        return kind(moid, self._stub)

    def object(self, kind: Any, moid: str) -> Any:
        """A managed object by the id it was remembered by; asks nothing."""
        return self._managed(kind, moid)

    def _log_in(self) -> None:
        if self._how.session:
            self._check_session()
        else:
            self.content.sessionManager.Login(self._how.user, self._how.password, None)
        self._logins += 1

    def _check_session(self) -> None:
        try:
            self._call_of_a_session()
        except NotAuthenticated as error:
            raise Refused(
                "the vSphere session that golden was given is over", hint="a new id of a session, or a password"
            ) from error

    def _call_of_a_session(self) -> None:
        self.content.propertyCollector.CreatePropertyCollector().Destroy()

    def stay(self) -> None:
        """Keep the session from ending as an idle one, and log in again where it did: plain HTTP does neither."""
        self.ask(self._call_of_a_session)

    def ask(self, act: Callable[[], T]) -> T:
        """A call that only reads."""
        for again in (True, False):
            try:
                return self._within_session(act)
            except BROKEN:
                if not again:
                    raise
        raise AssertionError

    def tell(self, act: Callable[[], T]) -> T:
        """A call that changes something; LostAnswer where nobody knows whether it did."""
        try:
            return self._within_session(act)
        except BROKEN as error:
            raise LostAnswer(f"{type(error).__name__}: {error}") from error

    def _within_session(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except NotAuthenticated:
            self._log_in()
            return act()

    def cookies(self) -> dict[str, str]:
        """What the session is known by over plain HTTP (datastore files)."""
        return {"vmware_soap_session": str(self._stub.GetSessionId() or "")}

    def http(self, context: ssl.SSLContext | None = None) -> httpx.Client:
        """A client that believes nobody but whom golden believes; the environment has no say."""
        return httpx.Client(verify=context or self.context, trust_env=False, timeout=PATIENCE, follow_redirects=False)

    def user(self) -> str:
        """The account of this session as vCenter writes it, e.g. ``VSPHERE.LOCAL\\golden``; asked once."""
        from golden_vsphere.reading import props

        if not self._user:
            session = props(self, self.content.sessionManager, ("currentSession",)).get("currentSession")
            self._user = str(getattr(session, "userName", None) or self._how.user)
        return self._user

    def close(self) -> None:
        """Log out, unless the session is somebody else's, and let go."""
        with contextlib.suppress(Exception):  # Nothing is lost by a session that ends by itself.
            if not self._how.session:
                self.content.sessionManager.Logout()
        self._stub.DropConnections()


def insisted(act: Callable[[], T], come_to_rest: Callable[[], object]) -> T:
    """
    Once more where the answer was lost, after what may have been begun has come to rest.

    Only for what looks for itself first, or does no harm when it is done twice.
    """
    try:
        return act()
    except LostAnswer:
        come_to_rest()
        return act()


def open_line(address: Address) -> Line:
    """Connect and log in. Unreachable, Refused with the server's words, EndpointError where it is no vSphere."""
    how, context = login(address.options), trust.of_server(address)
    with translated(f"connecting to {address.shown}"):
        return Line(address, how, context)


def _version(address: Address, context: ssl.SSLContext) -> str:
    """The newest version of the interface that both sides know."""
    url = f"https://{_bracketed(address.host)}:{address.port}/sdk/vimServiceVersions.xml"
    with httpx.Client(verify=context, trust_env=False, timeout=PATIENCE) as client:
        answer = client.get(url)
    known = GetServiceVersions("vim25")
    try:
        if answer.status_code != httpx.codes.OK:
            raise _no_vsphere(address, f"HTTP status {answer.status_code} for {url}")
        spoken = {text.text for text in ET.fromstring(answer.content).iter("version")}  # noqa: S314 - a trusted server
    except ET.ParseError as error:
        raise _no_vsphere(address, str(error)) from error
    for version in known:
        if versionIdMap[version] in spoken:
            return str(version)
    raise _no_vsphere(address, f"it speaks {', '.join(sorted(filter(None, spoken)))}, golden {known[0]} and before")


def _no_vsphere(address: Address, why: str) -> GoldenError:
    return EndpointError(f"{address.shown} answers, but not as a vCenter that golden knows", details=why)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def lacks_method(error: BaseException) -> bool:
    """Whether the server says that it has no such call."""
    return is_a(error, "MethodNotFound", "NotSupported", "NotImplemented")
