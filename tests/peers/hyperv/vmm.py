"""
A VMM server beside the Hyper-V host: its library shares, what it knows of the files in them, templates, profiles, jobs.

It lives in ``vmm.json`` of the host's folder, which every process of the peer reads and writes under a lock.
``Vmm.install`` puts one there; a host without it reaches no VMM server. Files of the shares are below
``shares/SERVER/SHARE``.
"""

from __future__ import annotations

import fcntl
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SERVER = "vmm01.example.com"
SHARE = "\\\\files\\library"
SYSTEMS = ("Unknown", "Windows Server 2022 Datacenter", "Windows Server 2019 Standard", "Ubuntu Linux 22.04 (64 bit)")


class Vmm:
    """
    The server of one host. What a test may set: ``answers`` (the service runs), ``full`` (the shares have no room),
    ``seconds`` (an import takes so long), ``blind`` (the refresher indexes nothing new), ``longest`` (characters of a
    description that are kept), ``accounts`` {user: [password, role]}, ``shares`` [[server, path]].
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "vmm.json"

    @classmethod
    def install(cls, peer: Any, **settings: Any) -> Vmm:
        """A server with one library share, that knows the host's own user as an administrator."""
        made = cls(peer.folder)
        state: dict[str, Any] = {
            "server": SERVER, "answers": True, "full": False, "seconds": 0.0, "blind": False, "longest": 0,
            "accounts": {peer.user: [peer.password, "Administrator"]}, "disks": {}, "templates": {},
            "machines": {}, "jobs": [], "shares": [], "systems": {name: str(uuid.uuid4()) for name in SYSTEMS},
            "hardware": {"Generation 2": [str(uuid.uuid4()), 2], "Generation 1": [str(uuid.uuid4()), 1]},
            "guest": {"Standard Windows": str(uuid.uuid4())},
        }  # fmt: skip
        made.file.touch(0o600)
        made.file.write_text(json.dumps(state))
        made.share(SHARE)
        made.set(**settings)
        return made

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """Read, change, write, alone."""
        with (self.folder / "vmm.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = json.loads(self.file.read_text())
            yield state
            new = self.file.with_suffix(".new")
            new.touch(0o600)
            new.write_text(json.dumps(state))
            new.replace(self.file)

    def read(self) -> dict[str, Any]:
        """As it is now; empty where there is no server."""
        return dict(json.loads(self.file.read_text())) if self.file.exists() else {}

    def set(self, **settings: Any) -> None:
        """Change what a test may set."""
        with self.changed() as state:
            assert set(settings) <= set(state), settings
            state.update(settings)

    def share(self, path: str) -> str:
        """One more library share, by its UNC path; its id."""
        server, name = path.strip("\\").split("\\")
        made = str(uuid.uuid4())
        with self.changed() as state:
            state["shares"].append({"id": made, "server": f"{server}.example.com", "name": name, "path": path})
        self.place(path).mkdir(parents=True, exist_ok=True)
        return made

    def place(self, windows: str) -> Path:
        """Where a path of a share lies; VMM's own agents need nobody's credential."""
        server, share, *below = windows.strip("\\").split("\\")
        return (self.folder / "shares" / server.lower() / share.lower()).joinpath(*below)

    def files(self) -> list[str]:
        """Every file in the shares."""
        root = self.folder / "shares"
        return sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_file())

    def uses(self, table: str, name: str, disk: str, **more: Any) -> str:
        """Somebody's own template (``templates``) or stored machine (``machines``) with a disk of the library in it."""
        made = str(uuid.uuid4())
        plain = {"id": made, "name": name, "disk": disk, "enabled": True, "tag": "(none)", "description": "",
                 "generation": 2}  # fmt: skip
        with self.changed() as state:
            assert disk in state["disks"]
            state[table][made] = {**plain, **more}
        return made

    def known(self, path: str) -> dict[str, Any] | None:
        """What the library knows of the file at a path."""
        return next((each for each in self.read()["disks"].values() if each["path"].lower() == path.lower()), None)


def indexed(state: dict[str, Any], vmm: Vmm, path: str) -> dict[str, Any]:
    """Put a file into the library's index, or look at it again."""
    for each in state["disks"].values():
        if each["path"].lower() == path.lower():
            _look(each, vmm.place(path))
            return dict(each)
    name = path.rsplit("\\", 1)[-1]
    made = {
        "id": str(uuid.uuid4()), "name": name, "path": path, "family": "", "release": f"{datetime.now(UTC):%Y.%m.%d}.0",
        "description": "", "tags": [], "system": "", "enabled": True, "state": "Normal", "size": 0, "modified": "",
    }  # fmt: skip
    _look(made, vmm.place(path))
    state["disks"][made["id"]] = made
    return made


def _look(disk: dict[str, Any], file: Path) -> None:
    if not file.exists():
        disk["state"] = "Missing"
        return
    about = file.stat()
    when = datetime.fromtimestamp(about.st_mtime, UTC).isoformat()
    disk.update(state="Normal", size=about.st_size, modified=when)


def job(state: dict[str, Any], name: str, result: str, status: str = "Completed", problem: str = "") -> dict[str, Any]:
    """One more job."""
    made = {"id": str(uuid.uuid4()), "name": name, "result": result, "status": status, "problem": problem}
    state["jobs"].append(made)
    return made
