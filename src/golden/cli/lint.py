"""``golden lint``: what is wrong with an answer file, by line and column, and whether OOBE will stop and ask."""

from __future__ import annotations

import os

from golden.cli.talk import Talk
from golden.errors import NotFound, UsageError
from golden.windows.answers.linting import lint_file
from golden.windows.answers.rules import BY_EDITION, CLIENTS, Aim, edition_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from golden.cli.options import AnswerFiles, Architecture, Edition, OutputOrSarif, Purpose
    from golden.windows.answers.linting import Report
    from golden.windows.answers.oobe import Question, Verdict

FAILED = 4
"""Exit code where there are errors; warnings alone are 0."""
PURPOSES = ("capture", "install")
ARCHITECTURES = {"amd64": "amd64", "x86_64": "amd64", "x64": "amd64", "x86": "x86", "arm64": "arm64"}
_LOOKS = {"error": "red", "warning": "yellow", "info": "cyan"}


def lint(
    talk: Talk,
    files: AnswerFiles,
    edition: Edition = "",
    arch: Architecture = "",
    purpose: Purpose = "capture",
    output: OutputOrSarif = None,  # noqa: ARG001  the talk knows it
) -> None:
    """
    Look at answer files without any hypervisor: XML, passes, components, secrets, what spoils an image, and OOBE.

    Example: golden lint unattend.xml --edition client
    """
    if code := checked(talk, files, edition=edition, arch=arch, purpose=purpose):
        import typer

        raise typer.Exit(code)


def checked(talk: Talk, files: Sequence[str], *, edition: str = "", arch: str = "", purpose: str = "capture") -> int:
    """The same for the short cut, which knows no typer: the exit code."""
    if purpose not in PURPOSES:
        raise UsageError(f"--for is {' or '.join(PURPOSES)}, not {purpose[:40]!r}")
    if arch and arch.lower() not in ARCHITECTURES:
        raise UsageError(f"--arch is amd64, x86 or arm64, not {arch[:40]!r}")
    if edition and not any(word in edition.lower() for word in ("server", *CLIENTS)):
        from difflib import get_close_matches

        close = get_close_matches(edition.lower(), ("client", "server"), 1)
        hint = f"did you mean {close[0]}?" if close else "client, server, or a name like Professional"
        raise UsageError(f"golden knows no edition {edition[:40]!r}", hint=hint)
    aim = Aim(purpose, edition_of(edition), ARCHITECTURES.get(arch.lower(), ""))
    for path in files:
        _assert_file(path)
    reports = [(path, lint_file(path, aim)) for path in files]
    if talk.output == "sarif":
        from golden.cli import sarif

        talk.write(sarif.written(reports))
    elif talk.for_programs:
        talk.event("findings", told(reports))
    else:
        talk.tell("findings", None, _lines(talk, reports))
    return FAILED if any(report.errors for _, report in reports) else 0


def told(reports: Sequence[tuple[str, Report]]) -> dict[str, Any]:
    """For programs: findings as everywhere, each with its file, and OOBE's verdict by file and edition."""
    findings = [
        {
            "id": one.rule,
            "severity": one.severity,
            "sentence": one.sentence,
            "evidence": f"{path}:{one.line}:{one.column}" if one.line else path,
            "fix": one.fix,
            "line": one.line,
            "column": one.column,
            "path": path,
        }
        for path, report in reports
        for one in report.remarks
    ]
    oobe = [
        {
            "path": path,
            "edition": verdict.edition,
            "asks": verdict.asks,
            "missing": [_told(one) for one in verdict.questions],
            "sentence": verdict.sentence,
        }
        for path, report in reports
        for verdict in report.verdicts
    ]
    return {"findings": findings, "oobe": oobe}


def _told(question: Question) -> dict[str, Any]:
    return {"asked": question.asked, "setting": question.setting, "sure": question.sure}


def _assert_file(path: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112  pathlib takes longer to load than all of this
        raise UsageError(f"{path} is a folder", hint=f"golden lint {path.rstrip('/')}/*.xml")
    if not os.path.exists(path):  # noqa: PTH110
        raise NotFound(f"there is no answer file {path}")


def _lines(talk: Talk, reports: Sequence[tuple[str, Report]]) -> Iterator[str]:
    for path, report in reports:
        remarks = [one for one in report.remarks if one.rule != BY_EDITION]  # The verdicts below say it better.
        for one in remarks:
            where = f"{path}:{one.line}:{one.column}" if one.line else path
            severity = talk.paint(one.severity, _LOOKS[one.severity], "bold")
            yield f"{talk.paint(where, 'bold')}: {severity}: {one.sentence}  {talk.paint(f'[{one.rule}]', 'dim')}"
            if one.fix:
                yield f"  {talk.paint('fix', 'cyan')}: {one.fix}"
        counted = [(kind, sum(one.severity == kind for one in remarks)) for kind in _LOOKS]
        said = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counted if count)
        yield f"{talk.paint(path, 'bold')}: {said or talk.paint('nothing to say against it', 'green')}"
        for verdict in report.verdicts:
            yield from _verdict(talk, verdict)


def _verdict(talk: Talk, verdict: Verdict) -> Iterator[str]:
    head = f"OOBE on a {verdict.edition}"
    stops = f"{verdict.verb} stop and ask for"
    asked = verdict.questions
    if not asked:
        yield f"{head} {talk.paint('will ask nothing', 'green')}"
    elif len(asked) == 1:
        yield f"{head} {talk.paint(f'{stops} {asked[0].asked}', 'yellow')}: add {asked[0].setting}"
    else:
        yield f"{head} {talk.paint(stops, 'yellow')}"
        yield from (f"  {line}" for line in verdict.lines)


COMMANDS: dict[str, Callable[..., None]] = {"lint": lint}
