"""``maxObjects``: a long answer in pages, which the simulator gives in one piece."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply
from tests.peers.vsphere.wire import Call, Fault

OBJECT = "</objects>"
MOST = 1000
"""Most objects of a page where the client does not say."""


class Pages:
    """RetrievePropertiesEx and what continues or cancels it."""

    def __init__(self, forward: Callable[[Asked], Reply]) -> None:
        self._forward = forward
        self._left: dict[str, tuple[str, list[str], int]] = {}
        self._lock = threading.Lock()

    def rest(self, asked: Asked) -> None:
        """Nothing of this is REST."""

    def soap(self, asked: Asked, call: Call) -> str | bytes | None:
        """A first page, a next one, or the end of it."""
        if call.method == "RetrievePropertiesEx":
            return self._first(asked, call)
        if call.method not in ("ContinueRetrievePropertiesEx", "CancelRetrievePropertiesEx"):
            return None
        with self._lock:
            session, left, most = self._left.pop(call.text("token"), ("", [], 0))
        if not left or session != asked.session:
            raise Fault("InvalidProperty", {"name": "token"})
        return self._page(session, left, most) if call.method.startswith("Continue") else ""

    def _first(self, asked: Asked, call: Call) -> str | bytes | None:
        most = int(call.text("options/maxObjects") or 0) or MOST
        reply = self._forward(asked)
        text = reply.body.decode()
        if reply.status != 200 or text.count(OBJECT) <= most:
            return Whole(reply.body, reply.status)
        inner = text[text.index("<returnval>") + len("<returnval>") : text.rindex("</returnval>")]
        return self._page(asked.session, [each + OBJECT for each in inner.split(OBJECT)[:-1]], most)

    def _page(self, session: str, left: list[str], most: int) -> str:
        page, rest = left[:most], left[most:]
        token = ""
        if rest:
            key = secrets.token_hex(8)
            with self._lock:
                self._left[key] = (session, rest, most)
            token = f"<token>{key}</token>"
        return f"<returnval>{token}{''.join(page)}</returnval>"


class Whole(bytes):
    """A whole envelope and its HTTP status."""

    status: int

    def __new__(cls, body: bytes, status: int) -> Whole:
        """The envelope as it came."""
        made = super().__new__(cls, body)
        made.status = status
        return made
