"""File transfers: tickets that are good once, redeemed at the host the machine runs on."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply
from tests.peers.vsphere.wire import Call

PLAIN = [("Content-Type", "application/octet-stream")]


@dataclass(frozen=True)
class Ticket:
    """One transfer that may be made once."""

    verb: str
    place: Path
    path: str
    size: int


class Transfers:
    """The tickets. ``address`` is what stands in URLs: the host's own name and port, or ``*`` on ESXi."""

    def __init__(self) -> None:
        self.address = ""
        self._tickets: dict[str, Ticket] = {}
        self._lock = threading.Lock()

    def ticket(self, verb: str, place: Path, path: str, size: int) -> str:
        """A URL for one transfer."""
        token = secrets.token_hex(16)
        with self._lock:
            self._tickets[token] = Ticket(verb, place, path, size)
        return f"https://{self.address}/guestFile?id=1&token={token}"

    def name(self, asked: Asked) -> str:
        """The guest's path of a transfer, for rules and journal."""
        with self._lock:
            found = self._tickets.get(asked.query.get("token", ""))
        return found.path if found else ""

    def soap(self, asked: Asked, call: Call) -> None:
        """Nothing of this is SOAP."""

    def rest(self, asked: Asked) -> Reply | None:
        """One transfer: 404 without a ticket for it, 500 where the size is another than announced."""
        if asked.path != "/guestFile":
            return None
        with self._lock:
            found = self._tickets.pop(asked.query.get("token", ""), None)
        if found is None or found.verb != asked.verb:
            return Reply(404, PLAIN, b"")
        if found.verb == "GET":
            return Reply(200, PLAIN, found.place.read_bytes())
        if len(asked.body) != found.size or not found.place.parent.is_dir():
            return Reply(500, PLAIN, b"")
        found.place.write_bytes(asked.body)
        return Reply(200, PLAIN, b"")


class Elsewhere:
    """Everything that a host of a vCenter does not answer to strangers."""

    def soap(self, asked: Asked, call: Call) -> bytes | None:
        """A host under vCenter has its own users; none is ours."""
        raise ConnectionError("the host's own API is not served")

    def rest(self, asked: Asked) -> Reply:
        """Nothing here."""
        return Reply(404, PLAIN, b"")
