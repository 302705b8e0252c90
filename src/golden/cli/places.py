"""Endpoints and libraries in golden.toml: what is the same for both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golden.cli.human import columns
from golden.cli.talk import Talk
from golden.errors import BadConfig, Conflict
from golden.settings import check_name

if TYPE_CHECKING:
    from golden.app.project import Project
    from golden.provider import Endpoint


@dataclass(frozen=True)
class Group:
    """Which of the two."""

    table: str
    noun: str


ENDPOINTS = Group("endpoints", "endpoint")
LIBRARIES = Group("libraries", "library")


def add(project: Project, group: Group, name: str, url: str) -> Path:
    """Write one into golden.toml: the file. BadName, Conflict, or BadConfig for a URL nobody opens."""
    from golden.app import moves
    from golden.cli import toml_file

    check_name(name, group.noun)
    if name in _written(project, group):
        raise Conflict(f"there is {group.noun} {name} already", hint=f"golden {group.noun} list")
    if not url.isprintable():
        raise BadConfig(f"{url!r} is no URL")
    moves.assert_opens(group.noun, name, url)
    return toml_file.add(project.settings, group.table, name, url)


def remove(project: Project, group: Group, name: str) -> Path:
    """Take one out of golden.toml: the file. Conflict where it is only golden's default."""
    from golden.cli import toml_file

    if project.settings.file is None or name not in _written(project, group):
        raise Conflict(f"{group.noun} {name} stands in no golden.toml; it is what golden uses where none is named")
    return toml_file.remove(project.settings, group.table, name)


def tell(talk: Talk, kind: str, found: Mapping[str, Endpoint]) -> None:
    """List them."""
    data = [{"name": one.name, "url": one.url, "options": dict(one.options)} for one in found.values()]
    talk.tell(kind, {kind: data}, _lines(talk, kind, found))


def _lines(talk: Talk, kind: str, found: Mapping[str, Endpoint]) -> Iterator[str]:
    if not found:
        noun = ENDPOINTS.noun if kind == ENDPOINTS.table else LIBRARIES.noun
        talk.say(f"There are no {kind} yet: golden {noun} add NAME URL")
    yield from columns([(talk.paint(one.name, "bold"), one.url) for one in found.values()])


def _written(project: Project, group: Group) -> set[str]:
    """Names that stand in the file itself, without what golden fills in."""
    import tomllib

    if project.settings.file is None:
        return set()
    data = tomllib.loads(project.settings.file.read_text(encoding="utf-8-sig"))
    return set(data.get(group.table, {}))
