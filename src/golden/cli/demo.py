"""``golden demo`` and ``golden selftest``: seeing golden at work, and trying a hypervisor of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golden.cli import findings, open_project
from golden.cli.human import seconds
from golden.cli.steps import shown
from golden.cli.talk import Talk

if TYPE_CHECKING:
    from golden.testing.contract import Result


def demo(
    talk: Talk,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A project that stays, to try things in.")] = Path(
        "golden-demo"
    ),
    provider: Annotated[str, typer.Option("--provider", metavar="NAME", help="Whose hypervisor.")] = "libvirt",
) -> None:
    """
    See golden do all of it on a guest that it builds itself: adopt, update, capture, publish, and the proof that the
    reference was never generalized.

    Example: golden demo
    """
    from golden.demo import tour

    with shown(talk) as steps:

        def say(line: str) -> None:
            steps.rest()
            talk.say(line)

        tour.run(folder, provider, steps, say)
    talk.tell("demo", {"path": str(folder.absolute()), "provider": provider}, ())


def selftest(
    talk: Talk,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT")],
    where: Annotated[str, typer.Option("--from", metavar="DISK|XML|MACHINE", help="Small, off, with an agent in it.")],
    os: Annotated[str, typer.Option("--os", metavar="windows|linux", help="Of its guest.")] = "linux",
    guest: Annotated[str, typer.Option("--guest", metavar="REF", help="Its account: that of this reference.")] = "",
) -> None:
    """
    Try everything that golden needs of a hypervisor on an endpoint of yours, with a small machine of yours, and leave
    nothing there. Exit code 4 where a promise is broken. Where the way in logs in, the account is read from
    [references.REF.guest] of golden.toml.

    Example: golden selftest rack1 --from tiny-debian
    """
    with open_project.reading() as project:
        from golden.app import moves

        with shown(talk) as steps:
            results = moves.selftest(project, endpoint, where, os, steps, guest)
    told = [{"name": r.name, "sentence": r.sentence, "kept": r.kept, "words": r.words} for r in results]
    talk.tell("selftest", {"endpoint": endpoint, "promises": told}, _lines(talk, results))
    if not all(one.kept for one in results):
        raise typer.Exit(findings.FAILED)


def _lines(talk: Talk, results: tuple[Result, ...]) -> Iterator[str]:
    for one in results:
        mark = talk.paint("✓", "green") if one.kept else talk.paint("✗", "red", "bold")
        yield f"{mark} {one.sentence}  {talk.paint(seconds(one.seconds), 'dim')}"
        if not one.kept:
            yield f"    {one.words}"
    broken = sum(not one.kept for one in results)
    yield f"{len(results)} promises, " + (f"{broken} broken" if broken else "all kept")


COMMANDS: dict[str, Callable[..., None]] = {"demo": demo, "selftest": selftest}
