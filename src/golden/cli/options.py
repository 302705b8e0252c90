"""Options that mean the same wherever they are taken."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Timeout = Annotated[str | None, typer.Option("--timeout", envvar="GOLDEN_TIMEOUT", help="90s, 30m, 2h")]
OnError = Annotated[
    str, typer.Option("--on-error", envvar="GOLDEN_ON_ERROR", help="cleanup, keep or ask", metavar="WHAT")
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Look at everything, do nothing.")]
Message = Annotated[str, typer.Option("--message", "-m", "--reason", metavar="TEXT", help="Why, for golden log.")]
Libraries = Annotated[list[str] | None, typer.Option("--to", metavar="LIBRARY", help="May be given several times.")]
Shelf = Annotated[
    str | None, typer.Option("--library", metavar="NAME", help="What is published there.", show_default=False)
]
Address = Annotated[
    str | None,
    typer.Argument(metavar="[REF[@vN|@iN|@CHANNEL]]", help="Nothing means the only reference.", show_default=False),
]
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH|JOB]...", help="Nothing means the newest job.", show_default=False)
]
AnswerFiles = Annotated[list[str], typer.Argument(metavar="ANSWER.xml...", show_default=False)]
Edition = Annotated[
    str,
    typer.Option("--edition", metavar="client|server|NAME", help="Of the guest's Windows.", show_default=False),
]
Architecture = Annotated[
    str, typer.Option("--arch", metavar="amd64|x86|arm64", help="Of the guest's Windows.", show_default=False)
]
Purpose = Annotated[str, typer.Option("--for", metavar="capture|install", help="What the file is used for.")]
OutputOrSarif = Annotated[
    Literal["text", "json", "jsonl", "sarif"] | None,
    typer.Option("--output", "-o", envvar="GOLDEN_OUTPUT", help="What stdout carries.", show_envvar=False),
]
Job = Annotated[str | None, typer.Argument(metavar="[JOB]", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every one.")]
