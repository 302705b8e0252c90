"""
Playbooks: changes of one update, in order, as a TOML file.

    [[change]]
    kind = "driver"              # the kinds of golden.guest.asking
    source = "netkvm/netkvm.inf" # relative to the playbook

    [[change]]
    kind = "script"
    source = "harden.ps1"
    arguments = ["-Level", "2"]

    [[change]]
    kind = "setup"
    source = "agent.exe"
    args = "/S /D=C:\\Agent"     # one text, as it stands on a command line
    ok-codes = [0, 3010]

    [[change]]
    kind = "feature"
    name = "NetFx3"
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from golden.errors import BadConfig, NotFound, UsageError
from golden.guest.asking import KINDS, OPTIONS, PATHS, SEVERAL, categories
from golden.guest.family import Wanted
from golden.written import expanded, utf8

_OWN = {"script": ("arguments",), "file": ("destination",), "windows-update": ("categories",)}
"""Keys of one kind alone, beside kind, source or name, and its options."""


def load(path: Path) -> tuple[Wanted, ...]:
    """
    The changes a playbook asks for, in its order.

    Raises NotFound where the playbook or a source is missing, and BadConfig that names the file and the line and
    column (no TOML), or the number of the change and the key (not a playbook).
    """
    told = _parsed(path)
    _known(f"{path}", told, ("change",), "[[change]]")
    entries = told.get("change", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadConfig(f"{path}: changes are tables in double brackets: [[change]]")
    if not entries:
        raise BadConfig(f"{path} asks for no change", hint="it needs at least one [[change]] with kind and source")
    return tuple(_wanted(path, number, entry) for number, entry in enumerate(entries, 1))


def _parsed(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(utf8(path.read_bytes(), path))
    except FileNotFoundError:
        raise NotFound(f"there is no playbook {path}") from None
    except OSError as error:
        raise BadConfig(f"the playbook {path} cannot be read", details=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        # The parser's own words end with "(at line 3, column 7)".
        raise BadConfig(f"{path} is not TOML: {error}") from error


def _wanted(path: Path, number: int, entry: Mapping[str, object]) -> Wanted:
    where = f"{path}, change {number}{_line(path, number)}"
    kind = _text(where, entry, "kind")
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        raise BadConfig(
            f"{where}: kind is {', '.join(list(KINDS)[:-1])} or {list(KINDS)[-1]}, not {kind!r}",
            hint=f"did you mean {near[0]!r}?" if near else None,
        )
    _known(where, entry, keys_of(kind), f"a change of the kind {kind}")
    if kind == "windows-update":
        try:
            return Wanted(kind, name=categories(",".join(_texts(where, entry, "categories"))), where=where)
        except UsageError as error:
            raise BadConfig(f"{where}: {error.brief}", hint=error.hint) from error
    if not KINDS[kind].source:
        return Wanted(kind, name=_text(where, entry, "name"), where=where)
    source = _there(f"{where}: source", path, _text(where, entry, "source"))
    destination = _text(where, entry, "destination") if kind == "file" else ""
    options = tuple(_options(where, path, entry)) if kind != "script" else ()
    return Wanted(kind, source, destination, _texts(where, entry, "arguments"), options=options, where=where)


def keys_of(kind: str) -> tuple[str, ...]:
    """The keys that a change of this kind may have, as ``[[change]]`` in a playbook."""
    asked = KINDS[kind]
    main = ("source",) if asked.source else () if kind == "windows-update" else ("name",)
    options = asked.options if kind != "script" else ()
    return ("kind", *main, *_OWN.get(kind, ()), *options)


def _options(where: str, path: Path, entry: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name in OPTIONS:
        if name not in entry:
            continue
        if name == "ok-codes":
            codes = entry[name]
            if not isinstance(codes, list) or not all(type(code) is int for code in codes) or not codes:
                raise BadConfig(f"{where}: {name} is a list of numbers, such as [0, 3010], not {codes!r}")
            yield name, ",".join(str(code) for code in codes)
        elif name in SEVERAL:
            yield from ((name, str(_there(f"{where}: {name}", path, text))) for text in _texts(where, entry, name))
        else:
            value = _text(where, entry, name)
            yield name, str(_there(f"{where}: {name}", path, value)) if name in PATHS else value


def _there(where: str, path: Path, text: str) -> Path:
    source = path.parent / expanded(text, where)
    if not source.exists():
        raise NotFound(f"{where}: there is no {source}", hint="sources are relative to the playbook")
    return source


def _line(path: Path, number: int) -> str:
    """Where the change begins, for whoever has to look it up; nothing where its tables are written otherwise."""
    lines = utf8(path.read_bytes(), path).splitlines()
    begins = [at for at, line in enumerate(lines, 1) if re.match(r"\s*\[\[\s*[\"']?change[\"']?\s*\]\]", line)]
    return f" (line {begins[number - 1]})" if number <= len(begins) else ""


def _known(where: str, table: Mapping[str, object], keys: Iterable[str], what: str) -> None:
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, list(keys), 1)
            raise BadConfig(
                f"{where}: {what} has no key {key!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"it takes: {', '.join(keys)}",
            )


def _text(where: str, entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    if value is None:
        near = difflib.get_close_matches(key, list(entry), 1)
        raise BadConfig(
            f"{where}: the key {key!r} is missing", hint=f"is {near[0]!r} meant to be {key!r}?" if near else None
        )
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise BadConfig(f"{where}: {key} is a text that is not empty, not {value!r}")
    return value


def _texts(where: str, entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadConfig(f'{where}: {key} is a list of texts, such as ["-Level", "2"], not {value!r}')
    return tuple(value)
