"""
The way in over SSH, for guests without a hypervisor's agent: strict host keys, programs that outlive the line.

SSH can only run command lines, so there is exactly one: a shipped script (``linux/scripts/start.sh``, put there by
SFTP) with one quoted path. What to run travels on its standard input as base64, so nothing a user wrote is ever
shell text. The script notes the exit code in a spool folder below the user's home, one for each boot of the guest,
where any later connection finds it.
"""

from __future__ import annotations

import logging
import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from golden.errors import GoldenError, GuestError, GuestSilent, NotAble, TimedOut
from golden.guest import ssh_spool
from golden.guest.communicator import Exit, LineLost, Traits
from golden.guest.ssh_line import SshAddress, connect
from golden.waiting import Deadline, Waiting

if TYPE_CHECKING:
    import paramiko

__all__ = ["FarShell", "SshAddress", "SshCommunicator", "far_shell"]

T = TypeVar("T")

CHUNK = 1 << 20
PATIENCE = 30.0
"""Seconds without any answer after which the line counts as lost."""
UNTOLD = -1
"""paramiko's exit status of a program whose end nobody told."""
TRIES = 5
"""How often the folders are made again that another line of the account takes away when it ends."""

Encode = Callable[[Mapping[str, object]], bytes]


@dataclass(frozen=True, slots=True)
class FarShell:
    """What sits behind the guest's SSH server: how a command line is quoted, and the script that starts programs."""

    name: str
    quote: Callable[[str], str]
    starter: Path
    encode: Encode
    """Turns argv, env and cwd into the starter's standard input."""


def far_shell(name: str, starter: Path, encode: Encode) -> FarShell:
    """The far shell ``posix``. NotAble for Windows' (``cmd``, ``powershell``), whose quoting is not built yet."""
    if name != "posix":
        raise NotAble(
            f"golden cannot speak to a guest's SSH server with the shell {name!r}",
            hint='Windows guests: the hypervisor\'s own way in, or communicator = "winrm"; SSH is for POSIX guests',
        )
    return FarShell(name, shlex.quote, starter, encode)


class SshCommunicator:
    """One line over SSH into one running POSIX guest; fulfils ``golden.guest.communicator.Communicator``."""

    def __init__(self, address: SshAddress, shell: FarShell) -> None:
        """Nothing is connected before the first call."""
        self.address = address
        self._shell = shell
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None
        self._own = secrets.token_hex(4)
        self._spool = ""
        """A folder of this line's own, so that lines of one account do not clear up behind each other."""
        self._told: dict[int, str] = {}
        # paramiko writes a traceback for each refused connection; those are ordinary here.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)

    @property
    def traits(self) -> Traits:
        """Needs network and a login; what was started goes on."""
        return Traits(
            needs_network=True,
            needs_credential=True,
            runs_as_system=self.address.user == "root",
            survives_disconnect=True,
            chunk=CHUNK,
        )

    def ready(self, deadline: Deadline) -> None:
        """
        Return when a login works. A closed port is waited for; a wrong host key or login is Refused at once.

        Raises GuestSilent with the last reason when the deadline comes first.
        """
        last = "nothing was tried"

        def answers() -> bool:
            nonlocal last
            try:
                self._line()
                self._call(lambda sftp: sftp.normalize("."))
            except LineLost as lost:
                last = str(lost)
                return False
            return True

        try:
            Waiting(deadline, tick=0.5).until(f"SSH of {self.address}", answers)
        except TimedOut as error:
            raise GuestSilent(
                f"no login over SSH to {self.address} within {deadline.limit:.0f} s", details=last
            ) from error

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """Start a program that goes on when the line is lost; its number in the guest."""
        order = self._shell.encode({"cwd": cwd, "env": env or {}, "argv": list(argv)})
        told, said = self._start(order)
        if not told.isdigit():
            raise GuestError(
                f"the guest could not start {argv[0]}", details=said or (f"its starter said {told!r}" if told else None)
            )
        return int(told)

    def _start(self, order: bytes) -> tuple[str, str]:
        """What the starter said: a number, or nothing and why."""
        client, _ = self._line()
        starter = f"{self._spool}/{ssh_spool.START}"
        with self._losing():
            channel = _transport(client).open_session(timeout=PATIENCE)
            try:
                channel.settimeout(PATIENCE)
                channel.exec_command(f"/bin/sh {self._shell.quote(starter)} {self._shell.quote(self._spool)}")
                channel.sendall(order)
                channel.shutdown_write()
                told = b"".join(iter(lambda: channel.recv(4096), b""))
                said = b"".join(iter(lambda: channel.recv_stderr(4096), b""))
                channel.status_event.wait(PATIENCE)
                ended = channel.exit_status
            finally:
                channel.close()
        if not told and ended == UNTOLD:
            # A line that breaks ends the channel before it is said to be broken: only the code tells them apart.
            self._drop()
            raise LineLost(f"the line to {self.address} broke while a program was being started")
        words = said.decode("utf-8", "replace").strip()
        return told.decode("utf-8", "replace").strip(), words or (f"its starter ended with {ended}" if ended else "")

    def poll(self, pid: int) -> Exit | None:
        """From the spool folders and /proc, so that any line can ask; Exit(None) after a restart."""
        self._line()
        place = self._place(pid)
        noted = self.read(f"{place}/{pid}.code", 0, 16)
        if not noted and self._exists(f"{place}/{pid}.started"):
            if self._exists(f"/proc/{pid}"):
                return None
            # It may have ended between the two looks.
            noted = self.read(f"{place}/{pid}.code", 0, 16)
        self._told[pid] = place
        return Exit(int(noted) if noted else None)

    def _place(self, pid: int) -> str:
        """The spool folder of the line that started it; this line's own where nobody knows it."""
        if self._exists(f"{self._spool}/{pid}.started"):
            return self._spool
        boot, _, _ = self._spool.rpartition("/")
        spools = [f"{boot}/{name}" for name in self._call(lambda sftp: sftp.listdir(boot), boot)]
        return next((spool for spool in spools if self._exists(f"{spool}/{pid}.started")), self._spool)

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """A piece of a file; None when there is no such file."""

        def piece(sftp: paramiko.SFTPClient) -> bytes:
            with sftp.open(path, "rb") as file:
                length = file.stat().st_size or 0
                wanted = min(size, CHUNK)
                if length > 0:
                    wanted = max(0, min(wanted, length - offset))
                    return b"".join(file.readv([(offset, wanted)])) if wanted else b""
                # Files of /proc claim to be empty.
                file.seek(offset)
                return file.read(wanted)

        try:
            return self._call(piece, path)
        except FileNotFoundError:
            return None

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A piece of a file."""

        def put(sftp: paramiko.SFTPClient) -> None:
            with sftp.open(path, "r+b" if offset else "wb") as file:
                file.set_pipelined(True)
                file.seek(offset)
                file.write(data)

        try:
            self._call(put, path)
        except FileNotFoundError:
            raise GuestError(f"the guest has no place for {path}", hint="its folder must exist") from None

    def close(self) -> None:
        """Let go of the line; what runs in the guest goes on, and what has ended and was told of is cleared."""
        if self._client is not None and self._sftp is not None:
            with suppress(LineLost, GoldenError, OSError), self._losing():
                told, self._told = self._told, {}
                ssh_spool.clear(self._sftp, self._spool, told)
        self._drop()

    def _line(self) -> tuple[paramiko.SSHClient, paramiko.SFTPClient]:
        if self._client is not None and self._sftp is not None and _transport(self._client).is_active():
            return self._client, self._sftp
        self._drop()
        self._client = connect(self.address, PATIENCE)
        with self._losing():
            self._sftp = self._client.open_sftp()
            channel = self._sftp.get_channel()
            if channel is not None:
                channel.settimeout(PATIENCE)
            self._prepare(self._sftp)
        return self._client, self._sftp

    def _prepare(self, sftp: paramiko.SFTPClient, tries: int = TRIES) -> None:
        """Have the spool folder of this boot and the starter in it."""
        try:
            self._spool = ssh_spool.furnished(sftp, self._own, self._shell.starter)
        except OSError as error:
            if _is_loss(error):
                raise
            if tries > 1:  # Other lines of the account clear the folder away when they end.
                self._prepare(sftp, tries - 1)
                return
            raise GuestError(
                f"{self.address} cannot keep golden's folder ~/.golden",
                details=str(error),
                hint="the account needs a home folder that it can write to, and SFTP without a chroot",
            ) from error

    def _exists(self, path: str) -> bool:
        return self._call(lambda sftp: ssh_spool.is_there(sftp, path), path)

    def _call(self, act: Callable[[paramiko.SFTPClient], T], path: str = "") -> T:
        """Do something over SFTP; FileNotFoundError is the caller's, other refusals are GuestError."""
        _, sftp = self._line()
        with self._losing():
            try:
                return act(sftp)
            except FileNotFoundError:
                raise
            except OSError as error:
                channel = sftp.get_channel()
                if _is_loss(error) or channel is None or channel.closed:
                    raise LineLost(f"the line to {self.address} broke") from error
                raise GuestError(f"the guest refused {path}", details=str(error)) from error

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Turn what a broken line raises into LineLost, and forget the line."""
        import paramiko

        try:
            yield
        except (GoldenError, FileNotFoundError):
            raise
        except LineLost:
            self._drop()
            raise
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._drop()
            raise LineLost(f"the line to {self.address} broke: {error or type(error).__name__}") from error

    def _drop(self) -> None:
        client, self._client, self._sftp = self._client, None, None
        if client is not None:
            client.close()


def _is_loss(error: OSError) -> bool:
    return isinstance(error, (TimeoutError, ConnectionError)) or "closed" in str(error).lower()


def _transport(client: paramiko.SSHClient) -> paramiko.Transport:
    transport = client.get_transport()
    if transport is None:
        raise LineLost("the line is closed")
    return transport
