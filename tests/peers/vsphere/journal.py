"""The request log: one JSON line a request, as it was answered; no bodies, no passwords."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Request:
    """
    One request. ``call`` is the SOAP method, or ``VERB /path`` without its query; ``name`` the new thing's name where
    it has one, ``machine`` the name of the machine it is about; ``fault`` the fault or injected deed it ended with.
    """

    call: str
    user: str = ""
    this: str = ""
    name: str = ""
    machine: str = ""
    given: dict[str, str] = field(default_factory=dict)
    status: int = 0
    fault: str = ""
    rules: list[str] = field(default_factory=list)
    number: int = 0
    at: float = 0.0
    seconds: float = 0.0


class Journal:
    """The log and its file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._entries: list[Request] = []
        self._begun = time.monotonic()

    def begin(self, call: str) -> Request:
        """A request has come."""
        return Request(call, at=round(time.monotonic() - self._begun, 4))

    def end(self, entry: Request) -> None:
        """It is answered, or dropped."""
        entry.seconds = round(time.monotonic() - self._begun - entry.at, 4)
        with self._lock:
            entry.number = len(self._entries) + 1
            self._entries.append(entry)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")

    def entries(self) -> list[Request]:
        """All that were answered, in the order of their ends."""
        with self._lock:
            return list(self._entries)
