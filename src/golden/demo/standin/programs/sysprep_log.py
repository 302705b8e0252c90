"""The Panther log of sysprep, in the format that the real one writes (docs/facts: windows 1.2)."""

from __future__ import annotations

import time

from .world import World

_HALTED = "An error occurred while running registry sysprep DLLs, halting sysprep execution."
PANTHER = "C:\\Windows\\System32\\Sysprep\\Panther"


def now() -> str:
    """The time as the log writes it."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


class Failed(Exception):
    """A provider of sysprep failed: before anything was changed, or (``running``) half-way."""

    def __init__(
        self, section: str, entry: str | None, dll: str | None, result: int, code: int, *, running: bool
    ) -> None:
        super().__init__(section)
        self.section, self.entry, self.dll = section, entry, dll
        self.result, self.code, self.running = result, code, running


class Log:
    """setupact.log gets every line, setuperr.log the errors; one marked beginning for each run."""

    def __init__(self, world: World) -> None:
        folder = world.path(PANTHER)
        folder.mkdir(parents=True, exist_ok=True)
        self._act, self._err = folder / "setupact.log", folder / "setuperr.log"
        self._err.touch()
        line = "=" * 59
        for text in (line, "===          Beginning of a new sysprep run          ===", line):
            self.info(None, text)

    def info(self, code: str | None, text: str) -> None:
        """A line of the level Info; ``code`` is the number in brackets."""
        self._write("Info", code, text)

    def warning(self, code: str | None, text: str) -> None:
        """A line of the level Warning."""
        self._write("Warning", code, text)

    def error(self, code: str | None, text: str) -> None:
        """A line of the level Error; a good run has some, too."""
        self._write("Error", code, text)

    def chain(self, failed: Failed) -> None:
        """The lines that always follow a provider's failure (docs/facts: windows 3.1)."""
        verb, doing, act = (
            ("Execute", "executing", "processing") if failed.running else ("Validate", "validating", "pre-validate")
        )
        ended = f"dwRet = {failed.code:#x}"
        actions = f"C:\\Windows\\System32\\Sysprep\\ActionFiles\\{failed.section.title()}.xml"
        if failed.entry:
            place = f"'{failed.entry}' from C:\\Windows\\System32\\{failed.dll}"
            module = f"ActionPlatform::LaunchModule: Failure occurred while executing {place}; {ended}"
            self.error("0x0f0082", module)
            self.error(None, f"SysprepSession::{verb}: Error in {doing} actions from {actions}; {ended}")
            self.error(None, f"RunPlatformActions:Failed while {doing} Sysprep session actions; {ended}")
            self.error("0x0f0070", f"RunDlls:{_HALTED} {ended}")
        last = f"WinMain:Hit failure while {act} sysprep {failed.section} internal providers; hr = {failed.result:#x}"
        self.error("0x0f00a8" if failed.running else "0x0f00d8", last)

    def _write(self, level: str, code: str | None, text: str) -> None:
        mark = f"[{code}] " if code else " " * 11
        line = f"{now()}, {level:<11}{mark}SYSPRP {text}\r\n".encode()
        for path in (self._act, self._err) if level == "Error" else (self._act,):
            with path.open("ab") as file:
                file.write(line)
