"""The embedded driver: where its roots lie, opening one, and who runs in it (docs/facts: libvirt, Connections)."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import signal
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from golden.errors import BadConfig, Conflict, StateUnusable, TimedOut
from golden.waiting import Deadline, Waiting, Watcher
from golden_libvirt import connection
from golden_libvirt.faults import is_libvirt, of_libvirt, translated
from golden_libvirt.record import sync_folder

MOST_ROOT = 108 - 54
"""Longest root in bytes: QEMU's monitor socket lies 53 bytes below it and must stay under 108 (unix(7))."""
_CONFIGURATION = 'user = "+{user}"\ngroup = "+{group}"\ndynamic_ownership = 0\nstdio_handler = "file"\n{swtpm}'


@dataclass(frozen=True, slots=True)
class Base:
    """The short private folder that all roots of one state folder lie below."""

    path: Path

    @classmethod
    def of(cls, state: Path, wanted: Path | None) -> Base:
        """The recorded one, else a new one that is recorded first. StateUnusable where it belongs to another user."""
        if wanted is not None:
            return cls(wanted)._made()
        note = state / "base"
        with translated("choosing a folder for libvirt's sockets"):
            try:
                return cls(Path(note.read_text("utf-8").strip()))._made()
            except (FileNotFoundError, StateUnusable):
                path = _parent() / f"golden-{os.getuid()}-{secrets.token_hex(3)}"
                state.mkdir(parents=True, exist_ok=True)
                fresh = note.with_name(f".base.{os.getpid()}")
                fresh.write_text(f"{path}\n", "utf-8")
                fresh.replace(note)
                sync_folder(state)
                return cls(path)._made()

    def _made(self) -> Base:
        if len(os.fsencode(self.path)) + 9 > MOST_ROOT:
            raise BadConfig(
                f"the folder {self.path} is too long for QEMU's sockets",
                hint=f"a root of at most {MOST_ROOT - 9} bytes: qemu:///embed?root=/short/folder",
            )
        if not re.fullmatch(r"[A-Za-z0-9/._-]+", str(self.path)):
            raise BadConfig(f"the folder {str(self.path)!r} has characters that QEMU's sockets cannot have")
        with translated(f"making the folder {self.path}"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = self.path.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise StateUnusable(
                f"the folder {self.path} can be written to by other users", hint=f"chmod 700 {self.path}"
            )
        return self

    def root(self, job: str) -> Path:
        """The root of one job."""
        return self.path / hashlib.sha256(job.encode()).hexdigest()[:8]

    def roots(self) -> tuple[Path, ...]:
        """Every root there is."""
        found = [path for path in self.path.iterdir() if re.fullmatch(r"[0-9a-f]{8}", path.name)]
        return tuple(sorted(found))


def _parent() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/") and len(given) < 20 and Path(given).is_dir():
        return Path(given)
    return Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())  # noqa: S108


def running(root: str | Path, name: str) -> int | None:
    """Number of the QEMU process that runs a machine below a root; None when it is off. Opens no libvirt."""
    if not str(root):
        return None
    try:
        pid = int((Path(root) / "run/qemu" / f"{name}.pid").read_text("utf-8"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    is_it = f"guest={name}".encode() in command.replace(b",", b"\0").split(b"\0") and os.fsencode(root) in command
    return pid if is_it and state not in (b"Z", b"X") else None


def cut_power(root: str | Path, name: str) -> None:
    """End the QEMU process of a machine whose root nobody has open, and see it end."""
    pid = running(root, name)
    if pid is None:
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if running(root, name) == pid:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
    Waiting(Deadline(20), tick=0.02).until(f"the machine {name} to lose its power", lambda: running(root, name) is None)


def in_use(root: Path) -> bool:
    """
    Whether a process (this one included) has the root open: libvirt holds a lock on driver.pid.

    Read from /proc/locks (proc(5)): opening and closing the file here would drop this process's own lock.
    """
    try:
        inode = str((root / "run/qemu/driver.pid").stat().st_ino)
        locks = Path("/proc/locks").read_text("ascii")
    except OSError:
        return False
    return any(line.split()[5].split(":")[-1] == inode for line in locks.splitlines() if "->" not in line)


def machines_in(root: Path) -> tuple[str, ...]:
    """Names of the machines that run below a root."""
    names = [path.stem for path in (root / "run/qemu").glob("*.pid") if path.name != "driver.pid"]
    return tuple(name for name in names if running(root, name))


class Root:
    """One root of the embedded driver, opened when first needed; only one may be open in a process at a time."""

    def __init__(self, path: Path, state: Path, watcher: Watcher) -> None:
        """``state`` is the provider's folder: it holds the store and the warm capability cache."""
        self.path = path
        self._state = state
        self._watcher = watcher
        self._line: connection.Line | None = None

    @property
    def is_open(self) -> bool:
        """Whether this process holds it."""
        return self._line is not None

    def line(self) -> connection.Line:
        """The open connection. Conflict where another living process keeps the root."""
        if self._line is None:
            self._prepare()
            uri = f"qemu:///embed?root={self.path}"
            attempt = lambda: self._attempt(uri)  # noqa: E731
            try:
                self._line = Waiting(Deadline(15), watcher=self._watcher).until("libvirt's root to be free", attempt)
            except TimedOut as error:
                raise Conflict(
                    "another process of golden's works with this job's machines", details=str(self.path)
                ) from error
        return self._line

    def _attempt(self, uri: str) -> connection.Line | None:
        try:
            return connection.open_line(uri, log=self.path / "libvirt.log")
        except Exception as error:
            if is_libvirt(error) and "driver.pid" in str(error):
                return None
            raise (of_libvirt("opening the embedded libvirt", error) if is_libvirt(error) else error) from error

    def _prepare(self) -> None:
        with translated("preparing libvirt's folder"):
            (self.path / "etc").mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "a").mkdir(exist_ok=True)
            user, group = os.geteuid(), os.getegid()
            swtpm = f'swtpm_user = "+{user}"\nswtpm_group = "+{group}"\n' if user == 0 else ""
            text = _CONFIGURATION.format(user=user, group=group, swtpm=swtpm)
            (self.path / "etc/qemu.conf").write_text(text, "ascii")
            store = self.path / "s"
            if not store.is_symlink() or store.readlink() != self._state / "store":
                store.unlink(missing_ok=True)
                store.symlink_to(self._state / "store")
            warm = self._state / "cache"
            if warm.is_dir() and not (self.path / "cache").exists():
                shutil.copytree(warm, self.path / "cache")

    def keep_cache(self) -> None:
        """Keep the capability probing (4 s) for the next root; called after a first start."""
        warm, ours = self._state / "cache", self.path / "cache"
        if warm.exists() or not any(ours.rglob("*.xml")):
            return
        with translated("keeping libvirt's capability cache"):
            fresh = self._state / f".cache.{os.getpid()}"
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(ours, fresh, ignore=shutil.ignore_patterns("*.sock"))
            try:
                fresh.rename(warm)
            except OSError:  # another process was quicker
                shutil.rmtree(fresh, ignore_errors=True)

    def close(self) -> None:
        """Let go; the root goes too when no machine runs in it and nobody else has it."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self.path.is_dir() and not machines_in(self.path) and not in_use(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
