"""What a stand-in program sees: the tree of C:, its environment and folder, its output, its machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

TYPE_CHECKING = False  # importing typing takes a tenth of a second in the guest; so do dataclasses, three times
if TYPE_CHECKING:
    from typing import IO, Any

SYSTEM32 = "C:\\Windows\\System32"

ENVIRONMENT = {
    "SystemDrive": "C:",
    "SystemRoot": "C:\\Windows",
    "windir": "C:\\Windows",
    "TEMP": "C:\\Windows\\Temp",
    "TMP": "C:\\Windows\\Temp",
    "ProgramData": "C:\\ProgramData",
    "ProgramFiles": "C:\\Program Files",
    "PROCESSOR_ARCHITECTURE": "AMD64",
    "OS": "Windows_NT",
    "PUBLIC": "C:\\Users\\Public",
    "ComSpec": "C:\\Windows\\System32\\cmd.exe",
}


class Unknown(Exception):
    """Something that the stand-in does not know; never passed over in silence."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the stand-in does not know {what}")


class Stop(Exception):
    """The program ends here with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class World:
    """One running program. ``root`` holds the tree of C:, ``machine`` the machine's power and boot mark."""

    def __init__(
        self, root: Path, machine: Path, env: dict[str, str], cwd: str, streams: tuple[IO[bytes], IO[bytes]]
    ) -> None:
        """``streams`` are standard output and error."""
        self.root = root
        self.machine = machine
        self.env = env
        self.cwd = cwd
        self.out, self.err = streams

    @classmethod
    def new(
        cls, root: Path, machine: Path | None, env: dict[str, str], cwd: str, streams: tuple[IO[bytes], IO[bytes]]
    ) -> World:
        """A world with Windows' usual environment below what the caller gives."""
        names = {name.lower() for name in env}
        merged = {**{k: v for k, v in ENVIRONMENT.items() if k.lower() not in names}, **env}
        folder = machine or root.with_name(root.name + ".machine")
        folder.mkdir(parents=True, exist_ok=True)
        if not re.match(r"[A-Za-z]:", cwd):
            cwd = SYSTEM32
        return cls(root, folder, merged, cwd, streams)

    def with_streams(self, out: IO[bytes], err: IO[bytes]) -> World:
        """The same world with other standard files; it shares the environment."""
        return World(self.root, self.machine, self.env, self.cwd, (out, err))

    def say(self, *lines: str) -> None:
        """Lines on standard output, ended as Windows ends them."""
        self.out.write(self._encoded(lines))
        self.out.flush()

    def complain(self, *lines: str) -> None:
        """Lines on standard error."""
        self.err.write(self._encoded(lines))
        self.err.flush()

    def _encoded(self, lines: tuple[str, ...]) -> bytes:
        """As UTF-8, or in the code page that fault ``code-page`` names, as Windows' own programs write into a pipe."""
        page = self.fault("code-page")
        return "".join(line + "\r\n" for line in lines).encode(f"cp{page}" if page else "utf-8", "replace")

    def full(self, path: str) -> str:
        """The absolute Windows path of ``path``, variables expanded, ``.`` and ``..`` resolved."""
        path = self.expand(path).replace("/", "\\")
        if not re.match(r"[A-Za-z]:", path):
            path = self.cwd[:2] + path if path.startswith("\\") else self.cwd + "\\" + path
        parts: list[str] = []
        for part in path[2:].split("\\"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return path[:2] + "\\" + "\\".join(parts)

    def path(self, windows: str) -> Path:
        """Where a Windows path lies in the tree; each component is found whatever its case."""
        full = self.full(windows)
        if full[0].upper() != "C":
            return self.root / "no such drive" / full[0]
        found = self.root
        for part in full[3:].split("\\"):
            if part:
                found = _matching(found, part)
        return found

    def windows(self, path: Path) -> str:
        """The Windows path of a path in the tree."""
        return "C:\\" + "\\".join(path.relative_to(self.root).parts)

    def expand(self, text: str) -> str:
        """``%NAME%`` replaced by the environment's value; unknown names stay as they are."""
        values = {name.lower(): value for name, value in self.env.items()}
        return re.sub(r"%([^%\s]+)%", lambda m: values.get(m[1].lower(), m[0]), text)

    def find_program(self, name: str) -> str | None:
        """The full path of a program given by path or bare name, as CreateProcess finds it; None if there is none."""
        name = name.strip('"')
        folders = ("",) if re.search(r"[\\/:]", name) else (f"{SYSTEM32}\\", "C:\\Windows\\",
            f"{SYSTEM32}\\WindowsPowerShell\\v1.0\\", self.cwd + "\\")  # fmt: skip
        endings = ("",) if re.search(r"\.\w+$", name) else (".exe", ".cmd", ".bat")
        for folder in folders:
            for ending in endings:
                if self.path(folder + name + ending).is_file():
                    return self.full(folder + name + ending)
        return None

    def fault(self, name: str) -> Any:
        """What a test asked to go wrong (README.md of the stand-in); None where nothing was."""
        for place in (self.machine / "faults.json", self.path("C:\\Windows\\golden-stand-in\\faults.json")):
            if place.is_file():
                return json.loads(place.read_text(encoding="utf-8-sig")).get(name)
        return None

    def power(self, action: str) -> None:
        """Ask the machine for "off" or "reboot"; in the guest ``power`` is a pipe to its init."""
        with (self.machine / "power").open("w") as file:
            file.write(action + "\n")

    @property
    def boot_mark(self) -> str:
        """What the probe finds, or makes, in a volatile key: its machine forgets it with the start it was made in."""
        start, kept = self.machine / "boot_id", self.machine / "volatile.json"
        begun = start.read_text().strip() if start.is_file() else "never booted"
        volatile = json.loads(kept.read_text()) if kept.is_file() else {}
        if volatile.get("start") != begun:
            volatile = {"start": begun, "mark": os.urandom(16).hex()}
            beside = kept.with_name(f"{kept.name}.{os.getpid()}")
            beside.write_text(json.dumps(volatile))
            beside.replace(kept)
        return str(volatile["mark"])


def _matching(folder: Path, name: str) -> Path:
    exact = folder / name
    if os.path.lexists(exact):
        return exact
    try:
        with os.scandir(folder) as entries:
            return next((folder / e.name for e in entries if e.name.lower() == name.lower()), exact)
    except OSError:
        return exact
