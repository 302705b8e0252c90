"""Editing golden.toml without losing what people wrote into it; the only importer of tomlkit."""

from __future__ import annotations

import secrets
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from golden.errors import BadConfig
from golden.settings import FILE, Settings, read


def add(settings: Settings, group: str, name: str, url: str) -> Path:
    """Write a table ``[group.name]`` with a URL at the end of its group: the file. BadConfig where it cannot be."""
    file = settings.file or settings.base / FILE
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8-sig") if file.exists() else "")
        if group not in document:
            document[group] = tomlkit.table(is_super_table=True)
        tables = document[group]
        table = tomlkit.inline_table() if isinstance(tables, InlineTable) else tomlkit.table()
        table["url"] = url
        if not isinstance(tables, InlineTable):
            table.add(tomlkit.nl())
        tables[name] = table
    except (TOMLKitError, ValueError, TypeError) as error:
        raise BadConfig(f"{file}: [{group}.{name}] cannot be added: {error}", hint="edit it by hand") from error
    return _write(file, tomlkit.dumps(document).rstrip("\n") + "\n")


def remove(settings: Settings, group: str, name: str) -> Path:
    """Take the table ``[group.name]`` out: the file."""
    file = settings.file or settings.base / FILE
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8-sig"))
        del document[group][name]
    except (TOMLKitError, KeyError, ValueError, TypeError) as error:
        raise BadConfig(f"{file}: [{group}.{name}] cannot be taken out: {error}", hint="edit it by hand") from error
    return _write(file, tomlkit.dumps(document))


def _write(file: Path, text: str) -> Path:
    """Replace the file whole, and only by one that golden can read."""
    new = file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")
    try:
        new.write_text(text, encoding="utf-8")
        try:
            read(new)
        except BadConfig as error:
            brief = error.brief.replace(str(new), str(file))
            raise BadConfig(f"that would make {brief}", hint="edit golden.toml by hand") from error
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    return file
