"""``golden verify``, ``doctor``, ``prune`` and ``gc``: keeping what is there right and small."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from golden.cli import findings, open_project, work
from golden.cli.human import size
from golden.cli.options import Address, DryRun, OnError
from golden.cli.steps import shown
from golden.cli.talk import Talk

if TYPE_CHECKING:
    from golden.catalog.payloads import Freed


def verify(
    talk: Talk,
    address: Address = None,
    deep: Annotated[bool, typer.Option("--deep", help="Hash all that can be read, publications too.")] = False,
) -> None:
    """
    Versions and images are what they were when they were made: of one address, or of a whole reference.

    Example: golden verify win2022 --deep
    """
    with open_project.writing() as project:
        from golden.app import moves, upkeep

        target = open_project.target(project, address)
        with shown(talk) as steps:
            done = upkeep.verify(project, target, steps, deep=deep)
        data = [moves.told_plainly(one) for one in done]
    lines = [f"{talk.paint('✓', 'green')} {one['name']}  {len(one['files'])} file(s), {_how(one)}" for one in data]
    talk.tell("verified", {"verified": data}, lines)


def _how(one: dict[str, Any]) -> str:
    """What was really looked at."""
    if not one["deep"]:
        return "by identity; --deep hashes every byte"
    whole, hashed = len(one["files"]), one["hashed"]
    said = "every byte hashed" if hashed == whole else f"{hashed} of {whole} hashed" if hashed else "by identity"
    if hashed < whole:
        said += ": its bytes lie on the endpoint, which shows golden none"
    said += "; its files were copied, and are taken up again" if one["taken_up"] else ""
    return said + (f"; read back from {', '.join(one['read_back'])}" if one["read_back"] else "")


def doctor(talk: Talk) -> None:
    """
    Look for everything that is not as it must be, on every endpoint and in golden.toml. Exit code 4 where there are
    errors, 0 where there are only warnings.

    Example: golden doctor
    """
    with open_project.reading() as looked:
        exists = looked.exists()
    with open_project.writing(begin=True) if exists else open_project.reading() as project:
        from golden.app import upkeep

        with shown(talk) as steps:
            found = upkeep.doctor(project, steps)
    findings.tell(talk, found, "nothing is wrong")


def prune(
    talk: Talk,
    reference: Annotated[str | None, typer.Argument(metavar="[REF]", help="Else the only one.")] = None,
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=1, max=10**6, help="So many newest of each.")] = 5,
    dry_run: DryRun = False,
    on_error: OnError = "cleanup",
) -> None:
    """
    Take away old versions and images that no channel, publication, image or later version needs. It shows what would
    go and asks.

    Example: golden prune win2022 --keep 3 --dry-run
    """
    with open_project.writing() as project:
        from golden.app import freeing, moves, orders, upkeep

        name = moves.only_name(open_project.target(project, reference))
        with shown(talk) as steps:
            versions, images = upkeep.prune_plan(project, name, keep, steps)
        data = moves.prune_told(name, versions, images)
        if dry_run or not (versions or images):
            talk.tell("prune", {**data, "done": False}, _going(talk, data))
            return
        talk.say(*_going(talk, data))
        talk.confirm("Take these away?")
        numbers = tuple(one.number for one in versions), tuple(one.number for one in images)
        job, _, _ = work.do(talk, project, "prune", orders.prune_order(name, *numbers), on_error)
        freed = freeing.free_payloads(project)
    lines = [f"{len(versions) + len(images)} taken away, {size(data['size'])} free again", *_freed(freed, "freed")]
    payloads = {"count": freed.count, "size": freed.size}
    talk.tell("prune", {**data, "done": True, "job": job, "payloads": payloads}, lines)


def gc(
    talk: Talk,
    dry_run: DryRun = False,
    strangers: Annotated[
        bool, typer.Option("--strangers", help="Also what jobs made that this project knows nothing of.")
    ] = False,
) -> None:
    """
    Take away what golden made on its endpoints and nothing needs any more: what a crash left behind; and free the kept
    files of changes that no version, image or unfinished job names.

    What was made by another copy of this project, or after the backup it was restored from, is left alone and
    named by golden doctor.

    Example: golden gc --dry-run
    """
    with open_project.writing() as project:
        from golden.app import freeing, moves, upkeep
        from golden.errors import Leaked

        with shown(talk) as steps:
            found, left = upkeep.gc(project, steps, dry_run=dry_run, strangers=strangers)
        freed = freeing.free_payloads(project, dry_run=dry_run)
        data = [moves.told_plainly(one) for one in found]
    if left:
        raise Leaked(
            f"{len(left)} thing(s) would not go", details="\n".join(left), hint="golden gc again when they are free"
        )
    verb = "would go" if dry_run else "taken away"
    lines = [f"{one['kind']} {one['name']} (made by job {one['mark']['job']}) {verb}" for one in data]
    lines += _freed(freed, "would be freed" if dry_run else "freed")
    payloads = {"count": freed.count, "size": freed.size}
    told = {"found": data, "done": not dry_run, "payloads": payloads}
    talk.tell("gc", told, lines or ["nothing to take away"])


def _freed(freed: Freed, verb: str) -> Iterator[str]:
    if freed.count:
        yield f"{freed.count} kept file(s) of changes {verb}, {size(freed.size)}"


def _going(talk: Talk, data: dict[str, Any]) -> Iterator[str]:
    for kind, letter in (("versions", "v"), ("images", "i")):
        for one in data[kind]:
            yield f"  {talk.error_paint('-', 'red')} {data['reference']}@{letter}{one['number']}  {size(one['size'])}"
    if not (data["versions"] or data["images"]):
        yield "nothing to take away"


COMMANDS: dict[str, Callable[..., None]] = {"verify": verify, "doctor": doctor, "prune": prune, "gc": gc}
