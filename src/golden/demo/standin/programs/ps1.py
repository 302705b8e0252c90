"""
A small subset of PowerShell for users' scripts; anything beyond it fails loudly.

One command a line: ``#`` and ``<# … #>`` comments, ``param()`` without parameters, ``$name = 'text'|number``,
``$ErrorActionPreference = …``, ``Write-Output|Write-Host|Write-Warning|Write-Error``, ``Set-Content``,
``Add-Content`` (-Path, -Value), ``New-Item`` (-ItemType Directory|File, -Path, -Value, -Force; also HKLM keys),
``Remove-Item`` (-Recurse, -Force), ``Copy-Item``, ``Set-ItemProperty|New-ItemProperty`` on HKLM (-Path, -Name,
-Value, -PropertyType|-Type String|DWord|QWord|ExpandString|MultiString), ``Start-Sleep -Seconds``, ``exit N``,
``throw 'text'``, ``Restart-Computer``, ``Stop-Computer``, ``& PROGRAM ARGUMENTS`` and programs by name;
``$env:NAME``, ``$LASTEXITCODE``, ``$PSScriptRoot``, ``| Out-Null``.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable

from . import registry
from .world import Stop, Unknown, World

_WORD = re.compile(r"""'((?:[^']|'')*)'|"((?:[^"`]|`.|"")*)"|([^\s'"]+)""")
_KINDS = {"string": registry.SZ, "dword": registry.DWORD, "qword": registry.QWORD, "expandstring": registry.EXPAND_SZ}
_SWITCHES = ("force", "recurse", "nonewline", "passthru", "verbose", "append")


def run(world: World, name: str, content: bytes, arguments: list[str]) -> int:
    """Run a user's script to its end; 0, its ``exit N``, or 1 after ``throw``."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    script = _Script(world, world.full(name).rsplit("\\", 1)[0], arguments)
    text = re.sub(r"<#.*?#>", "", content.decode(encoding), flags=re.DOTALL)
    try:
        for line in text.splitlines():
            script.line(line.strip())
    except Stop as stop:
        return stop.code
    return 0


class _Script:
    def __init__(self, world: World, folder: str, arguments: list[str]) -> None:
        self.world = world
        self.stopping = False
        self.values: dict[str, str] = {"psscriptroot": folder, "lastexitcode": "0", "true": "True", "false": "False"}
        for number, value in enumerate(arguments):
            self.values[f"args[{number}]"] = value

    def line(self, line: str) -> None:
        """One command."""
        line = re.sub(r"\s*\|\s*Out-Null$", "", line, flags=re.IGNORECASE).rstrip(";")
        if not line or line.startswith("#") or re.fullmatch(r"(\[CmdletBinding\(\)\]|param\s*\(\s*\))", line, re.I):
            return
        assignment = re.fullmatch(r"\$(\w+)\s*=\s*('[^']*'|\"[^\"]*\"|-?\d+|\$\w+)", line)
        if assignment:
            self.values[assignment[1].lower()] = self._words(assignment[2])[0]
            self.stopping = self.values.get("erroractionpreference", "").lower() == "stop"
            return
        bare = _WORD.sub(lambda m: m[3] or "", line)
        if re.search(r"[;|{}()@<>=]|`$", bare.replace("$args[", "")):
            raise Unknown(f"the PowerShell line: {line}")
        words = self._words(line)
        name = words[0].lower()
        act = _COMMANDS.get(name)
        if act is not None:
            act(self, words[1:])
        elif name == "&" or self.world.find_program(words[0]):
            self._program(words[1:] if name == "&" else words)
        else:
            raise Unknown(f"the PowerShell command {words[0]}")

    def _words(self, text: str) -> list[str]:
        glued = 0
        words: list[str] = []
        for match in _WORD.finditer(text):
            if match[1] is not None:
                word = match[1].replace("''", "'")
            elif match[2] is not None:
                word = self._filled(match[2].replace('`"', '"').replace("`n", "\n").replace("`t", "\t"))
            else:
                word = self._filled(match[3])
            if words and match.start() == glued:
                words[-1] += word
            else:
                words.append(word)
            glued = match.end()
        return words

    def _filled(self, text: str) -> str:
        environment = {name.lower(): value for name, value in self.world.env.items()}
        text = re.sub(r"\$env:(\w+)", lambda m: environment.get(m[1].lower(), ""), text, flags=re.IGNORECASE)

        def value(match: re.Match[str]) -> str:
            if match[1].lower() not in self.values:
                raise Unknown(f"the PowerShell variable ${match[1]}")
            return self.values[match[1].lower()]

        return re.sub(r"\$(args\[\d+\]|\w+)", value, text)

    def _program(self, words: list[str]) -> None:
        from .start import execute

        self.values["lastexitcode"] = str(execute(self.world, words))

    def fail(self, text: str) -> None:
        """An error that ends the script only where $ErrorActionPreference says so."""
        self.world.complain(text)
        if self.stopping:
            raise Stop(1)

    def say(self, rest: list[str]) -> None:
        """Write-Output, Write-Host."""
        _, free = _named(rest, ("object", "inputobject", "foregroundcolor"))
        given, _ = _named(rest, ("object", "inputobject", "foregroundcolor"))
        self.world.say(given.get("object") or given.get("inputobject") or " ".join(free))

    def warn(self, rest: list[str]) -> None:
        """Write-Warning."""
        self.world.say("WARNING: " + " ".join(_named(rest, ("message",))[0].values() or _named(rest, ())[1]))

    def error(self, rest: list[str]) -> None:
        """Write-Error."""
        given, free = _named(rest, ("message",))
        self.fail("Write-Error: " + (given.get("message") or " ".join(free)))

    def throw(self, rest: list[str]) -> None:
        """Throw."""
        self.world.complain(" ".join(rest))
        raise Stop(1)

    def leave(self, rest: list[str]) -> None:
        """Exit."""
        raise Stop(int(rest[0]) & 0xFFFFFFFF if rest else 0)

    def sleep(self, rest: list[str]) -> None:
        """Start-Sleep."""
        given, free = _named(rest, ("seconds", "milliseconds"))
        time.sleep(float(given.get("milliseconds", 0)) / 1000 or float(given.get("seconds") or free[0]))

    def content(self, rest: list[str], mode: str) -> None:
        """Set-Content, Add-Content."""
        given, free = _named(rest, ("path", "literalpath", "value", "encoding"))
        place = given.get("path") or given.get("literalpath") or free.pop(0)
        path = self.world.path(place)
        if not path.parent.is_dir():
            self.fail(f"Set-Content : Could not find a part of the path '{place}'.")
            return
        text = given["value"] if "value" in given else " ".join(free)
        with path.open(mode) as file:
            file.write((text + "\r\n").encode())

    def new_item(self, rest: list[str]) -> None:
        """New-Item."""
        given, free = _named(rest, ("path", "itemtype", "type", "value", "name"))
        place = given.get("path") or free[0]
        if "name" in given:
            place += "\\" + given["name"]
        if _is_key(place):
            hive, key = registry.split(place)
            with registry.registry_of(self.world.root, self.world.machine).open(hive, write=True) as opened:
                opened.add(key)
            return
        path, kind = self.world.path(place), (given.get("itemtype") or given.get("type") or "File").lower()
        if path.exists() and "force" not in given:
            self.fail(f"New-Item : An item with the specified name {place} already exists.")
        elif kind == "directory":
            path.mkdir(parents=True, exist_ok=True)
        elif kind == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(given.get("value", "").encode())
        else:
            raise Unknown(f"New-Item -ItemType {kind}")

    def remove_item(self, rest: list[str]) -> None:
        """Remove-Item."""
        given, free = _named(rest, ("path", "literalpath", "erroraction"))
        place = given.get("path") or given.get("literalpath") or free[0]
        if _is_key(place):
            hive, key = registry.split(place)
            with registry.registry_of(self.world.root, self.world.machine).open(hive, write=True) as opened:
                opened.delete_key(key)
            return
        path = self.world.path(place)
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        elif given.get("erroraction", "").lower() not in ("silentlycontinue", "ignore"):
            self.fail(f"Remove-Item : Cannot find path '{place}' because it does not exist.")

    def copy_item(self, rest: list[str]) -> None:
        """Copy-Item."""
        given, free = _named(rest, ("path", "literalpath", "destination"))
        place = given.get("path") or given.get("literalpath") or free.pop(0)
        source, target = self.world.path(place), self.world.path(given.get("destination") or free[0])
        if not source.exists():
            self.fail(f"Copy-Item : Cannot find path '{place}' because it does not exist.")
        elif source.is_dir():
            shutil.copytree(source, target / source.name if target.is_dir() else target)
        else:
            shutil.copyfile(source, target / source.name if target.is_dir() else target)

    def set_property(self, rest: list[str]) -> None:
        """Set-ItemProperty and New-ItemProperty on HKLM."""
        given, free = _named(rest, ("path", "literalpath", "name", "value", "propertytype", "type"))
        names = iter(free)
        place = given.get("path") or given.get("literalpath") or next(names)
        name = given.get("name") or next(names)
        text = given["value"] if "value" in given else next(names)
        kind = (given.get("propertytype") or given.get("type") or "").lower()
        if not _is_key(place):
            raise Unknown(f"item properties of {place}")
        value: registry.Value = text
        if kind in ("dword", "qword") or (not kind and re.fullmatch(r"\d+", text)):
            value = int(text, 0)
        elif kind == "multistring":
            value = text.split(",")
        elif kind not in ("", *_KINDS):
            raise Unknown(f"the property type {kind}")
        hive, key = registry.split(place)
        with registry.registry_of(self.world.root, self.world.machine).open(hive, write=True) as opened:
            if not opened.has(key):
                self.fail(f"Set-ItemProperty : Cannot find path '{place}' because it does not exist.")
                return
            opened.set(key, name, value, _KINDS.get(kind))

    def restart(self, rest: list[str]) -> None:
        """Restart-Computer."""
        _named(rest, ())
        self.world.power("reboot")

    def stop(self, rest: list[str]) -> None:
        """Stop-Computer."""
        _named(rest, ())
        self.world.power("off")


def _is_key(place: str) -> bool:
    return bool(re.match(r"(HKLM:|HKEY_LOCAL_MACHINE|Registry::HKEY_LOCAL_MACHINE)\\", place, re.IGNORECASE))


def _named(words: list[str], names: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Named parameters and the rest; a parameter that is not among ``names`` is not passed over."""
    given: dict[str, str] = {}
    free: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not re.fullmatch(r"-[A-Za-z]+", word):
            free.append(word)
        elif word[1:].lower() in _SWITCHES:
            given[word[1:].lower()] = "yes"
        elif word[1:].lower() in names and rest:
            given[word[1:].lower()] = rest.pop(0)
        else:
            raise Unknown(f"the parameter {word}")
    return given, free


_COMMANDS: dict[str, Callable[[_Script, list[str]], None]] = {
    "write-output": _Script.say,
    "write-host": _Script.say,
    "write-warning": _Script.warn,
    "write-error": _Script.error,
    "throw": _Script.throw,
    "exit": _Script.leave,
    "start-sleep": _Script.sleep,
    "set-content": lambda script, rest: script.content(rest, "wb"),
    "add-content": lambda script, rest: script.content(rest, "ab"),
    "new-item": _Script.new_item,
    "remove-item": _Script.remove_item,
    "copy-item": _Script.copy_item,
    "set-itemproperty": _Script.set_property,
    "new-itemproperty": _Script.set_property,
    "restart-computer": _Script.restart,
    "stop-computer": _Script.stop,
}
