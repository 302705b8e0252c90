"""reg.exe: query, add, delete, import and save below HKLM."""

from __future__ import annotations

import re

from . import registry
from .world import Unknown, World

KINDS = {
    "REG_SZ": registry.SZ, "REG_EXPAND_SZ": registry.EXPAND_SZ, "REG_DWORD": registry.DWORD,
    "REG_QWORD": registry.QWORD, "REG_MULTI_SZ": registry.MULTI_SZ, "REG_BINARY": registry.BINARY,
}  # fmt: skip
NAMES = {number: name for name, number in KINDS.items()} | {registry.NONE: "REG_NONE"}


def main(world: World, arguments: list[str]) -> int:
    """One order; 0, or 1 as reg.exe ends with every error."""
    verb, rest = (arguments[0].lower() if arguments else ""), arguments[1:]
    act = {"query": _query, "add": _add, "delete": _delete, "import": _import, "save": _save}.get(verb)
    if act is None or not rest:
        raise Unknown(f"reg.exe {' '.join(arguments)}")
    try:
        return act(world, rest)
    except ValueError as error:
        raise Unknown(str(error)) from error


def _options(rest: list[str]) -> dict[str, str]:
    found, words = {}, list(rest)
    while words:
        word = words.pop(0).lower()
        if word in ("/v", "/t", "/d", "/s"):
            found[word] = words.pop(0)
        elif word in ("/ve", "/f", "/va", "/reg:64"):
            found[word] = ""
        else:
            raise Unknown(f"the reg.exe switch {word}")
    return found


def _save(world: World, rest: list[str]) -> int:
    """A whole hive into a file of its own, as RegSaveKey writes it: clean, without its log."""
    hive, key = registry.split(rest[0])
    if key or [word.lower() for word in rest[2:]] != ["/y"]:
        raise Unknown(f"reg.exe save {' '.join(rest)}")
    with registry.registry_of(world.root, world.machine).open(hive):
        world.path(rest[1]).write_bytes(world.path(f"C:\\Windows\\System32\\config\\{hive}").read_bytes())
    world.say("The operation completed successfully.")
    return 0


def _missing(world: World) -> int:
    world.complain("ERROR: The system was unable to find the specified registry key or value.")
    return 1


def _query(world: World, rest: list[str]) -> int:
    hive, key = registry.split(rest[0])
    options = _options(rest[1:])
    with registry.registry_of(world.root, world.machine).open(hive) as opened:
        wanted = "" if "/ve" in options else options.get("/v")
        values = [v for v in opened.typed(key) if wanted is None or v[0].lower() == wanted.lower()]
        if not opened.has(key) or (wanted is not None and not values):
            return _missing(world)
        whole = f"HKEY_LOCAL_MACHINE\\{hive}" + (f"\\{key}" if key else "")
        world.say("", whole)
        for name, kind, value in values:
            world.say(f"    {name or '(Default)'}    {NAMES.get(kind, kind)}    {_shown(value)}")
        if wanted is None:
            world.say("", *(f"{whole}\\{child}" for child in opened.children(key)))
    return 0


def _shown(value: registry.Value) -> str:
    if isinstance(value, int):
        return f"{value:#x}"
    if isinstance(value, list):
        return "\\0".join(value)
    return value.hex().upper() if isinstance(value, bytes) else value


def _add(world: World, rest: list[str]) -> int:
    hive, key = registry.split(rest[0])
    options = _options(rest[1:])
    with registry.registry_of(world.root, world.machine).open(hive, write=True) as opened:
        opened.add(key)
        if "/v" in options or "/ve" in options:
            kind = KINDS.get(options.get("/t", "REG_SZ").upper())
            if kind is None:
                raise Unknown(f"the registry type {options['/t']}")
            opened.set(key, options.get("/v", ""), _parsed(kind, options.get("/d", "")), kind)
    world.say("The operation completed successfully.")
    return 0


def _parsed(kind: int, text: str) -> registry.Value:
    if kind in (registry.DWORD, registry.QWORD):
        return int(text or "0", 0)
    if kind == registry.MULTI_SZ:
        return text.split("\\0")
    return bytes.fromhex(text) if kind == registry.BINARY else text


def _delete(world: World, rest: list[str]) -> int:
    hive, key = registry.split(rest[0])
    options = _options(rest[1:])
    with registry.registry_of(world.root, world.machine).open(hive, write=True) as opened:
        if "/v" in options or "/ve" in options:
            done = opened.delete_value(key, options.get("/v", ""))
        else:
            done = opened.delete_key(key)
    if not done:
        return _missing(world)
    world.say("The operation completed successfully.")
    return 0


def _import(world: World, rest: list[str]) -> int:
    path = world.path(rest[0])
    if not path.is_file():
        world.complain("ERROR: Error opening the file. There may be a disk or file system error.")
        return 1
    data = path.read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    text = re.sub(r"\\\r?\n\s*", "", text)
    if not text.startswith(("Windows Registry Editor Version 5.00", "REGEDIT4")):
        world.complain("ERROR: The file is not a registry file.")
        return 1
    key = ""
    for line in (line.strip() for line in text.splitlines()[1:]):
        if not line or line.startswith(";"):
            continue
        if match := re.fullmatch(r"\[(-?)(.*)\]", line):
            key = match[2]
            _delete_quietly(world, key) if match[1] else _touch(world, key)
        else:
            _import_value(world, key, line)
    world.complain("The operation completed successfully.")
    return 0


def _touch(world: World, key: str) -> None:
    hive, below = registry.split(key)
    with registry.registry_of(world.root, world.machine).open(hive, write=True) as opened:
        opened.add(below)


def _delete_quietly(world: World, key: str) -> None:
    hive, below = registry.split(key)
    with registry.registry_of(world.root, world.machine).open(hive, write=True) as opened:
        opened.delete_key(below)


def _import_value(world: World, key: str, line: str) -> None:
    match = re.fullmatch(r'(?:"((?:[^"\\]|\\.)*)"|@)\s*=\s*(.*)', line)
    if not match:
        raise Unknown(f"the registry line {line}")
    name, text = re.sub(r"\\(.)", r"\1", match[1] or ""), match[2]
    hive, below = registry.split(key)
    with registry.registry_of(world.root, world.machine).open(hive, write=True) as opened:
        if text == "-":
            opened.delete_value(below, name)
        elif text.startswith('"'):
            opened.set(below, name, re.sub(r"\\(.)", r"\1", text[1:-1]))
        elif text.lower().startswith("dword:"):
            opened.set(below, name, int(text[6:], 16))
        elif typed := re.fullmatch(r"hex(?:\(([0-9a-f]+)\))?:([0-9a-f, ]*)", text, re.IGNORECASE):
            kind = int(typed[1], 16) if typed[1] else registry.BINARY
            opened.set(below, name, bytes.fromhex(typed[2].replace(",", " ")), kind)
        else:
            raise Unknown(f"the registry value {text}")
