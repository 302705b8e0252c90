"""``golden capture``: a generalized, proved image from a version, which itself is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from golden.cli import open_project, work
from golden.cli.human import PROVED_FROM, duration, size
from golden.cli.options import DryRun, Libraries, OnError, Timeout
from golden.cli.steps import shown
from golden.cli.talk import Talk


def capture(
    talk: Talk,
    reference: Annotated[str | None, typer.Argument(metavar="[REF[@vN]]", help="Else the head.")] = None,
    version: Annotated[int | None, typer.Option("--version", metavar="N", min=1, max=10**9, help="As @vN.")] = None,
    answer_file: Annotated[Path | None, typer.Option("--answer-file", metavar="FILE", help="For OOBE.")] = None,
    seal: Annotated[str | None, typer.Option("--seal", metavar="sysprep|linux|none", help="How it is sealed.")] = None,
    mode_vm: Annotated[
        bool, typer.Option("--mode-vm", help="sysprep /mode:vm: for the same hypervisor and machine type only.")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Make the safe fixes of golden check in the clone.")] = False,
    form: Annotated[list[str] | None, typer.Option("--form", metavar="wim", help="Make this form too.")] = None,
    to: Libraries = None,
    dry_run: DryRun = False,
    timeout: Timeout = None,
    on_error: OnError = "cleanup",
) -> None:
    """
    Generalize a clone of a version, prove it sealed from outside, keep it as an image, and throw the clone away.

    Example: golden capture win2022 --answer-file unattend.xml --to shelf
    """
    work.keeping(talk, on_error)
    limit = duration(timeout, 45 * 60)
    with open_project.writing() as project:
        from golden.app import capturing, moves, orders

        target = moves.at_version(open_project.target(project, reference), version, f"--version {version}")
        libraries = tuple(dict.fromkeys(to or ()))
        forms = tuple(dict.fromkeys(form or ()))
        wish = capturing.CaptureWish(seal, answer_file, libraries, limit, mode_vm, fix, forms)
        with shown(talk) as steps:
            order, plan = capturing.capture_order(project, target, wish, steps)
            if dry_run:
                orders.assert_would_begin(project, order.reference, order.version, steps)
        work.show_plan(talk, plan, data=dry_run)
        if dry_run:
            return
        orders.keep_payloads(project, plan.sources)
        job, image, took = work.do(talk, project, "capture", order, on_error)
        data = {**moves.image_told(project, image), "warnings": moves.warned(project, job)}
    talk.tell("image", {**data, "job": job, "seconds": round(took, 3)}, _lines(talk, data, took))
    _warn(talk, data["warnings"])
    name = f"{image.reference}@i{image.number}"
    if image.seal == "none":
        talk.say("", f"next: golden publish {name} --to LIBRARY; it is not generalized, so no channel may name it")
    else:
        talk.say("", f"next: golden promote {name} --channel stable")


def publish(
    talk: Talk,
    reference: Annotated[str | None, typer.Argument(metavar="[REF[@iN]]", help="Else the newest.")] = None,
    to: Libraries = None,
    on_error: OnError = "cleanup",
) -> None:
    """
    Put an image into libraries. Again is harmless: what is there already is not sent twice, and what a newer image
    retired there stays retired.

    Example: golden publish win2022@i2 --to shelf
    """
    with open_project.writing() as project:
        from golden.app import moves, orders
        from golden.app.names import image_of

        image = image_of(open_project.target(project, reference), project.catalog)
        order = orders.publish_order(project, image.reference, image.number, tuple(dict.fromkeys(to or ())))
        job, publications, _ = work.do(talk, project, "publish", order, on_error)
        data = [moves.told_plainly(one) for one in publications]
        warnings = moves.warned(project, job)
    lines = [f"{talk.paint(one['library'], 'bold')}  {one['name']}  {one['where']}{_retired(one)}" for one in data]
    talk.tell("publications", {"publications": data, "job": job, "warnings": warnings}, lines)
    _warn(talk, warnings)


def _retired(publication: dict[str, Any]) -> str:
    return "  retired" if publication["retired"] else ""


def _warn(talk: Talk, warnings: list[dict[str, Any]]) -> None:
    for one in warnings:
        talk.warn(f"{one['library']}: {one['sentence']}" + (f" ({one['fix']})" if one["fix"] else ""))


def _lines(talk: Talk, data: dict[str, Any], took: float) -> Iterator[str]:
    name = talk.paint(f"{data['reference']}@i{data['number']}", "green", "bold")
    yield f"{name}  {data['state']}, made from {data['reference']}@v{data['version']} in {work.took(took)}"
    for form in data["forms"]:
        yield f"  {form['format']}  {size(form['size'])}  {form['path'] or form['url']}"
        if form["sha256"]:
            yield f"  sha256 {form['sha256']}"
    proof = data["proof"]
    yield f"  proof, {PROVED_FROM[proof['way']]}:"
    for signal, value in proof["signals"]:
        yield f"    {talk.paint('✓', 'green')} {signal} = {value}"
    yield from (f"  {note}" for note in data["notes"])
    for one in (*data["findings"], *proof["findings"]):
        yield f"  {talk.paint(one['severity'], _LOOKS[one['severity']])}  {one['id']}: {one['sentence']}"
    for publication in data["publications"]:
        yield f"  published to {publication['library']}: {publication['where']}"


_LOOKS = {"error": "red", "warning": "yellow", "info": "cyan"}

COMMANDS: dict[str, Callable[..., None]] = {"capture": capture, "publish": publish}
