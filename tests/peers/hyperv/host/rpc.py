"""How sessions speak to the host's process: calls of its methods over a local socket, one at a time a connection."""

from __future__ import annotations

import json
import queue
import secrets
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure

FILE = "rpc.json"


class Gone(Failure):
    """The host's process does not answer; what the real one says when vmms is down."""

    def __init__(self) -> None:
        super().__init__(
            "Hyper-V encountered an error trying to access an object on the computer because the object was not found. "
            "The Virtual Machine Management service on the computer is not running.", "ObjectNotFound",
            "ObjectNotFound", None, "Microsoft.HyperV.PowerShell.VirtualizationException",
        )  # fmt: skip


def offer(target: object, folder: Path) -> None:
    """Serve the public methods of ``target`` until the process ends."""
    name, key = f"\0golden-hyperv-{secrets.token_hex(12)}", secrets.token_bytes(16)
    listener = Listener(name, family="AF_UNIX", backlog=64, authkey=key)
    file = folder / FILE
    file.touch(0o600)
    new = file.with_suffix(".new")
    new.touch(0o600)
    new.write_text(json.dumps({"name": name, "key": key.hex()}))
    new.replace(file)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()
            except Exception:
                continue
            threading.Thread(target=_serve, args=(target, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _serve(target: object, connection: Connection) -> None:
    while True:
        try:
            method, given, named = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[bool, Any] = (True, getattr(target, method)(*given, **named))
        except Exception as wrong:
            answer = (False, wrong)
        try:
            connection.send(answer)
        except (OSError, BrokenPipeError):
            return
        except Exception as wrong:
            connection.send((False, RuntimeError(f"{method} answered what cannot be sent: {wrong!r}")))


class Remote:
    """The host's process, from a session's: every attribute is a method of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def call(*given: Any, **named: Any) -> Any:
            return self._call(method, given, named)

        return call

    def _call(self, method: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            connection = self._connection()
            connection.send((method, given, named))
            done, answer = connection.recv()
        except (EOFError, OSError, json.JSONDecodeError):
            raise Gone from None
        self._idle.put(connection)
        if not done:
            raise answer
        return answer

    def _connection(self) -> Connection:
        while True:
            try:
                kept = self._idle.get_nowait()
            except queue.Empty:
                break
            if not kept.poll():  # a connection that has something to say has only its end to say
                return kept
        at = json.loads((self._folder / FILE).read_text())
        return Client(at["name"], family="AF_UNIX", authkey=bytes.fromhex(at["key"]))
