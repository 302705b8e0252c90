"""``golden update``: changes in the order they were typed, applied in a clone, become the next version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from golden.cli import open_project, work
from golden.cli.human import duration, size
from golden.cli.options import DryRun, Message, OnError, Timeout
from golden.cli.ordered import OrderedCommand, in_order
from golden.cli.steps import shown
from golden.cli.talk import Talk
from golden.errors import NotFound, UsageError
from golden.settings import nearest
from golden.written import expanded

if TYPE_CHECKING:
    from golden.app.names import Target
    from golden.app.project import Project
    from golden.guest.family import Wanted


def update(
    talk: Talk,
    reference: Annotated[str | None, typer.Argument(metavar="[REF[@vN]]", help="Else the head.")] = None,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="FILE", help=".inf .msu .cab .msi .exe .appx .msix .reg .cer .crt"),
    ] = None,
    run: Annotated[list[str] | None, typer.Option("--run", metavar="SCRIPT", help=".ps1 .cmd .bat .sh")] = None,
    copy: Annotated[list[str] | None, typer.Option("--copy", metavar="SRC:DEST", help="A file or folder.")] = None,
    feature: Annotated[list[str] | None, typer.Option("--feature", metavar="NAME", help="Or a server's role.")] = None,
    capability: Annotated[list[str] | None, typer.Option("--capability", metavar="NAME", help="On demand.")] = None,
    windows_update: Annotated[
        list[str] | None,
        typer.Option("--windows-update", metavar="[CATEGORIES]", help="All, or security,critical,…: with --network."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="WHAT:NAME", help="driver:x.inf package:NAME appx:NAME")
    ] = None,
    args: Annotated[list[str] | None, typer.Option("--args", metavar="TEXT", help="Of the change before it.")] = None,
    ok_codes: Annotated[
        list[str] | None, typer.Option("--ok-codes", metavar="0,3010", help="Of the .exe before it.")
    ] = None,
    dependency: Annotated[
        list[str] | None, typer.Option("--dependency", metavar="FILE", help="Goes with the .msix or .msu before it.")
    ] = None,
    license_: Annotated[
        list[str] | None, typer.Option("--license", metavar="FILE", help="Of the .msix before it.")
    ] = None,
    store: Annotated[
        list[str] | None, typer.Option("--store", metavar="STORE", help="Root, CA, TrustedPublisher: of the .cer.")
    ] = None,
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

    Example: golden update win2022 --add netkvm.inf --run harden.ps1 --copy 'motd.txt:C:\\motd.txt' -m "drivers"
    """
    given = {
        "add": add, "run": run, "copy": copy, "feature": feature, "capability": capability, "remove": remove,
        "windows_update": windows_update, "args": args, "ok_codes": ok_codes, "dependency": dependency,
        "license_": license_, "store": store, "playbook": playbook,
    }  # fmt: skip
    wanted = wished(in_order({name: values or [] for name, values in given.items()}))
    work.keeping(talk, on_error)
    limit = duration(timeout, 3600)
    with open_project.writing() as project:
        from golden.app import moves, orders

        target = _target(project, reference, windows_update)
        wish = orders.UpdateWish(wanted, message, full, network, limit, apply_fixes)
        with shown(talk) as steps:
            order, plan = orders.update_order(project, target, wish, steps)
            if dry_run:
                orders.assert_would_begin(project, order.reference, order.parent, steps)
        work.show_plan(talk, plan, data=dry_run)
        if dry_run:
            return
        orders.keep_payloads(project, plan.sources)
        job, version, took = work.do(talk, project, "update", order, on_error)
        told = {**moves.version_told(version), "job": job, "seconds": round(took, 3)}
        told |= {"notes": moves.notes(project, job), "findings": moves.told_plainly(plan.findings)}
    talk.tell("version", told, _lines(talk, version, plan, told))
    talk.say("", f"next: golden capture {version.reference} makes a deployable image of it")


def _target(project: Project, reference: str | None, windows_update: list[str] | None) -> Target:
    """The version to begin with. UsageError for a category of updates that was misspelled and so taken for its name."""
    from golden.guest.asking import UPDATE_CATEGORIES, categories

    try:
        target = open_project.target(project, reference)
        project.catalog.reference(target.reference)
    except (NotFound, UsageError):
        if windows_update and nearest((reference or "").partition(",")[0].lower(), UPDATE_CATEGORIES):
            categories(reference or "")
        raise
    return target


def wished(typed: list[tuple[str, str]]) -> tuple[Wanted, ...]:
    """What the options ask for, in their order. UsageError for an ending that no change has, or a lonely option."""
    from golden.guest.asking import OPTIONS, with_option

    found: list[Wanted] = []
    last = ""
    for name, value in typed:
        option = name.strip("_").replace("_", "-")
        if option not in OPTIONS:
            found += _changes(option, value)
            last = option
            continue
        if not found or last == "playbook":
            raise UsageError(f"--{option} follows the change that it belongs to", hint=f"--add FILE --{option} …")
        path = str(expanded(value).absolute()) if option in ("dependency", "license") else value
        found[-1] = with_option(found[-1], option, path)
    return tuple(found)


def _changes(option: str, value: str) -> Iterator[Wanted]:
    from golden.guest.asking import categories, kind_by_ending
    from golden.guest.family import Wanted

    if option == "add":
        yield Wanted(kind_by_ending(value), expanded(value))
    elif option == "run":
        yield Wanted("script", expanded(value))
    elif option == "copy":
        from golden.guest.changes import split_copy

        source, destination = split_copy(value)
        yield Wanted("file", expanded(source), destination)
    elif option == "playbook":
        from golden.guest.playbook import load

        yield from load(expanded(value))
    else:
        yield Wanted(option, name=categories(value) if option == "windows-update" else value)


class UpdateCommand(OrderedCommand):
    """``--windows-update`` means everything where no categories follow it."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put ``all`` behind one that nothing of its own follows."""
        return super().parse_args(ctx, list(_with_categories(args)))


def _with_categories(args: list[str]) -> Iterator[str]:
    from golden.guest.asking import UPDATE_CATEGORIES

    for number, word in enumerate(args):
        yield word
        following = args[number + 1].split(",")[0].strip().lower() if number + 1 < len(args) else "--"
        if word == "--windows-update" and following not in UPDATE_CATEGORIES:
            yield "all"


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
    where = "from its powered-off disk" if version.way == "disk" else "inside a clone of it that was thrown away"
    yield f"  read {where}: {version.facts.state}"
    yield f"  {size(sum(disk.size for disk in version.disks))}, digest {version.digest[:16]}"


COMMANDS: dict[str, Callable[..., None]] = {"update": update}
COMMAND_CLASS = UpdateCommand
