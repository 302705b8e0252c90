"""VMware guest operations: programs, files, transfers, served on the folder that lies behind the machine."""

from __future__ import annotations

import hmac
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.programs import Program, Programs
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.transfers import Transfers
from tests.peers.vsphere.upstream import Upstream
from tests.peers.vsphere.windows_line import locate
from tests.peers.vsphere.wire import Call, Fault

KINDS = {"GuestFileManager", "GuestProcessManager", "GuestAuthManager"}
ENVIRONMENT = {
    "TEMP": "C:\\Windows\\Temp", "TMP": "C:\\Windows\\Temp", "SystemRoot": "C:\\Windows", "windir": "C:\\Windows",
    "SystemDrive": "C:", "OS": "Windows_NT", "ProgramData": "C:\\ProgramData", "PROCESSOR_ARCHITECTURE": "AMD64",
}  # fmt: skip
ATTRIBUTES = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="GuestWindowsFileAttributes"'


class Operations:
    """The guest operations managers of a vCenter."""

    def __init__(self, upstream: Upstream, guests: Guests, programs: Programs, transfers: Transfers) -> None:
        self._up, self._guests, self._programs, self._transfers = upstream, guests, programs, transfers
        self.accounts: dict[str, str] = {}
        """Users of every guest and their passwords."""
        self.settled: Callable[[str], None] = lambda moid: None
        """Comes back when no task works on a machine any more."""
        self._lock = threading.Lock()

    def rest(self, asked: Asked) -> None:
        """Nothing of this is REST."""

    def soap(self, asked: Asked, call: Call) -> str | None:
        """One operation in one guest."""
        if call.kind not in KINDS:
            return None
        verb = getattr(self, "_" + call.method, None)
        if verb is None:
            raise Fault("OperationNotSupportedByGuest")
        moid = call.text("vm")
        self._admit(asked, call, moid)
        for name in ("guestFilePath", "filePath", "directoryPath", "srcFilePath", "fileSize", "pid"):
            if call.find(name) is not None:
                asked.entry.given[name] = call.text(name)
        for name in ("programPath", "arguments", "workingDirectory"):
            if call.find(f"spec/{name}") is not None:
                asked.entry.given[name] = call.text(f"spec/{name}")
        answered = verb(moid, call)
        assert isinstance(answered, str)
        return answered

    def _admit(self, asked: Asked, call: Call, moid: str) -> None:
        seen = self._up.texts(
            VM, moid, "runtime.powerState", "guest.guestOperationsReady",
            cookie=f"vmware_soap_session={asked.session}",
        )  # fmt: skip
        if seen.get("runtime.powerState") != "poweredOn":
            states = {"requestedState": "poweredOn", "existingState": seen.get("runtime.powerState", "poweredOff")}
            raise Fault("InvalidPowerState", states)
        if seen.get("guest.guestOperationsReady") != "true":
            raise Fault("GuestOperationsUnavailable")
        password = self.accounts.get(call.text("auth/username"), secrets.token_hex(8))
        if not hmac.compare_digest(password.encode(), call.text("auth/password").encode()):
            raise Fault("InvalidGuestLogin")
        if call.text("auth/interactiveSession") == "true":  # nobody is logged on at the desktop
            raise Fault("GuestOperationsUnavailable")

    def _place(self, moid: str, path: str) -> Path:
        found = locate(self._guests.of(moid) / "c", path)
        if found is None:
            raise Fault("FileNotFound", {"file": path})
        return found

    def _there(self, moid: str, path: str, *, folder: bool | None = None) -> Path:
        found = self._place(moid, path)
        if not found.exists():
            raise Fault("FileNotFound", {"file": path})
        if folder is not None and found.is_dir() != folder:
            raise Fault("NotADirectory" if folder else "NotAFile", {"file": path})
        return found

    def _ValidateCredentialsInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        return ""

    def _StartProgramInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        given = [each.text or "" for each in call.all("spec/envVariables")]
        env = dict(pair.split("=", 1) for pair in given) if given else dict(ENVIRONMENT)
        path, line, cwd = (call.text(f"spec/{name}") for name in ("programPath", "arguments", "workingDirectory"))
        pid = self._programs.start(moid, path, line, env, cwd, call.text("auth/username"))
        return f"<returnval>{pid}</returnval>"

    def _ListProcessesInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        wanted = {int(each.text or 0) for each in call.all("pids")}
        return "".join(_process(each) for each in self._programs.list(moid) if not wanted or each.pid in wanted)

    def _TerminateProcessInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        self._programs.terminate(moid, int(call.text("pid")))
        return ""

    def _ReadEnvironmentVariableInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        names = [each.text or "" for each in call.all("names")] or list(ENVIRONMENT)
        pairs = [f"{name}={ENVIRONMENT[name]}" for name in names if name in ENVIRONMENT]
        return "".join(f"<returnval>{escape(pair)}</returnval>" for pair in pairs)

    def _MakeDirectoryInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        path = call.text("directoryPath")
        place = self._place(moid, path)
        if place.exists():
            raise Fault("FileAlreadyExists", {"file": path})
        try:
            place.mkdir(parents=call.text("createParentDirectories") == "true")
        except OSError:
            raise Fault("FileNotFound", {"file": path}) from None
        return ""

    def _CreateTemporaryDirectoryInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        return self._temporary(moid, call, folder=True)

    def _CreateTemporaryFileInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        return self._temporary(moid, call, folder=False)

    def _temporary(self, moid: str, call: Call, *, folder: bool) -> str:
        below = call.text("directoryPath") or "C:\\Windows\\Temp"
        place = self._there(moid, below, folder=True)
        name = f"{call.text('prefix')}{secrets.randbelow(9000) + 1000}{call.text('suffix')}"
        if folder:
            (place / name).mkdir()
        else:
            (place / name).touch(exist_ok=False)
        return f"<returnval>{escape(below.rstrip(chr(92)) + chr(92) + name)}</returnval>"

    def _DeleteFileInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        self._there(moid, call.text("filePath"), folder=False).unlink()
        return ""

    def _DeleteDirectoryInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        path = call.text("directoryPath")
        place = self._there(moid, path, folder=True)
        if call.text("recursive") != "true" and any(place.iterdir()):
            raise Fault("DirectoryNotEmpty", {"file": path})
        shutil.rmtree(place)
        return ""

    def _MoveFileInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        source = self._there(moid, call.text("srcFilePath"), folder=False)
        target = self._place(moid, call.text("dstFilePath"))
        if target.exists() and call.text("overwrite") != "true":
            raise Fault("FileAlreadyExists", {"file": call.text("dstFilePath")})
        source.replace(target)
        return ""

    def _ListFilesInGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        place = self._there(moid, call.text("filePath"))
        if not place.is_dir():
            return f"<returnval>{_file(place)}<remaining>0</remaining></returnval>"
        first, most = int(call.text("index") or 0), int(call.text("maxResults") or 50)
        found = sorted(place.iterdir())
        left = max(0, len(found) - first - most)
        files = "".join(_file(each) for each in found[first : first + most])
        return f"<returnval>{files}<remaining>{left}</remaining></returnval>"

    def _InitiateFileTransferToGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        path = call.text("guestFilePath")
        place = self._place(moid, path)
        if place.exists() and call.text("overwrite") != "true":
            raise Fault("FileAlreadyExists", {"file": path})
        if not place.parent.is_dir():
            raise Fault("FileNotFound", {"file": path})
        url = self._transfers.ticket("PUT", place, path, int(call.text("fileSize")))
        return f"<returnval>{escape(url)}</returnval>"

    def _InitiateFileTransferFromGuest(self, moid: str, call: Call) -> str:  # noqa: N802
        path = call.text("guestFilePath")
        place = self._there(moid, path, folder=False)
        size = place.stat().st_size
        url = self._transfers.ticket("GET", place, path, size)
        return f"<returnval><attributes {ATTRIBUTES}/><size>{size}</size><url>{escape(url)}</url></returnval>"


def _process(program: Program) -> str:
    ended = f"<endTime>{_when(program.ended)}</endTime><exitCode>{program.code}</exitCode>" if program.ended else ""
    return (
        f"<returnval><name>{escape(program.name)}</name><pid>{program.pid}</pid><owner>{escape(program.owner)}</owner>"
        f"<cmdLine>{escape(program.line)}</cmdLine><startTime>{_when(program.begun)}</startTime>{ended}</returnval>"
    )


def _file(place: Path) -> str:
    kind, size = ("directory", 0) if place.is_dir() else ("file", place.stat().st_size)
    about = f"<path>{escape(place.name)}</path><type>{kind}</type><size>{size}</size>"
    return f"<files>{about}<attributes {ATTRIBUTES}/></files>"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
