"""``golden update``: changes in the order they were typed, applied in a clone, become the next version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from golden.cli import open_project, work
from golden.cli.human import duration, size
from golden.cli.options import DryRun, Message, OnError, Timeout
from golden.cli.ordered import OrderedCommand, in_order
from golden.cli.steps import shown
from golden.cli.talk import Talk
from golden.errors import UsageError

if TYPE_CHECKING:
    from golden.guest.family import Wanted

_SCRIPTS = (".ps1", ".cmd", ".bat", ".sh")


def update(
    talk: Talk,
    reference: Annotated[str | None, typer.Argument(metavar="[REF[@vN]]", help="Else the head.")] = None,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="FILE.inf", help="A driver, by its INF.")] = None,
    run: Annotated[list[str] | None, typer.Option("--run", metavar="SCRIPT", help=".ps1 .cmd .bat .sh")] = None,
    copy: Annotated[list[str] | None, typer.Option("--copy", metavar="SRC:DEST", help="A file or folder.")] = None,
    playbook: Annotated[list[str] | None, typer.Option("--playbook", metavar="FILE.toml", help="Several.")] = None,
    message: Message = "",
    dry_run: DryRun = False,
    apply_fixes: Annotated[bool, typer.Option("--apply-fixes", help="What golden check calls safe, lasting.")] = False,
    full: Annotated[bool, typer.Option("--full", help="A full clone instead of a linked one.")] = False,
    network: Annotated[str | None, typer.Option("--network", metavar="NET", help="Else none.")] = None,
    timeout: Timeout = None,
    on_error: OnError = "cleanup",
) -> None:
    """
    Apply changes in a clone of a version, in the order typed, prove them from outside, and freeze the next version.

    Example: golden update win2022 --add netkvm.inf --run harden.ps1 --copy motd.txt:C:\\motd.txt -m "drivers"
    """
    given = {"add": add, "run": run, "copy": copy, "playbook": playbook}
    typed = in_order({name: values or [] for name, values in given.items()})
    wanted = tuple(one for kind, value in typed for one in wished(kind, value))
    work.keeping(talk, on_error)
    limit = duration(timeout, 3600)
    with open_project.writing() as project:
        from golden.app import moves, orders

        target = open_project.target(project, reference)
        wish = orders.UpdateWish(wanted, message, full, network, limit, apply_fixes)
        with shown(talk) as steps:
            order, plan = orders.update_order(project, target, wish, steps)
        work.show_plan(talk, plan, data=dry_run)
        if dry_run:
            return
        orders.keep_payloads(project, plan.sources)
        job, version, took = work.do(talk, project, "update", order, on_error)
        told = {**moves.version_told(version), "job": job, "seconds": round(took, 3)}
        told |= {"notes": moves.notes(project, job), "findings": moves.told_plainly(plan.findings)}
    talk.tell("version", told, _lines(talk, version, plan, told))
    talk.say("", f"next: golden capture {version.reference} makes a deployable image of it")


def wished(kind: str, value: str) -> Iterator[Wanted]:
    """What one option asks for. UsageError for an ending that no change has."""
    from golden.guest.family import Wanted

    if kind == "add":
        yield Wanted(_kind(value), Path(value).expanduser())
    elif kind == "run":
        yield Wanted("script", Path(value).expanduser())
    elif kind == "copy":
        from golden.guest.changes import split_copy

        source, destination = split_copy(value)
        yield Wanted("file", source.expanduser(), destination)
    else:
        from golden.guest.playbook import load

        yield from load(Path(value).expanduser())


def _kind(name: str) -> str:
    ending = Path(name).suffix.lower()
    if ending == ".inf":
        return "driver"
    if ending in _SCRIPTS:
        raise UsageError(f"{name} is a script", hint=f"--run {name}")
    raise UsageError(
        f"golden cannot add {name!r}: drivers are added by their .inf",
        details="scripts (.ps1 .cmd .bat .sh) are run with --run, files and folders are copied with --copy SRC:DEST",
        hint="--add driver.inf",
    )


def _lines(talk: Talk, version: Any, plan: Any, told: dict[str, Any]) -> Iterator[str]:
    name = f"{version.reference}@v{version.number}"
    took = work.took(told["seconds"])
    yield f"{talk.paint(name, 'green', 'bold')}  made from {plan.base} in {took}"
    for change in version.changes:
        yield f"  + {change.kind} {change.name}"
        yield from (f"    {text}" for name, text in change.arguments if name == "fixed")
        evidence = dict.fromkeys(text for of, text in version.proofs if of == change.name)
        yield from (f"    {talk.paint('✓', 'green')} {text}" for text in evidence)
    yield from (f"    {note}" for note in told["notes"])
    yield f"  read from its powered-off disk: {version.facts.state}"
    yield f"  {size(sum(disk.size for disk in version.disks))}, digest {version.digest[:16]}"


COMMANDS: dict[str, Callable[..., None]] = {"update": update}
COMMAND_CLASS = OrderedCommand
