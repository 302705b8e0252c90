"""The project of the working directory, opened as a command needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from golden.app.project import Project
from golden.errors import NotFound, StateUnusable

if TYPE_CHECKING:
    from golden.app.names import Target


@contextmanager
def reading() -> Iterator[Project]:
    """To look only; nothing need be there. StateUnusable where something is in the state folder's place."""
    project = Project.here()
    _look(project)
    try:
        yield project
    finally:
        project.close()


@contextmanager
def writing(*, begin: bool = False) -> Iterator[Project]:
    """To change something. NotFound where nothing was ever recorded here, unless this is where it begins."""
    project = Project.here(write=True)
    _look(project)
    if not begin and not project.exists():
        raise nothing_yet()
    try:
        yield project
    finally:
        project.close()


def nothing_yet() -> NotFound:
    """There is no reference here."""
    return NotFound("there is no reference here yet", hint="golden adopt NAME --from disk.qcow2, or: golden demo")


def existing(project: Project) -> Project:
    """The project, if anything was ever recorded in it. NotFound otherwise."""
    if not project.exists():
        raise nothing_yet()
    return project


def target(project: Project, text: str | None) -> Target:
    """An address taken apart and its numbers judged; the only reference where there is none."""
    from golden.app.names import parse

    return parse(address(text), project.settings, existing(project).catalog)


def address(text: str | None) -> str | None:
    """An address whose number is one that a version or image can have. NotFound otherwise."""
    found = re.fullmatch(r"[^@]*@([vi])(\d+)", text or "", re.DOTALL)
    if found and (len(found[2]) > 9 or not found[2].isascii()):
        what = "version" if found[1] == "v" else "image"
        raise NotFound(f"there is no {what} with the number {found[2][:20]}", hint="golden log shows those there are")
    return text


def _look(project: Project) -> None:
    state = project.settings.state
    try:
        if state.exists() and not state.is_dir():
            raise StateUnusable(f"{state} is a file; golden's state folder belongs there", hint="move the file away")
        (state / "golden.db").exists()
    except OSError as error:
        raise StateUnusable(
            f"the state folder {state} cannot be used: {error.strerror}", hint="check who owns it and its permissions"
        ) from error
