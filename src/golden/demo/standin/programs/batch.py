"""
A small subset of cmd.exe's language; anything beyond it fails loudly.

``@echo off``, ``rem``, ``::``, ``echo``, ``set NAME=VALUE``, ``mkdir``, ``rmdir``, ``copy``, ``move``, ``del``,
``type``, ``cd``, ``exit [/b] N``, ``call FILE``, ``if [not] exist PATH …``, ``if [not] errorlevel N …``,
``for /L %%i in (a,b,c) do …``, programs of the stand-in, other batch files; ``> >> 2> 2>> 2>&1 >&2`` and ``nul``;
``%1 … %9 %* %~1 %~dp0 %NAME%``.
"""

from __future__ import annotations

import re
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from .world import Stop, Unknown, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_REDIRECT = re.compile(r'\s*([12]?)(>>|>)\s*(&[12]|"[^"]*"|[^\s"<>|&]+)')
_QUOTED = re.compile(r'"[^"]*"')


class Batch:
    """One running batch file, or one command line."""

    def __init__(self, world: World, name: str, arguments: list[str]) -> None:
        self.world = world
        self.name = name
        self.arguments = arguments
        self.level = 0
        self.loud = bool(name)

    def file(self, path: Path) -> int:
        """All lines of a batch file; its exit code."""
        text = path.read_bytes().decode("utf-8-sig", "replace")
        try:
            for line in text.splitlines():
                self.level = self.line(line)
        except Stop as stop:
            return stop.code
        return self.level

    def line(self, line: str) -> int:
        """One line; its exit code."""
        line = line.strip()
        quiet = line.startswith("@")
        line = line.lstrip("@").strip()
        if not line or line.startswith("::") or re.match(r"rem\b", line, re.IGNORECASE):
            return self.level
        if self.loud and not quiet:
            self.world.say("", f"{self.world.cwd}>{line}")
        loop = re.fullmatch(
            r"for\s+/L\s+%%?(\w)\s+in\s+\(\s*(-?\d+)[\s,]+(-?\d+)[\s,]+(-?\d+)\s*\)\s+do\s+(.*)", line, re.I
        )
        if loop:
            return self._loop(loop[1], range(int(loop[2]), int(loop[4]) + 1, int(loop[3])), loop[5])
        return self._command(self._expanded(line))

    def _loop(self, name: str, numbers: range, body: str) -> int:
        text = re.fullmatch(r"@?echo\s([^<>|&%]*)", body, re.IGNORECASE)
        if text:  # much output, quickly
            block = f"{text[1]}\r\n".encode()
            step = max(1, (1 << 20) // len(block))
            for start in range(0, len(numbers), step):
                self.world.out.write(block * min(step, len(numbers) - start))
            self.world.out.flush()
            return 0
        for number in numbers:
            self.level = self._command(self._expanded(re.sub(f"%%?{name}", str(number), body.lstrip("@"))))
        return self.level

    def _expanded(self, line: str) -> str:
        folder = self.world.full(self.name).rsplit("\\", 1)[0] + "\\" if self.name else ""
        line = line.replace("%~dp0", folder).replace("%0", self.name).replace("%*", " ".join(self.arguments))

        def argument(match: re.Match[str]) -> str:
            number = int(match[2]) - 1
            value = self.arguments[number] if number < len(self.arguments) else ""
            return value.strip('"') if match[1] else value

        line = re.sub(r"%(~?)([1-9])", argument, line)
        line = re.sub(r"%errorlevel%", str(self.level), line, flags=re.IGNORECASE)
        line = self.world.expand(line)
        return re.sub(r"%[A-Za-z_]\w*%", "", line).replace("%%", "%")

    def _command(self, line: str) -> int:
        condition = re.fullmatch(r"if\s+(not\s+)?(exist|errorlevel)\s+(\"[^\"]*\"|\S+)\s+(.+)", line, re.IGNORECASE)
        if condition:
            said = condition[3].strip('"')
            holds = self.world.path(said).exists() if condition[2].lower() == "exist" else self.level >= int(said)
            return self._command(condition[4]) if holds != bool(condition[1]) else self.level
        plain = _QUOTED.sub(lambda m: "q" * len(m[0]), line)
        redirects = list(_REDIRECT.finditer(plain))
        bare = plain
        for match in redirects:
            bare = bare.replace(match[0], "", 1)
        if re.search(r"[&|<>^]", bare) or re.match(r"(goto|for|if|setlocal|pushd|:)\b", line, re.IGNORECASE):
            raise Unknown(f"the command line: {line}")
        with ExitStack() as stack:
            streams = {1: self.world.out, 2: self.world.err}
            for match in redirects:
                target = line[match.start(3) : match.end(3)].strip('"')
                streams[int(match[1] or 1)] = self._stream(target, match[2], streams, stack)
            for match in reversed(redirects):
                line = line[: match.start()] + line[match.end() :]
            outer, self.world = self.world, self.world.with_streams(streams[1], streams[2])
            try:
                return self._simple(line.strip())
            finally:
                outer.cwd = self.world.cwd
                self.world = outer

    def _stream(self, target: str, mode: str, streams: dict[int, IO[bytes]], stack: ExitStack) -> IO[bytes]:
        if target.startswith("&"):
            return streams[int(target[1])]
        path = Path("/dev/null") if target.lower() == "nul" else self.world.path(target)
        return stack.enter_context(path.open("ab" if mode == ">>" else "wb"))

    def _simple(self, line: str) -> int:
        echo = re.match(r"echo([.:\s]|$)", line, re.IGNORECASE)
        if echo:
            text = line[5:]
            if text.strip().lower() in ("on", "off"):
                self.loud = text.strip().lower() == "on" and bool(self.name)
            else:
                self.world.say(text)
            return 0
        words = split(line)
        name, rest = words[0].lower(), words[1:]
        built_in = getattr(self, f"_do_{_ALIASES.get(name, name)}", None)
        if built_in is not None:
            return int(built_in(rest))
        return self._program(words)

    def _program(self, words: list[str]) -> int:
        from .start import execute

        found = self.world.find_program(words[0])
        if found is None:
            self.world.complain(f"'{words[0]}' is not recognized as an internal or external command,",
                                "operable program or batch file.")  # fmt: skip
            return 9009
        if found.lower().endswith((".cmd", ".bat")):
            return Batch(self.world, found, words[1:]).file(self.world.path(found))
        return execute(self.world, [found, *words[1:]])

    def _do_call(self, rest: list[str]) -> int:
        return self._program(rest)

    def _do_exit(self, rest: list[str]) -> int:
        numbers = [word for word in rest if word.lower() != "/b"]
        raise Stop(int(numbers[0]) & 0xFFFFFFFF if numbers else self.level)

    def _do_set(self, rest: list[str]) -> int:
        name, equals, value = " ".join(rest).partition("=")
        if not equals or name.startswith("/"):
            raise Unknown("set without NAME=VALUE")
        self.world.env[name] = value
        return 0

    def _do_cd(self, rest: list[str]) -> int:
        folder = next((word for word in rest if word.lower() != "/d"), None)
        if folder is None:
            self.world.say(self.world.cwd)
        elif not self.world.path(folder).is_dir():
            return self._no("The system cannot find the path specified.")
        else:
            self.world.cwd = self.world.full(folder)
        return 0

    def _do_mkdir(self, rest: list[str]) -> int:
        code = 0
        for name in rest:
            if self.world.path(name).exists():
                code = self._no(f"A subdirectory or file {name} already exists.")
            else:
                self.world.path(name).mkdir(parents=True)
        return code

    def _do_rmdir(self, rest: list[str]) -> int:
        whole = "/s" in [word.lower() for word in rest]
        code = 0
        for path in (self.world.path(name) for name in rest if name.lower() not in ("/s", "/q")):
            if not path.is_dir():
                code = self._no("The system cannot find the file specified.", 2)
            elif whole:
                shutil.rmtree(path)
            elif any(path.iterdir()):
                code = self._no("The directory is not empty.", 145)
            else:
                path.rmdir()
        return code

    def _do_copy(self, rest: list[str]) -> int:
        names = [word for word in rest if word.lower() not in ("/y", "/b")]
        if len(names) != 2:
            raise Unknown("copy of anything but one file")
        source, target = self.world.path(names[0]), self.world.path(names[1])
        if not source.is_file():
            return self._no("The system cannot find the file specified.")
        if not target.is_dir() and not target.parent.is_dir():
            return self._no("The system cannot find the path specified.")
        shutil.copyfile(source, target / source.name if target.is_dir() else target)
        self.world.say("        1 file(s) copied.")
        return 0

    def _do_move(self, rest: list[str]) -> int:
        names = [word for word in rest if word.lower() != "/y"]
        if len(names) != 2 or not self.world.path(names[0]).exists():
            return self._no("The system cannot find the file specified.")
        shutil.move(self.world.path(names[0]), self.world.path(names[1]))
        return 0

    def _do_del(self, rest: list[str]) -> int:
        for path in (self.world.path(name) for name in rest if name.lower() not in ("/q", "/f")):
            if path.is_file():
                path.unlink()
            else:
                self._no(f"Could Not Find {self.world.windows(path)}")
        return 0

    def _do_type(self, rest: list[str]) -> int:
        if not rest or not self.world.path(rest[0]).is_file():
            return self._no("The system cannot find the file specified.")
        with self.world.path(rest[0]).open("rb") as file:
            shutil.copyfileobj(file, self.world.out)
        return 0

    def _do_ver(self, rest: list[str]) -> int:
        self.world.say("", "Microsoft Windows [Version 10.0.20348.2113]", *rest)
        return 0

    def _no(self, text: str, code: int = 1) -> int:
        self.world.complain(text)
        return code


_ALIASES = {"md": "mkdir", "rd": "rmdir", "erase": "del", "chdir": "cd"}


def split(line: str) -> list[str]:
    """Words of a line; quotes hold blanks together and are taken off."""
    return [word.replace('"', "") for word in re.findall(r'(?:"[^"]*"|[^\s"])+', line)]


def pause(seconds: float) -> None:
    """What ``timeout`` and ``ping -n`` are used for in batch files."""
    time.sleep(seconds)
