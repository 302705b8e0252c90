"""``golden promote``, ``rollback`` and ``resolve``: the pointers people deploy by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from golden.app import reading
from golden.cli import open_project
from golden.cli.talk import Talk
from golden.errors import NotFound, UsageError

if TYPE_CHECKING:
    import typer

    from golden.cli.options import Address


def promote(
    talk: Talk,
    address: Annotated[str | None, typer.Argument(metavar="[REF[@iN|@CHANNEL]]", help="Else the newest image.")] = None,
    channel: Annotated[str, typer.Option("--channel", "-c", help="dev, stable, prod …")] = "stable",
) -> None:
    """
    Point a channel at an image; golden remembers what it named before.

    Example: golden promote win2022@i3 --channel prod
    """
    with open_project.writing() as project:
        from golden.app import moves

        moved = moves.promote(project, open_project.target(project, address), channel)
    _tell(talk, moved)
    talk.say("", f"next: golden resolve {moved.reference}@{moved.name} tells where to get it")


def rollback(
    talk: Talk,
    address: Annotated[str | None, typer.Argument(metavar="[REF[@vN]]", help="Else the only reference.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="vN", help="The version; else the head's parent.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", "-c", help="Step a channel back instead.")] = None,
) -> None:
    """
    Step back: the next update starts from an earlier version, or a channel names the image it named before. Nothing
    is taken away.

    Example: golden rollback win2022 --channel prod
    """
    with open_project.writing() as project:
        from golden.app import moves

        target = open_project.target(project, address)
        if channel is not None:
            if to is not None or target.selector:
                raise UsageError("--channel steps back to the image before; it takes no version", hint="golden promote")
            moved = moves.roll_back_channel(project, target.reference, channel)
        else:
            head = moves.roll_back_head(project, moves.at_version(target, _number(to), f"--to {to}"))
    if channel is not None:
        _tell(talk, moved)
        return
    talk.tell("reference", moves.told_plainly(head), [f"{talk.paint(head.name, 'bold')} stands at v{head.head}"])
    talk.say("", f"next: golden update {head.name} … starts from v{head.head}; later versions are still there")


def resolve(talk: Talk, address: Address = None) -> None:
    """
    Where to get the image that a channel names: its path or URL and nothing else, or everything with -o json.

    Example: golden resolve win2022@stable -o json
    """
    with open_project.reading() as project:
        data = reading.resolve(open_project.existing(project), open_project.address(address))
    place = _place(data)
    talk.tell("image", {**data, "resolved": place}, _one(data, place))


def _one(data: dict[str, Any], place: str | None) -> Iterator[str]:
    if place is None:
        raise NotFound(
            f"{data['reference']}@i{data['number']} is nowhere to be got", hint="golden publish puts it somewhere"
        )
    yield place


def _place(data: dict[str, Any]) -> str | None:
    """
    The newest current publication; else the newest retired one, which is whole all the same, unless its file is seen to
    be gone; else the image's own first form, which is golden's.
    """
    newest_first = data["publications"][::-1]
    for publication in newest_first:
        if not publication["retired"]:
            return str(publication["where"])
    places = [publication["where"] for publication in newest_first if not _is_gone(publication["where"])]
    places += [form["path"] or form["url"] for form in data["forms"]]
    return next((str(place) for place in places if place), None)


def _is_gone(where: str) -> bool:
    """Whether a path is of this computer, as its folder is here, and there is no such file."""
    path = Path(where)
    return path.is_absolute() and path.parent.is_dir() and not path.exists()


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise UsageError(f"--to takes a version like v3, not {text!r}")
    return int(digits)


def _tell(talk: Talk, channel: Any) -> None:
    from golden.app.moves import told_plainly

    line = f"{talk.paint(channel.name, 'bold')} of {channel.reference} is i{channel.image}"
    if channel.history:
        line += f" (before: {', '.join(f'i{number}' for number in channel.history[-5:])})"
    talk.tell("channel", told_plainly(channel), [line])


COMMANDS: dict[str, Callable[..., None]] = {"promote": promote, "rollback": rollback, "resolve": resolve}
