"""Who may log in, with which password, and whose session is whose."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import threading
import time
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply, Upset, Upstream
from tests.peers.vsphere.wire import Call, Fault, envelope

OPEN = ("RetrieveServiceContent", "Login", "LoginByToken", "RetrieveInternalContent")
"""What a stranger may call."""


@dataclass(frozen=True)
class Account:
    """A user of vCenter. ``lacks``: privileges its role has not, on objects by name or moid; () is everywhere."""

    user: str
    password: str = field(repr=False)
    lacks: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Accounts:
    """Logins by SOAP and REST, passwords checked here; the simulator itself has one account, which nobody is told."""

    def __init__(self, upstream: Upstream, idle: float) -> None:
        self._upstream, self._idle = upstream, idle
        self._used: dict[str, float] = {}
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, Account] = {}
        self._rest: dict[str, Account] = {}
        self._lock = threading.Lock()
        self.forms: tuple[str, ...] = ("rest", "api")
        """Which REST forms are answered; none on ESXi."""

    def add(self, account: Account) -> None:
        """Make or replace an account; sessions that are open have the new role at once."""
        with self._lock:
            self._accounts[account.user] = account
            for sessions in (self._sessions, self._rest):
                sessions.update({key: account for key, had in sessions.items() if had.user == account.user})

    def of(self, asked: Asked) -> Account | None:
        """Whose session a request belongs to."""
        now = time.monotonic()
        with self._lock:
            for sessions, key in ((self._sessions, asked.session), (self._rest, self._token(asked))):
                if key in sessions and now - self._used.setdefault(key, now) > self._idle:
                    del sessions[key]
                if key in sessions:
                    if not asked.path.startswith("/folder"):  # Whether files keep a session is not known (facts 1).
                        self._used[key] = now
                    return sessions[key]
        return None

    def expire(self, asked: Asked) -> None:
        """The request's session is over, in the simulator too, before the request is looked at."""
        with self._lock:
            self._rest.pop(self._token(asked), None)
            self._sessions.pop(asked.session, None)
        if asked.session:
            inner = f"<sessionId>{escape(asked.session)}</sessionId>"
            with suppress(Upset):  # it was over before
                self._upstream.ask("sessionManager", "TerminateSession", inner)

    def soap(self, asked: Asked, call: Call) -> str | bytes | None:
        """Login; the user of every other call is noted for the journal."""
        account = self.of(asked)
        asked.entry.user = account.user if account else ""
        if account is None and call.method not in OPEN:  # the simulator lets anybody read
            root = {"object": ("Folder", "group-d1"), "privilegeId": "System.View"}
            raise Fault("NotAuthenticated", root, "The session is not authenticated.")
        if call.method == "Logout":
            with self._lock:
                self._sessions.pop(asked.session, None)
        if call.method != "Login":
            return None
        asked.entry.user = call.text("userName")
        account = self._checked(call.text("userName"), call.text("password"))
        if account is None:
            raise Fault("InvalidLogin", message="Cannot complete login due to an incorrect user name or password.")
        up = self._upstream
        locale = f"<locale>{escape(call.text('locale'))}</locale>" if call.text("locale") else ""
        names = f"<userName>{up.user}</userName><password>{up.password}</password>{locale}"
        inner = f'<Login xmlns="urn:vim25"><_this type="SessionManager">{call.this}</_this>{names}</Login>'
        asked.body = envelope(inner)
        return None

    def seen(self, asked: Asked, reply: Reply) -> Reply:
        """Note the session that a login has made, and name the user as the client knows it."""
        if asked.call is None or reply.status != 200 or not asked.entry.user:
            return reply
        if asked.call.method == "Login":
            self._note(asked, reply)
        ours, theirs = (f">{escape(name)}<".encode() for name in (asked.entry.user, self._upstream.user))
        return Reply(200, reply.headers, reply.body.replace(theirs, ours))

    def _note(self, asked: Asked, reply: Reply) -> None:
        cookie = next((v for k, v in reply.headers if k.lower() == "set-cookie"), "")
        key = re.sub(r'^[^=]*="?([^";]*).*$', r"\1", cookie)
        with self._lock:
            self._sessions[key] = self._accounts[asked.entry.user]

    def rest(self, asked: Asked) -> Reply | None:
        """REST sessions, old form and new; everything else needs one."""
        if asked.path.startswith("/folder"):
            return None if self.of(asked) else Reply(401, [("WWW-Authenticate", 'Basic realm="VMware"')], b"")
        old = asked.path.startswith("/rest/")
        if not old and not asked.path.startswith("/api/"):
            return None
        if asked.path.split("/")[1] not in self.forms:
            return Reply(404, [], b"")
        if asked.path in ("/rest/com/vmware/cis/session", "/api/session"):
            return self._session(asked, old=old)
        account = self.of(asked)
        if account is None:
            return said(
                401, {"type": "com.vmware.vapi.std.errors.unauthenticated", "value": {"messages": []}}, old=False
            )
        asked.entry.user = account.user
        return None

    def _session(self, asked: Asked, *, old: bool) -> Reply:
        token = self._token(asked)
        if asked.verb == "POST" and not asked.query:
            return self._begun(asked, old=old)
        with self._lock:
            account = self._rest.pop(token, None) if asked.verb == "DELETE" else self._rest.get(token)
        if account is None:
            return said(
                401, {"type": "com.vmware.vapi.std.errors.unauthenticated", "value": {"messages": []}}, old=False
            )
        asked.entry.user = account.user
        return said(200, {"user": account.user} if asked.verb != "DELETE" else {}, old=old)

    def _begun(self, asked: Asked, *, old: bool) -> Reply:
        scheme, _, given = asked.headers.get("authorization", "").partition(" ")
        user, _, password = b64decode(given).decode().partition(":") if scheme.lower() == "basic" else ("", "", "")
        account = self._checked(user, password)
        asked.entry.user = user
        if account is None:
            return said(
                401, {"type": "com.vmware.vapi.std.errors.unauthenticated", "value": {"messages": []}}, old=False
            )
        # Tags are the simulator's: its session is the client's.
        reply = self._upstream.request("POST", "/rest/com/vmware/cis/session", b"", {"Authorization": self._basic()})
        token = json.loads(reply.body)["value"]
        with self._lock:
            self._rest[token] = account
        made = said(200 if old else 201, token, old=old)
        return Reply(
            made.status, [*made.headers, ("Set-Cookie", f"vmware-api-session-id={token}; Path=/; Secure")], made.body
        )

    def _basic(self) -> str:
        return "Basic " + b64encode(f"{self._upstream.user}:{self._upstream.password}".encode()).decode()

    def _checked(self, user: str, password: str) -> Account | None:
        with self._lock:
            account = self._accounts.get(user)
        known = account.password if account else secrets.token_hex(8)
        return account if hmac.compare_digest(known.encode(), password.encode()) else None

    @staticmethod
    def _token(asked: Asked) -> str:
        found = re.search(r"vmware-api-session-id=\"?([^;\"]+)", asked.headers.get("cookie", ""))
        return asked.headers.get("vmware-api-session-id", "") or (found[1] if found else "")


def said(status: int, value: object, *, old: bool) -> Reply:
    """A JSON answer; the old form, below /rest, wraps it in ``value``."""
    body = json.dumps({"value": value} if old else value).encode()
    return Reply(status, [("Content-Type", "application/json")], body)
