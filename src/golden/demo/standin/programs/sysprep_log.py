"""The Panther log of sysprep, in the format that the real one writes (docs/facts: windows 1.2)."""

from __future__ import annotations

import time

from programs.world import World

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
        verb, act = ("Execute", "processing") if failed.running else ("Validate", "pre-validate")
        code = f"{failed.code:#x}"
        if failed.entry:
            self.error("0x0f0082", f"ActionPlatform::LaunchModule: Failure occurred while executing '{failed.entry}' "
                       f"from C:\\Windows\\System32\\{failed.dll}; dwRet = {code}")  # fmt: skip
            self.error(None, f"SysprepSession::{verb}: Error in {'executing' if failed.running else 'validating'} actions "
                       f"from C:\\Windows\\System32\\Sysprep\\ActionFiles\\{failed.section.title()}.xml; dwRet = {code}")  # fmt: skip
            self.error(None, f"RunPlatformActions:Failed while {'executing' if failed.running else 'validating'} Sysprep "
                       f"session actions; dwRet = {code}")  # fmt: skip
            self.error("0x0f0070", "RunDlls:An error occurred while running registry sysprep DLLs, halting sysprep "
                       f"execution. dwRet = {code}")  # fmt: skip
        self.error("0x0f00a8" if failed.running else "0x0f00d8", f"WinMain:Hit failure while {act} sysprep "
                   f"{failed.section} internal providers; hr = {failed.result:#x}")  # fmt: skip

    def _write(self, level: str, code: str | None, text: str) -> None:
        mark = f"[{code}] " if code else " " * 11
        line = f"{now()}, {level:<11}{mark}SYSPRP {text}\r\n".encode()
        for path in (self._act, self._err) if level == "Error" else (self._act,):
            with path.open("ab") as file:
                file.write(line)
