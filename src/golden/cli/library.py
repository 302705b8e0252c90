"""``golden library``: the places images are published to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from golden.cli import open_project, places
from golden.cli.talk import Talk
from golden.errors import Conflict

if TYPE_CHECKING:
    from golden.app.project import Project

Name = Annotated[str, typer.Argument(metavar="NAME")]
Url = Annotated[str, typer.Argument(metavar="URL", help="dir:FOLDER, or what a provider brings.")]


def add(talk: Talk, name: Name, url: Url) -> None:
    """
    Write a library into golden.toml.

    Example: golden library add shelf dir:/srv/images
    """
    with open_project.reading() as project:
        from golden.app.shelves import lies_on
        from golden.provider import Endpoint

        file = places.add(project, places.LIBRARIES, name, url)
        endpoint = lies_on(Endpoint(name, url))
    talk.tell("library", {"name": name, "url": url, "path": str(file)}, [f"wrote [libraries.{name}] into {file}"])
    look = f"golden endpoint check {endpoint} looks whether it is there; " if endpoint else ""
    talk.say("", f"next: {look}golden publish --to {name}")


def list_(talk: Talk) -> None:
    """
    The libraries of this project.

    Example: golden library list
    """
    with open_project.reading() as project:
        places.tell(talk, "libraries", project.settings.libraries)


def remove(talk: Talk, name: Name) -> None:
    """
    Take a library out of golden.toml; refused while images are published in it.

    Example: golden library remove shelf
    """
    with open_project.reading() as project:
        project.settings.library(name)
        if held := _held(project, name):
            raise Conflict(f"{', '.join(held)} is published in library {name}", hint="golden log shows it")
        file = places.remove(project, places.LIBRARIES, name)
    talk.tell("library", {"name": name, "path": str(file)}, [f"took [libraries.{name}] out of {file}"])


def _held(project: Project, library: str) -> list[str]:
    if not project.exists():
        return []
    names = [one.name for one in project.catalog.references()]
    every = [one for name in names for one in project.catalog.publications(name)]
    return [f"{one.reference}@i{one.image}" for one in every if one.library == library]


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {"library": {"add": add, "list": list_, "remove": remove}}
