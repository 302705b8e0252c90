"""The request log: one JSON line a command, a message of note, or a file operation; no secrets and no bodies."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.hyperv.objects import Secret, Thing, listed


@dataclass
class Request:
    """
    One thing that was asked. ``call`` is the command, ``WSMan.Create`` and the like, or ``SFTP.put``; ``place`` host or
    guest; ``fault`` the error's id, or the deed of a rule. ``seconds`` is how long it took.
    """

    call: str
    user: str = ""
    transport: str = ""
    place: str = "host"
    given: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    rules: list[str] = field(default_factory=list)
    number: int = 0
    at: float = 0.0
    seconds: float = 0.0


def shown(given: dict[str, Any]) -> dict[str, str]:
    """Values as the log has them: a secret is three asterisks, a credential its user's name, long text is cut."""
    return {name: _shown(value) for name, value in given.items()}


def _shown(value: Any) -> str:
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Thing):
        name = value.get("UserName") if value.is_a("PSCredential") else value.get("Name") or value.get("Path")
        return str(name or value.types[0])
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(each) for each in listed(value)[:20])
    if isinstance(value, dict):
        return ", ".join(f"{key}={_shown(each)}" for key, each in value.items())
    return str(value)[:500]


class Journal:
    """The log and its file; a host that starts again goes on in it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._begun = time.time()
        self._count = sum(1 for _ in file.open(encoding="utf-8")) if file.exists() else 0

    def add(self, entry: Request) -> None:
        """It is answered, or dropped."""
        with self._lock:
            self._count += 1
            entry.number = self._count
            entry.at = round(entry.at - self._begun, 4) if entry.at else 0.0
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")


def read(file: Path) -> list[Request]:
    """All that were answered, in the order of their ends."""
    if not file.exists():
        return []
    return [Request(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
