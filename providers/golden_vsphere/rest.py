"""
vCenter's REST interface: content libraries, template items, tags. The same trust and login as the SOAP side.

Spoken as ``/rest/com/vmware/…`` first, which is deprecated and still there, and as ``/api/…`` where a server answers
404 to that (facts 8, Content library). vCenters before 8.0 U3 keep its sessions apart from those of SOAP (facts 2).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from golden.errors import Conflict, EndpointError, GoldenError, NotAble, NotFound, Refused
from golden_vsphere.credentials import Login, login
from golden_vsphere.faults import LostAnswer, translated
from golden_vsphere.line import PATIENCE, Line

T = TypeVar("T")

COPYING = 6 * 3600
"""Seconds a request may take whose answer comes when whole disks were copied."""
_GATEWAY = (502, 503, 504)
"""What vCenter's own front answers when it does not know what the service behind it has done."""
_PLAIN = "vcenter/vm-template"
"""Newer services lie below /rest itself and write ids and actions as /api does."""
_KINDS: tuple[tuple[tuple[str, ...], type[GoldenError], str], ...] = (
    (("not_found",), NotFound, "vCenter does not know it"),
    (("already_exists",), Conflict, "the name is taken"),
    (("unauthorized",), Refused, "golden's account lacks the right"),
    (("unauthenticated",), Refused, "the vSphere session is over"),
    (("resource_busy", "not_allowed_in_current_state", "concurrent_change"), Conflict, "it is in another state"),
    (("unable_to_allocate_resource", "resource_inaccessible"), Refused, "there is no room for it"),
    (("unsupported", "operation_not_found", "invalid_element_type"), NotAble, "this vCenter cannot do that"),
)


class Problem(Exception):
    """An error of the API's, by the last word of its type: ``not_found`` and the like."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Call:
    """One request without its form. ``resource`` has ``{}`` where ids come."""

    verb: str
    resource: str
    ids: tuple[str, ...] = ()
    action: str = ""
    body: dict[str, Any] | None = None
    wrapped: str = ""
    """What the old form calls the body, e.g. ``create_spec``; empty where it has no name there either."""
    query: dict[str, str] = field(default_factory=dict)
    token: str = ""
    """A client token: the same again is the same thing, not a second one."""
    patience: float = PATIENCE

    def url(self, *, old: bool) -> str:
        """The path in one of the forms."""
        bare = not old or self.resource.startswith(_PLAIN)
        ids = (quote(one, safe="") if bare else f"id:{quote(one, safe='')}" for one in self.ids)
        root = "/api/" if not old else "/rest/" if bare else "/rest/com/vmware/"
        return root + self.resource.format(*ids)

    def params(self, *, old: bool) -> dict[str, str]:
        """The query in one of the forms."""
        found = dict(self.query)
        if self.action:
            found["action" if not old or self.resource.startswith(_PLAIN) else "~action"] = self.action
        if self.token and not old:
            found["client_token"] = self.token
        return found

    def json(self, *, old: bool) -> dict[str, Any] | None:
        """The body in one of the forms."""
        if not old or self.body is None:
            return self.body
        body = {self.wrapped: self.body} if self.wrapped else dict(self.body)
        return body | ({"client_token": self.token} if self.token else {})


class Rest:
    """A REST session beside the one of a line."""

    def __init__(self, line: Line) -> None:
        """Logs in at the first request."""
        self.line = line
        """The SOAP side of the same vCenter."""
        self._how: Login = login(line.address.options)
        host = f"[{line.address.host}]" if ":" in line.address.host else line.address.host
        self._root = f"https://{host}:{line.address.port}"
        self._client = line.http()
        self._token = ""
        self.old = True
        """Which form the server answers; known after the first request."""

    def ask(self, call: Call) -> Any:
        """What only reads; sent once more where the connection broke."""
        try:
            return self._sent(call)
        except httpx.TransportError:
            return self._sent(call)

    def several(self, call: Call) -> list[Any]:
        """As ``ask``, for a list; some servers write null for one that is empty."""
        return list(self.ask(call) or ())

    def tell(self, call: Call) -> Any:
        """What changes something; LostAnswer where nobody knows whether it did."""
        try:
            return self._sent(call)
        except httpx.TransportError as error:
            raise LostAnswer(f"{type(error).__name__}: {error}") from error

    def _sent(self, call: Call) -> Any:
        if not self._token:
            self._log_in()
        answer = self._send(call)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # It was not carried out.
            self._log_in()
            answer = self._send(call)
        return self._value(answer)

    def _send(self, call: Call) -> httpx.Response:
        return self._client.request(
            call.verb,
            self._root + call.url(old=self.old),
            params=call.params(old=self.old),
            json=call.json(old=self.old),
            headers={"vmware-api-session-id": self._token},
            timeout=httpx.Timeout(PATIENCE, read=call.patience),
        )

    def _value(self, answer: httpx.Response) -> Any:
        if answer.status_code in _GATEWAY:
            raise httpx.RemoteProtocolError(f"HTTP status {answer.status_code}")
        try:
            told = answer.json() if answer.content else None
        except ValueError as error:
            raise Problem("no_json", f"HTTP status {answer.status_code}, and no JSON") from error
        if answer.is_success:
            return told.get("value") if self.old and isinstance(told, dict) else told
        raise _problem(answer.status_code, told)

    def _log_in(self) -> None:
        """A new session, in whichever form the server speaks. Refused for a wrong password or an ended session."""
        if self._how.session:
            if self._token:
                raise Refused("the vSphere session that golden was given is over", hint="a new id of a session")
            self._token = self._how.session
        for old, path in ((True, "/rest/com/vmware/cis/session"), (False, "/api/session")):
            self.old = old
            answer = self._begun(path)
            if answer.status_code != httpx.codes.NOT_FOUND:
                break
        if self._how.session:
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise Refused("the vSphere session that golden was given is not one of its REST interface")
            return
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Refused("vCenter refuses the account or its password over REST")
        self._token = str(self._value(answer))

    def _begun(self, path: str) -> httpx.Response:
        if self._how.session:
            url = self._root + Call("GET", "content/library").url(old=self.old)
            return self._client.get(url, headers={"vmware-api-session-id": self._token})
        return self._client.post(self._root + path, auth=(self._how.user, self._how.password))

    def close(self) -> None:
        """Log out, unless the session is somebody else's; again is harmless."""
        if self._client.is_closed:
            return
        if self._token and not self._how.session:
            path = "/rest/com/vmware/cis/session" if self.old else "/api/session"
            with contextlib.suppress(httpx.HTTPError):  # Nothing is lost by a session that ends by itself.
                self._client.delete(self._root + path, headers={"vmware-api-session-id": self._token})
        self._client.close()


def _problem(status: int, told: Any) -> Problem:
    if not isinstance(told, dict):
        return Problem("not_found" if status == httpx.codes.NOT_FOUND else "error", f"HTTP status {status}")
    kind = str(told.get("error_type") or told.get("type") or "error").rpartition(".")[2].lower()
    inner = told.get("value")
    messages = told.get("messages") or (inner.get("messages") if isinstance(inner, dict) else None) or ()
    words = " ".join(str(one.get("default_message", "")) for one in messages if isinstance(one, dict))
    return Problem(kind, words or f"HTTP status {status}")


def insisted(act: Callable[[], T]) -> T:
    """Once more where the answer was lost; only for what does no harm when it is done twice."""
    try:
        return act()
    except LostAnswer:
        return act()


def absent_is_none(act: Callable[[], T]) -> T | None:
    """None where vCenter does not know the thing."""
    try:
        return act()
    except Problem as problem:
        if problem.kind != "not_found":
            raise
        return None


@contextmanager
def understood(wanted: str) -> Iterator[None]:
    """As ``faults.translated``, and REST's problems too."""
    with translated(wanted):
        try:
            yield
        except Problem as problem:
            raise _of_problem(wanted, problem) from problem


def _of_problem(wanted: str, problem: Problem) -> GoldenError:
    details = f"{problem.kind}: {problem}"
    for kinds, error, brief in _KINDS:
        if problem.kind in kinds:
            return error(f"{wanted}: {brief}", details=details)
    return EndpointError(f"{wanted} did not work", details=details)
