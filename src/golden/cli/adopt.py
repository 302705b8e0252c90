"""``golden adopt``: a machine that exists becomes version 1 of a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from golden.cli import open_project, work
from golden.cli.human import duration, size
from golden.cli.options import DryRun, Message, OnError, Timeout
from golden.cli.steps import shown
from golden.cli.talk import Talk
from golden.errors import UsageError

_FIRMWARE = ("bios", "uefi")


def adopt(
    talk: Talk,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the reference is to be called.")],
    where: Annotated[
        str, typer.Option("--from", metavar="DISK|XML|MACHINE", help="A disk image, a domain's XML, or a name.")
    ],
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Where the reference lives.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Freeze its own disk, do not copy.")] = False,
    accept_deployed: Annotated[bool, typer.Option("--accept-deployed", help="Though generalized before.")] = False,
    os: Annotated[str | None, typer.Option("--os", metavar="windows|linux", help="Else windows.")] = None,
    firmware: Annotated[str | None, typer.Option("--firmware", metavar="bios|uefi", help="Of a bare disk.")] = None,
    memory: Annotated[int, typer.Option("--memory", metavar="MIB", min=64, max=1 << 24, help="Of a bare disk.")] = 4096,
    cpus: Annotated[int, typer.Option("--cpus", min=1, max=4096, help="Of a bare disk.")] = 2,
    kernel: Annotated[str | None, typer.Option("--kernel", hidden=True)] = None,
    initrd: Annotated[str | None, typer.Option("--initrd", hidden=True)] = None,
    cmdline: Annotated[str | None, typer.Option("--cmdline", hidden=True)] = None,
    message: Message = "",
    dry_run: DryRun = False,
    timeout: Timeout = None,
    on_error: OnError = "cleanup",
) -> None:
    """
    Take a machine that exists as version 1 of a reference. It is copied and left alone, and it must be off and never
    have been generalized.

    Example: golden adopt win2022 --from win2022.qcow2 --firmware uefi
    """
    if firmware not in (None, *_FIRMWARE):
        raise UsageError(f"--firmware is bios or uefi, not {firmware!r}")
    work.keeping(talk, on_error)
    limit = duration(timeout, 3600)
    with open_project.writing(begin=True) as project:
        from golden.app import moves, orders
        from golden.app.project import family

        family(os or "windows")
        hardware = {"firmware": firmware, "os": os, "memory_mib": memory, "cpus": cpus}
        origin = orders.origin_of(where, kernel=kernel, initrd=initrd, cmdline=cmdline, **hardware)
        wish = {"in_place": in_place, "accept_deployed": accept_deployed, "message": message, "timeout": limit}
        order = orders.adopt_order(project, name, origin, endpoint=endpoint, **wish)
        if dry_run:
            with shown(talk) as steps:
                candidate, free = moves.examine(project, order, steps)
            talk.tell("candidate", moves.told(candidate, free), _candidate(talk, name, candidate, free))
            return
        job, version, took = work.do(talk, project, "adopt", order, on_error)
        warnings = moves.not_taken(project, job)
    for finding in warnings:
        talk.warn(finding["sentence"])
    data = {**moves.version_told(version), "warnings": warnings, "job": job, "seconds": round(took, 3)}
    talk.tell("version", data, _adopted(talk, version, took))
    talk.say("", f"next: golden update {name} --add driver.inf, or golden capture {name}")


def _candidate(talk: Talk, name: str, candidate: Any, free: int | None) -> Iterator[str]:
    yield f"{candidate.name} can be adopted as {talk.paint(name, 'bold')}"
    yield f"  disks   {', '.join(candidate.disks)}"
    yield f"  space   {size(candidate.allocated)} of {size(candidate.virtual_size)} are in use"
    yield f"  free    {'unknown' if free is None else size(free)}"
    for finding in candidate.problems:
        yield f"  {finding.severity}: {finding.sentence}"
    yield "Nothing was done."


def _adopted(talk: Talk, version: Any, took: float) -> Iterator[str]:
    name = talk.paint(f"{version.reference}@v{version.number}", "green", "bold")
    yield f"{name}  {version.facts.state}, {version.message}, in {work.took(took)}"
    if version.accepted_deployed:
        yield talk.paint("  it was generalized before; golden log will always say so", "yellow")
    yield f"  {size(sum(disk.size for disk in version.disks))}, digest {version.digest[:16]}"


COMMANDS: dict[str, Callable[..., None]] = {"adopt": adopt}
