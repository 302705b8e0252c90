"""A connection of libvirt's: quiet on stderr, with one event loop for the process, and agents' comings by event."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from golden.errors import EndpointError, Unreachable
from golden_libvirt.faults import is_libvirt, of_libvirt

KEEPALIVE = (5, 11)
"""
Seconds of silence after which a daemon is asked for a sign of life, and how many in a row it may owe: one that gives
none for a minute is lost. libvirt's own 5 and 5 are short where a sign waits behind an upload over a slow line.
"""
OPEN_LIMIT = 120
"""Seconds for opening a connection, in which somebody may have to type a password for SSH."""
_LOOP_LOCK = threading.Lock()
_LOOP: list[threading.Thread] = []
_EMBEDDED: list[Path] = []
"""Roots of the embedded driver that were opened or tried here: from then on libvirt gives it every local URL."""
_SOCKETS = ("virtqemud-sock", "libvirt-sock")
"""Of a local daemon, in the order in which libvirt itself looks for them."""
_WAKE = "import sys, libvirt; libvirt.open(sys.argv[1])"


def load(log: Path | None = None) -> Any:
    """
    The libvirt module, imported on first use.

    libvirt's own log goes to ``log`` (it reaches stderr otherwise even with an error handler), which only has an
    effect before the first import; so the first root's file serves the whole process.
    """
    if log is not None:
        os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", f"3:file:{log}")
    import libvirt

    with _LOOP_LOCK:
        if not _LOOP:
            libvirt.registerErrorHandler(_quiet, None)
            libvirt.virEventRegisterDefaultImpl()
            thread = threading.Thread(target=_turn, args=(libvirt,), name="libvirt-events", daemon=True)
            _LOOP.append(thread)
            thread.start()
    return libvirt


def _quiet(_context: object, _error: object) -> None:
    """libvirt prints every error on stderr otherwise."""


def _turn(libvirt: Any) -> None:
    while True:
        with contextlib.suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()


class Line:
    """One open connection."""

    def __init__(self, libvirt: Any, native: Any) -> None:
        """Subscribes to the agents' coming and going at once, so that none is missed."""
        self.libvirt = libvirt
        self.native = native
        self.changed = threading.Condition()
        """Notified whenever an agent, a machine or the connection comes or goes."""
        self.lost = False
        self._agents: dict[str, bool] = {}
        self._off: set[str] = set()
        self._stopped: set[str] = set()
        self._domains: dict[str, Any] = {}
        self._subscriptions: list[int] = []
        agent, life = libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
        self._subscribe(agent, self._on_agent)
        self._subscribe(life, self._on_life)
        with contextlib.suppress(libvirt.libvirtError):
            native.registerCloseCallback(self._on_close, None)
        with contextlib.suppress(libvirt.libvirtError):  # The embedded driver knows none.
            native.setKeepAlive(*KEEPALIVE)

    def _subscribe(self, event: int, handler: Callable[..., None]) -> None:
        self._subscriptions.append(self.native.domainEventRegisterAny(None, event, handler, None))

    def _on_agent(self, _native: Any, domain: Any, state: int, _reason: int, _context: object) -> None:
        with self.changed:
            there = self.libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
            self._agents[domain.UUIDString()] = state == there
            self.changed.notify_all()

    def _on_life(self, _native: Any, domain: Any, event: int, _detail: int, _context: object) -> None:
        with self.changed:
            if event == self.libvirt.VIR_DOMAIN_EVENT_STOPPED:
                self._agents.pop(domain.UUIDString(), None)
                self._off.add(domain.UUIDString())
            elif event == self.libvirt.VIR_DOMAIN_EVENT_STARTED:
                self._off.discard(domain.UUIDString())
            elif event == self.libvirt.VIR_DOMAIN_EVENT_SUSPENDED:
                self._stopped.add(domain.UUIDString())
            self.changed.notify_all()

    def _on_close(self, _native: Any, _reason: int, _context: object) -> None:
        with self.changed:
            self.lost = True
            self.changed.notify_all()

    def domain(self, name: str) -> Any:
        """The machine as libvirt's own object, kept here so that ``close`` lets go of it. Raises libvirt's error."""
        if name not in self._domains:
            self._domains[name] = self.native.lookupByName(name)
        return self._domains[name]

    def forget(self, name: str) -> None:
        """Ask libvirt anew next time."""
        self._domains.pop(name, None)

    def agent_is_there(self, uuid: str) -> bool | None:
        """What the last event said; None where there was none yet."""
        return self._agents.get(uuid)

    def went_off(self, uuid: str) -> bool:
        """Whether the last event of the machine's life was its end."""
        return uuid in self._off

    def was_stopped(self, uuid: str) -> bool:
        """Whether the machine's processor was stopped since this was asked last."""
        if uuid not in self._stopped:
            return False
        self._stopped.remove(uuid)
        return True

    def note_agent(self, uuid: str, there: bool, *, seen: bool = False) -> None:  # noqa: FBT001
        """
        What the live definition says, where no event has come yet (a machine that an earlier process started); with
        ``seen`` whatever the last event said.
        """
        with self.changed:
            if seen or uuid not in self._agents:
                self._agents[uuid] = there

    def close(self) -> None:
        """Let go; the machines go on. The embedded driver ends with the last object that belongs to it."""
        self._domains.clear()
        with contextlib.suppress(self.libvirt.libvirtError):
            self.native.unregisterCloseCallback()
        for subscription in self._subscriptions:
            with contextlib.suppress(self.libvirt.libvirtError):
                self.native.domainEventDeregisterAny(subscription)
        with contextlib.suppress(self.libvirt.libvirtError):
            self.native.close()


def open_embedded(root: Path) -> Line:
    """Open the embedded driver. Raises libvirt's own error: who asks knows what it means."""
    libvirt = load(root / "libvirt.log")
    _EMBEDDED.append(root)
    return Line(libvirt, libvirt.open(f"qemu:///embed?root={root}"))


def missing(error: ImportError) -> EndpointError:
    """What to say where libvirt-python cannot be imported."""
    return EndpointError(
        "the Python package libvirt-python is not installed",
        details=str(error),
        hint="apt install libvirt-dev pkg-config gcc; pip install 'golden-reference[libvirt]'",
    )


def open_first(uri: str) -> Line:
    """Open a daemon's connection for people. Unreachable, Refused, or what to install."""
    try:
        libvirt = load()
        return Line(libvirt, _opened(libvirt, _beside_embedded(uri) if _EMBEDDED else uri))
    except ImportError as error:
        raise missing(error) from error
    except Exception as error:
        if not is_libvirt(error):
            raise
        raise of_libvirt(f"connecting to {uri}", error) from error


def _beside_embedded(uri: str) -> str:
    """
    The same local daemon by a URL that names its socket, which libvirt does not give to the embedded driver
    (docs/facts: libvirt, Connections). A user's own daemon, which libvirt starts when it is asked for and which ends
    when nobody needs it, is asked for by another process first.
    """
    scheme, _, path = uri.partition(":///")
    if scheme != "qemu":
        return uri
    folder = Path("/var/run/libvirt")
    if path == "session" and os.geteuid() != 0:
        own = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(own) / "libvirt"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("LIBVIRT_")}
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run((sys.executable, "-c", _WAKE, uri), env=clean, capture_output=True, timeout=OPEN_LIMIT)
    there = [name for name in _SOCKETS if (folder / name).exists()]
    return f"qemu+unix:///{path}?socket={quote(str(folder / (there or _SOCKETS)[0]))}"


def _opened(libvirt: Any, uri: str) -> Any:
    """Opening itself knows no limit, and signs of life begin only after it: a daemon that hangs would hang golden."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            answers.put(libvirt.open(uri))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            answers.put(error)

    threading.Thread(target=attempt, name="libvirt-opening", daemon=True).start()
    try:
        answer = answers.get(timeout=OPEN_LIMIT)
    except queue.Empty:
        raise Unreachable(f"connecting to {uri}: libvirt has not answered for {OPEN_LIMIT} s") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer
