"""A command line as Windows takes it apart, and a path of C: found in a folder whatever its case."""

from __future__ import annotations

import os
import re
from pathlib import Path


def arguments(line: str) -> list[str]:
    """The words of a line by the rules of CommandLineToArgvW (backslashes count only before a quote)."""
    words: list[str] = []
    word, begun, quoted, at = "", False, False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        if slashes:
            at += slashes
            if line[at : at + 1] == '"':
                word += "\\" * (slashes // 2)
                if slashes % 2:
                    word, at = word + '"', at + 1
            else:
                word += "\\" * slashes
            begun = True
        elif line[at] == '"':
            if quoted and line[at + 1 : at + 2] == '"':
                word, at = word + '"', at + 1
            else:
                quoted = not quoted
            begun, at = True, at + 1
        elif line[at] in " \t" and not quoted:
            if begun:
                words.append(word)
            word, begun, at = "", False, at + 1
        else:
            word, begun, at = word + line[at], True, at + 1
    return [*words, word] if begun else words


def command(line: str) -> list[str]:
    """The words for cmd.exe: what follows /c is one text, its outer quotes taken off as cmd.exe does."""
    found = re.match(r"(?is)^((?:\s*/[a-z:]+)*?)\s*/c\s+(.*)$", line)
    if not found:
        return arguments(line)
    switches, text = found[1].split(), found[2].strip()
    inside = text.split('"')[1] if text.count('"') == 2 else ""
    plain = " " in inside and not re.search(r"[&<>()@^|]", inside)
    if text.startswith('"') and ("/s" in (s.lower() for s in switches) or not plain):
        head, _, tail = text[1:].rpartition('"')
        text = head + tail
    return [*switches, "/c", text]


def locate(root: Path, path: str) -> Path | None:
    """Where ``C:\\...`` lies below ``root``; None where that is no absolute path of this guest's only drive."""
    match = re.fullmatch(r"[Cc]:[\\/](.*)", path, re.S)
    if not match:
        return None
    found = root
    for part in re.split(r"[\\/]+", match[1]):
        if part == ".." or re.search(r'[<>:"|?*\x00]', part):
            return None
        if part and part != ".":
            found = _matching(found, part)
    return found


def _matching(folder: Path, name: str) -> Path:
    if os.path.lexists(folder / name) or not folder.is_dir():
        return folder / name
    return next((folder / each.name for each in os.scandir(folder) if each.name.lower() == name.lower()), folder / name)
