"""The embedded driver: where its roots lie, opening one, and who runs in it (docs/facts: libvirt, Connections)."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from golden.errors import BadConfig, Conflict, StateUnusable, TimedOut
from golden.waiting import Deadline, Waiting, Watcher
from golden_libvirt import connection, orphans
from golden_libvirt.faults import is_libvirt, of_libvirt, translated
from golden_libvirt.processes import in_use, machines_in
from golden_libvirt.record import sync_folder

PATIENCE = 15
"""Seconds that a dying process is given to let go of its root."""
MOST_ROOT = 108 - 54
"""Longest root in bytes: QEMU's monitor socket lies 53 bytes below it and must stay under 108 (unix(7))."""
_CONFIGURATION = (
    'user = "+{user}"\ngroup = "+{group}"\ndynamic_ownership = 0\n'
    'stdio_handler = "file"\n'  # Else libvirt wants its log daemon.
    "namespaces = []\n"  # A private /dev needs rights that root in a container or a chroot does not have.
    "{swtpm}"
)


@dataclass(frozen=True, slots=True)
class Base:
    """The short private folder that all roots of one state folder lie below."""

    path: Path

    @classmethod
    def recorded(cls, state: Path, wanted: Path | None) -> Base | None:
        """The one there is; makes nothing."""
        try:
            path = wanted or _noted(state)
        except OSError:
            return None
        return cls(path)._checked() if path is not None and _is_there(path) else None

    @classmethod
    def of(cls, state: Path, wanted: Path | None) -> Base:
        """
        The recorded one, else a new one that is recorded first. StateUnusable where a wanted one belongs to another
        user. A recorded one that lies elsewhere than new ones do is kept for as long as it is there.
        """
        if wanted is not None:
            return cls(wanted)._made()
        with translated("choosing a folder for libvirt's sockets"):
            known = _noted(state)
            if known is not None and (_is_there(known) or known.parent == parent()):
                with contextlib.suppress(StateUnusable):
                    return cls(known)._made()
            path = parent() / f"golden-{os.getuid()}-{secrets.token_hex(3)}"
            state.mkdir(parents=True, exist_ok=True)
            fresh = state / f".base.{os.getpid()}"
            fresh.write_text(f"{path}\n", "utf-8")
            fresh.replace(state / "base")
            sync_folder(state)
            return cls(path)._made()

    def _made(self) -> Base:
        with translated(f"making the folder {self._fitting().path}"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._checked()

    def _fitting(self) -> Base:
        if len(os.fsencode(self.path)) + 9 > MOST_ROOT:
            raise BadConfig(
                f"the folder {self.path} is too long for QEMU's sockets",
                hint=f"a root of at most {MOST_ROOT - 9} bytes: qemu:///embed?root=/short/folder",
            )
        if not re.fullmatch(r"[A-Za-z0-9/._-]+", str(self.path)):
            raise BadConfig(f"the folder {str(self.path)!r} has characters that QEMU's sockets cannot have")
        return self

    def _checked(self) -> Base:
        with translated(f"looking at the folder {self.path}"):
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


def _noted(state: Path) -> Path | None:
    with contextlib.suppress(FileNotFoundError):
        return Path((state / "base").read_text("utf-8").strip())
    return None


def _is_there(path: Path) -> bool:
    """Whether this is a folder that may be entered."""
    return os.access(path, os.X_OK) and path.is_dir()


def parent() -> Path:
    """
    Where the bases of all this user's projects lie, unless a URL names another place.

    Never XDG_RUNTIME_DIR: it goes at the user's last logout, under machines that run, and jobs of cron's have none
    (docs/facts: libvirt, Connections).
    """
    return Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())  # noqa: S108


def sweep() -> None:
    """Take away what removed projects left where bases lie, and where they lay before: in the session's own folder."""
    session = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    for place in {parent(), Path(f"/run/user/{os.getuid()}"), *((session,) if session.is_absolute() else ())}:
        orphans.sweep(place)


class Root:
    """
    One root of the embedded driver, opened when first needed.

    libvirt keeps its first root until the process ends, whatever is closed (virConnectOpen refuses a second one with
    "already open with path"), so there is at most one ``Root`` that is open, for all connections of the process.
    """

    def __init__(self, path: Path, watcher: Watcher) -> None:
        """Makes and opens nothing yet."""
        self.path = path
        self._watcher = watcher
        self._line: connection.Line | None = None

    def line(self, state: Path) -> connection.Line:
        """The open connection; ``state`` holds the warm capability cache. Conflict where another process has it."""
        if self._line is None or self._line.lost:
            self._prepare(state)
            waiting = Waiting(Deadline(PATIENCE), watcher=self._watcher)
            try:
                self._line = waiting.until("libvirt's folder to be free", self._attempt)
            except TimedOut as error:
                brief = "another process of golden's works with this job's machines"
                raise Conflict(brief, details=str(self.path), hint="golden jobs") from error
        return self._line

    def _attempt(self) -> connection.Line | None:
        try:
            with _on_first_processor():
                return connection.open_embedded(self.path)
        except ImportError as error:
            raise connection.missing(error) from error
        except Exception as error:
            if not is_libvirt(error):
                raise
            if "driver.pid" in str(error):
                return None
            raise of_libvirt("opening the embedded libvirt", error) from error

    def _prepare(self, state: Path) -> None:
        with translated("preparing libvirt's folder"):
            (self.path / "etc").mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "a").mkdir(exist_ok=True)
            orphans.note(self.path)
            user, group = os.geteuid(), os.getegid()
            swtpm = f'swtpm_user = "+{user}"\nswtpm_group = "+{group}"\n' if user == 0 else ""
            text = _CONFIGURATION.format(user=user, group=group, swtpm=swtpm)
            (self.path / "etc/qemu.conf").write_text(text, "ascii")
            for file in _learned(state).keys() - _learned(self.path).keys():
                _hand_over(file, state, self.path)

    def view(self, store: Path) -> Path:
        """A short path of plain characters to a store, whatever the store's own path holds."""
        link = self.path / f"s{hashlib.sha256(os.fsencode(store)).hexdigest()[:8]}"
        with translated("preparing libvirt's folder"):
            if not link.is_symlink():
                link.symlink_to(store.absolute())
        return link

    def keep_cache(self, state: Path) -> None:
        """Keep what libvirt learned of QEMU (4 s) for the next root; called after a start."""
        with translated("keeping libvirt's capability cache"):
            for file, written in _learned(self.path).items():
                if _learned(state).get(file) != written:
                    _hand_over(file, self.path, state)

    def leave(self) -> None:
        """At the end of the process: the root goes too when no machine runs in it."""
        mine = self._line is not None
        if self._line is not None:
            self._line.close()
            self._line = None
        # Without a line of ours the root may be another process's by now, or was only prepared.
        if (mine or not in_use(self.path)) and not machines_in(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()


def _learned(folder: Path) -> dict[Path, int]:
    """What libvirt learned of QEMU below a root or a state folder: relative paths, and when each was written."""
    found = (folder / "cache").glob("qemu/capabilities/*.xml")
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in found}


def _hand_over(file: Path, source: Path, target: Path) -> None:
    """Whole or not at all, with its time: another process may do the same, or read it."""
    (target / file).parent.mkdir(parents=True, exist_ok=True)
    fresh = target / file.with_name(f".{file.name}.{os.getpid()}")
    shutil.copy2(source / file, fresh)
    fresh.replace(target / file)


@contextlib.contextmanager
def _on_first_processor() -> Iterator[None]:
    """
    Meanwhile this process runs on the first of its processors.

    libvirt keeps the CPUID of the processor that it was opened on with what it learned of QEMU, and learns all anew
    where that has changed. Up to 9.0 at least it does not leave out leaf 1Fh, whose EDX is the processor's own number
    (docs/facts: libvirt, Connections).
    """
    usual = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # where a sandbox forbids it the start is slower, no more
        os.sched_setaffinity(0, {min(usual)})
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():  # libvirt's threads have inherited it
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), usual)


_HERE: list[Root] = []


def root_here(path: Path | None, wanted: Path, watcher: Watcher) -> Root:
    """
    The root of this process: the one it has, else ``path`` (where a machine runs), else ``wanted``.

    Conflict where a machine runs in another root than this process has.
    """
    if _HERE:
        if path is not None and path != _HERE[0].path:
            raise Conflict(
                "a machine that an earlier process started cannot be reached beside this process's own",
                details=f"it runs in {path}, this process has {_HERE[0].path}",
                hint="golden resume JOB, one job at a time",
            )
        return _HERE[0]
    root = Root(path or wanted, watcher)
    _HERE.append(root)
    atexit.register(root.leave)
    return root


def clear_left(base: Base, job: str) -> None:
    """
    Take away roots that killed processes left: no lock and no machine in them.

    The root of the job that this process holds goes at once; others only after a while, because a process that has
    just made its root has not locked it yet.
    """
    for root in base.roots():
        with contextlib.suppress(OSError):
            is_left = root == base.root(job) or time.time() - root.stat().st_mtime > PATIENCE + 60
            if is_left and not in_use(root) and not machines_in(root):
                shutil.rmtree(root, ignore_errors=True)
    with contextlib.suppress(OSError):
        base.path.rmdir()
    sweep()
