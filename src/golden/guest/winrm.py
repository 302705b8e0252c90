"""
The way in over WinRM, for Windows guests whose own network golden may use: no agent, no hypervisor's help.

It speaks PowerShell remoting (pypsrp, imported at the first call). What runs in the guest are constant scripts of
golden's; what a user wrote travels as their named parameters and is never part of their text. Programs are started by
the guest's own management service, so that they go on when the line is lost.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.errors import GuestError, GuestSilent, NotAble, TimedOut
from golden.guest.communicator import Exit, LineLost, Traits
from golden.waiting import Deadline, Waiting

if TYPE_CHECKING:
    from golden.guest.winrm_line import Line

HTTPS, HTTP = 5986, 5985
"""WinRM's ports, where an administrator has not chosen others."""
CHUNK = 1 << 20
"""Bytes of one piece; in Base64, with its text in the guest's memory twice, well below the quotas of WinRM."""
ANSWER, TRANSFER = 60.0, 300.0
"""Seconds the guest may take for one small act, and for one piece."""
SYSTEM32 = "C:\\Windows\\System32"
DENIED, NO_PATH = (2, 3), (8, 9, 21)
"""What Win32_Process.Create returns: denied and no privilege; unknown, no such path, wrong parameter."""


@dataclass(frozen=True, slots=True)
class WinrmAddress:
    """Where and as whom. Without TLS everything is encrypted by the login itself (Negotiate); never open."""

    host: str
    account: str
    password: str = field(repr=False)
    port: int = HTTPS
    tls: bool = True
    ca_file: Path | None = None
    """Authorities in PEM that are believed; the system's where there is none."""
    thumbprint: str = ""
    """SHA-256 of the guest's certificate, 64 small hexadecimal digits; then no authority is asked."""

    def __str__(self) -> str:
        """account@host:port."""
        return f"{self.account}@{self.host}:{self.port}"


class WinrmCommunicator:
    """One line over WinRM into one running Windows guest; fulfils ``golden.guest.communicator.Communicator``."""

    traits = Traits(
        needs_network=True, needs_credential=True, runs_as_system=False, survives_disconnect=True, chunk=CHUNK
    )

    def __init__(self, address: WinrmAddress, scripts: Path) -> None:
        """Nothing is connected before the first call. ``scripts``: the folder with ``winrm_*.ps1``."""
        self.address = address
        self._scripts = scripts
        self._line: Line | None = None

    def ready(self, deadline: Deadline) -> None:
        """
        Return when a login works. A closed port is waited for; a certificate nobody vouches for is Refused at once,
        as is a login, which this process does not try again: three may lock the account.

        Raises GuestSilent with the last reason when the deadline comes first.
        """
        last = "nothing was tried"

        def answers() -> bool:
            nonlocal last
            try:
                self._run("probe", "asking whether it answers", Word="golden")
            except LineLost as lost:
                last = str(lost)
                return False
            return True

        try:
            Waiting(deadline, tick=0.5).until(f"WinRM of {self.address}", answers)
        except TimedOut as error:
            raise GuestSilent(
                f"no login over WinRM to {self.address} within {deadline.limit:.0f} s",
                details=last,
                hint="in the guest: Enable-PSRemoting -Force, its listener, and the firewall's rule for its port",
            ) from error

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """Win32_Process.Create in the guest; the environment is added to the guest's own."""
        program = argv[0] if "\\" in argv[0] else f"{SYSTEM32}\\{argv[0]}"
        more: dict[str, Any] = {"Folder": cwd} if cwd else {}
        if env:
            more |= {"Environment": [f"{key}={value}" for key, value in env.items()], "Names": list(env)}
        line = subprocess.list2cmdline((program, *argv[1:]))
        answer = self._run("start", f"starting {program}", CommandLine=line, **more)
        code = int(answer["Code"])
        if code:
            why = "there is no such program" if code in NO_PATH else "the guest denies it"
            raise GuestError(
                f"the guest cannot start {program}: {why}",
                details=f"Win32_Process.Create returned {code}",
                hint="is the account an administrator? A local one that is not the built-in one has its full rights "
                "over the network only where LocalAccountTokenFilterPolicy is 1"
                if code in DENIED
                else None,
            )
        return int(answer["Process"])

    def poll(self, pid: int) -> Exit | None:
        """Whether the process is there; its exit code is in golden's own files, Windows forgets it at once."""
        answer = self._run("poll", f"asking for the process {pid}", Process=str(pid))
        return None if answer["Running"] else Exit(None)

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """In Base64."""
        answer = self._run("read", f"reading {path}", TRANSFER, Path=path, Offset=offset, Size=min(size, CHUNK))
        return base64.b64decode(str(answer["Data"])) if answer["Exists"] else None

    def write(self, path: str, offset: int, data: bytes) -> None:
        """In Base64."""
        text = base64.b64encode(data).decode("ascii")
        self._run("write", f"writing {path}", TRANSFER, Path=path, Offset=offset, Data=text)

    def close(self) -> None:
        """Let go of the line; what runs in the guest goes on."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _run(self, script: str, wanted: str, limit: float = ANSWER, **parameters: Any) -> Mapping[str, Any]:
        """One try: what a guest does is not done twice here. GuestError with the guest's words where it could not."""
        if self._line is None:
            self._line = _line(self.address)
        text = (self._scripts / f"winrm_{script}.ps1").read_text(encoding="ascii")
        answer = self._line.run(text, wanted, limit, parameters)
        if answer["Failed"]:
            raise GuestError(f"the guest refused {wanted}", details=" ".join(str(answer["Failed"]).split()))
        return answer


def _line(address: WinrmAddress) -> Line:
    try:
        from golden.guest.winrm_line import Line
    except ImportError as error:
        raise NotAble(
            "pypsrp is not installed, which the communicator winrm needs",
            details=str(error),
            hint="pip install 'golden-reference[winrm]'",
        ) from error
    return Line(address)
