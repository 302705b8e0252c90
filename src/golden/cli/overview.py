"""``golden status`` and ``golden list``: quick, because people type them all day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from golden.app import reading
from golden.cli import open_project
from golden.cli.human import age, columns, size
from golden.cli.talk import Talk

if TYPE_CHECKING:
    from golden.cli.options import Shelf

_HEAD = ("REFERENCE", "HEAD", "STATE", "VERSIONS", "IMAGES", "CHANNELS", "SIZE", "CHANGED", "JOBS")


def status(talk: Talk) -> None:
    """
    Every reference with its head, numbers, channels and size, and the jobs that are not over.

    Example: golden status -o json
    """
    with open_project.reading() as project:
        data = reading.status(project)
    talk.tell("status", data, _status(talk, data))


def list_(talk: Talk, library: Shelf = None) -> None:
    """
    The names of the references, one a line; with --library what is published there, as the library itself tells it.

    Example: golden list --library shelf
    """
    if library is not None:
        _shelf(talk, library)
        return
    with open_project.reading() as project:
        data = reading.status(project)
    if not data["references"] and not talk.for_programs:
        _nothing(talk)
    names = [reference["name"] for reference in data["references"]]
    keys = ("name", "head", "os", "endpoint", "created")
    talk.tell("list", {"references": [{key: one[key] for key in keys} for one in data["references"]]}, names)


def _shelf(talk: Talk, name: str) -> None:
    with open_project.reading() as project:
        from golden.app import shelves
        from golden.cli.steps import shown

        with shown(talk) as steps:
            data = shelves.published(project, name, steps)
    rows = [
        (f"{one['reference']}@i{one['image']}", "retired" if one["retired"] else "current", size(one["size"]),
         age(one["created"]), one["where"])
        for one in data["publications"]
    ]  # fmt: skip
    if not rows:
        talk.say(f"Nothing of golden's is published in {name} yet: golden publish --to {name}")
    lines = columns(rows, right=frozenset({2}))
    those = [followers_line(one["followers"]) for one in data["publications"]]
    talk.tell("library", data, [line for pair in zip(lines, those, strict=True) for line in pair if line])


def followers_line(followers: list[dict[str, Any]]) -> str:
    """Which libraries take a publication from this one, and how far each is; empty where none does."""
    told = []
    for one in followers:
        asked = f"asked {age(one['synced'])}" if one["synced"] else "never asked yet"
        told.append(f"{one['name']} {one['state']} ({asked})")
    return f"    followed by {', '.join(told)}" if told else ""


def job_line(talk: Talk, job: dict[str, Any]) -> Iterator[str]:
    """One job that is not over, and what to type about it."""
    what = f"{job['procedure']} of {job['reference']}, begun {age(job['created'])}"
    if job["running"]:
        yield f"{talk.paint('runs', 'green')}  job {job['id']}: {what}"
        return
    yield f"{talk.paint('cut off', 'yellow', 'bold')}  job {job['id']}: {what}"
    if job["problem"]:
        yield f"  {job['problem']['brief']}"
    yield f"  golden resume {job['id']} goes on with it; golden cancel {job['id']} takes away what it made"


def _status(talk: Talk, data: dict[str, Any]) -> Iterator[str]:
    if not data["references"] and not data["jobs"]:
        _nothing(talk)
    if data["references"]:
        rows = [_HEAD, *(_row(talk, one) for one in data["references"])]
        head, *lines = columns(rows, right=frozenset({3, 4, 6}))
        yield talk.paint(head, "dim")
        yield from lines
    for job in data["jobs"]:
        yield ""
        yield from job_line(talk, job)
    if not data["jobs"] and any(not one["images"] for one in data["references"]):
        name = next(one["name"] for one in data["references"] if not one["images"])
        talk.say("", f"{name} has no image yet: golden capture {name}")


def _row(talk: Talk, one: dict[str, Any]) -> tuple[str, ...]:
    state = one["state"] or "-"
    channels = ", ".join(f"{name} → i{image}" for name, image in one["channels"].items())
    return (
        talk.paint(one["name"], "bold"),
        f"v{one['head']}" if one["head"] else "-",
        talk.paint(state, "green" if state == "VIRGIN" else "yellow"),
        str(one["versions"]),
        str(one["images"]),
        channels or "-",
        size(one["size"]),
        age(one["changed"]),
        ", ".join(one["jobs"]) or "-",
    )


def _nothing(talk: Talk) -> None:
    talk.say("There is no reference here yet.", "  golden adopt NAME --from disk.qcow2    takes a machine that exists")
    talk.say("  golden demo                            shows everything on a guest that golden builds itself")


COMMANDS: dict[str, Callable[..., None]] = {"status": status, "list": list_}
