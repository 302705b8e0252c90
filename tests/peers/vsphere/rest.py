"""REST in both forms: ``/rest/com/vmware/…`` (value wrapped, ``id:``, ``~action``) and ``/api/…`` made one."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass
from typing import Any

from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply

JSON = [("Content-Type", "application/json")]
STATUS = {
    "not_found": 404,
    "unauthorized": 403,
    "unauthenticated": 401,
    "resource_busy": 500,
    "internal_server_error": 500,
}
SPECS = ("create_spec", "update_spec", "spec")


class Problem(Exception):
    """An error of the API's by its name, ``not_found`` and the like; HTTP 400 where no other status is known."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Wanted:
    """One request without its form: ``path`` begins after ``vmware``; ``given`` is the body without its wrapping."""

    verb: str
    path: tuple[str, ...]
    action: str
    query: dict[str, str]
    given: dict[str, Any]
    token: str
    old: bool

    @classmethod
    def read(cls, asked: Asked) -> Wanted | None:
        """The request; None where it is neither form. Problem where its body is no JSON object."""
        words = [urllib.parse.unquote(word) for word in asked.path.strip("/").split("/")]
        if words[0] not in ("rest", "api"):
            return None
        old = words.pop(0) == "rest"
        if words[:2] == ["com", "vmware"]:
            words = words[2:]
        path = tuple(word.removeprefix("id:") for word in words)
        try:
            given = json.loads(asked.body) if asked.body else {}
        except ValueError:
            raise Problem("invalid_argument", "The body is no JSON.") from None
        if not isinstance(given, dict):
            raise Problem("invalid_argument", "The body is no JSON object.")
        action = asked.query.get("~action" if old else "action", asked.query.get("action", ""))
        token = str(given.pop("client_token", "") if old else asked.query.get("client_token", ""))
        return cls(asked.verb, path, action, asked.query, given, token, old)

    def spec(self) -> dict[str, Any]:
        """The body's specification; the new form has it unwrapped."""
        for name in SPECS:
            if isinstance(self.given.get(name), dict):
                return dict(self.given[name])
        return self.given

    def answer(self, value: Any) -> Reply:
        """Success; None is an empty body."""
        if value is None:
            return Reply(200 if self.old else 204, JSON, b"")
        return Reply(200, JSON, json.dumps({"value": value} if self.old else value).encode())

    def refuse(self, problem: Problem) -> Reply:
        """An error in this form."""
        messages = [{"id": f"com.vmware.{problem.kind}", "default_message": str(problem), "args": []}]
        body = (
            {"type": f"com.vmware.vapi.std.errors.{problem.kind}", "value": {"messages": messages}}
            if self.old
            else {"error_type": problem.kind.upper(), "messages": messages}
        )
        return Reply(STATUS.get(problem.kind, 400), JSON, json.dumps(body).encode())
