"""
Playbooks: changes of one update, in order, as a TOML file.

    [[change]]
    kind = "driver"              # driver | script | file
    source = "netkvm/netkvm.inf" # relative to the playbook

    [[change]]
    kind = "script"
    source = "harden.ps1"
    arguments = ["-Level", "2"]

    [[change]]
    kind = "file"
    source = "motd"
    destination = "/etc/motd"
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from golden.errors import BadConfig, NotFound
from golden.guest.family import Wanted

KINDS = ("driver", "script", "file")
_KEYS = {
    "driver": ("kind", "source"),
    "script": ("kind", "source", "arguments"),
    "file": ("kind", "source", "destination"),
}


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
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise NotFound(f"there is no playbook {path}") from None
    except OSError as error:
        raise BadConfig(f"the playbook {path} cannot be read", details=str(error)) from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path} is not UTF-8 text", details=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        # The parser's own words end with "(at line 3, column 7)".
        raise BadConfig(f"{path} is not TOML: {error}") from error


def _wanted(path: Path, number: int, entry: Mapping[str, object]) -> Wanted:
    where = f"{path}, change {number}"
    kind = _text(where, entry, "kind")
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        raise BadConfig(
            f"{where}: kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}, not {kind!r}",
            hint=f"did you mean {near[0]!r}?" if near else None,
        )
    _known(where, entry, _KEYS[kind], f"a change of the kind {kind}")
    source = path.parent / Path(_text(where, entry, "source")).expanduser()
    if not source.exists():
        raise NotFound(f"{where}: there is no {source}", hint="sources are relative to the playbook")
    destination = _text(where, entry, "destination") if kind == "file" else ""
    return Wanted(kind, source, destination, _texts(where, entry, "arguments"))


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
