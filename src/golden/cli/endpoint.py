"""``golden endpoint``: the hypervisors of this project."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from golden.cli import findings, open_project, places
from golden.cli.steps import shown
from golden.cli.talk import Talk
from golden.errors import Conflict

if TYPE_CHECKING:
    from golden.app.project import Project

Name = Annotated[str, typer.Argument(metavar="NAME")]
Url = Annotated[str, typer.Argument(metavar="URL", help="qemu:///embed, qemu:///system, qemu+ssh://HOST/system …")]


def add(talk: Talk, name: Name, url: Url) -> None:
    """
    Write an endpoint into golden.toml.

    Example: golden endpoint add rack1 qemu+ssh://root@rack1/system
    """
    with open_project.reading() as project:
        file = places.add(project, places.ENDPOINTS, name, url)
    talk.tell("endpoint", {"name": name, "url": url, "path": str(file)}, [f"wrote [endpoints.{name}] into {file}"])
    talk.say("", f"next: golden endpoint check {name}")


def list_(talk: Talk) -> None:
    """
    The endpoints of this project.

    Example: golden endpoint list
    """
    with open_project.reading() as project:
        places.tell(talk, "endpoints", project.settings.endpoints)


def check(talk: Talk, name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Else all.")] = None) -> None:
    """
    What is wrong or slow at an endpoint; without a name, at all of them and in the rest of golden.toml. Exit code 4
    where there are errors.

    Example: golden endpoint check rack1
    """
    with open_project.reading() as project:
        from golden.app import upkeep

        names = [name] if name is not None else list(project.settings.endpoints)
        with shown(talk) as steps:
            found = [finding for one in names for finding in upkeep.diagnose(project, one, steps)]
            found += upkeep.apart(project, steps) if name is None else []
    findings.tell(talk, found, f"nothing is wrong with {', '.join(names)}")


def remove(talk: Talk, name: Name) -> None:
    """
    Take an endpoint out of golden.toml; refused while a reference lives on it.

    Example: golden endpoint remove rack1
    """
    with open_project.reading() as project:
        project.settings.endpoint(name)
        if living := _references(project, name):
            raise Conflict(f"{', '.join(living)} live(s) on endpoint {name}", hint="golden log shows what is there")
        file = places.remove(project, places.ENDPOINTS, name)
    talk.tell("endpoint", {"name": name, "path": str(file)}, [f"took [endpoints.{name}] out of {file}"])


def _references(project: Project, endpoint: str) -> list[str]:
    if not project.exists():
        return []
    return [one.name for one in project.catalog.references() if one.endpoint == endpoint]


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "endpoint": {"add": add, "list": list_, "check": check, "remove": remove}
}
