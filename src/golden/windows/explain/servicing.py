"""
CBS.log and dism.log: which package or feature did not go in, and why. docs/facts: windows 5.3, 5.6.

Both hold error lines in good sessions, so what counts is how the last session ended: CBS says so in ``Exec: Processing
complete … [HRESULT = 0x… - NAME]``, DISM in error lines with ``(hr:0x…)`` below its command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from golden.windows.explain.codes import meaning, name_in
from golden.windows.explain.nouns import Cause, Told, quote, shown
from golden.windows.log_text import Line, Log, blocks, marked, parsed

_MOST_READ, _MOST_ERRORS = 500, 100
_ERRORS = (b", Error",)
_CBS_FRAMES = (b"Exec: Processing started", b"Exec: Processing complete", b"WER: Generating failure report")
_DISM_FRAMES = (b"Executing command line", b"Starting Dism.exe session", b"CBS HRESULT=")
_PACKAGE = re.compile(r"(?:Package(?:/KB)?: |for package: |package ')([^\s,'\[\]]+)", re.IGNORECASE)
_COMMAND = re.compile(
    r"/(?:package-?path|feature-?name|capability-?name|driver|package-?name):\s*(\"[^\"]+\"|\S+)", re.IGNORECASE
)
_HR = re.compile(r"\bhr\s*[:=]\s*(0x[0-9a-f]{8})|HRESULT\s*=\s*(0x[0-9a-f]{8})", re.IGNORECASE)


@dataclass(eq=False)
class _Session:
    package: str = ""
    time: str = ""
    command: Line | None = None
    errors: list[Line] = field(default_factory=list)
    over: Line | None = None


def cbs(log: Log, file: str) -> Told:
    """The last session of CBS.log."""
    session = _read(log, _CBS_FRAMES, _cbs_line)
    if session is None:
        return Told("nothing-found")
    ended = session.over is not None and not _failing(session.over)
    failing = [line for line in session.errors if _failing(line)]
    if ended or not (failing or session.over):
        return Told("succeeded" if ended else "nothing-found", "servicing", time=session.time)
    what = f"the package {session.package}" if session.package else "a package"
    return _told(session, "update", "cbs", what, file)


def dism(log: Log, file: str) -> Told:
    """The last call of DISM."""
    session = _read(log, _DISM_FRAMES, _dism_line)
    if session is None:
        return Told("nothing-found")
    if not any(_failing(line) for line in session.errors):
        return Told("succeeded" if session.command else "nothing-found", "servicing", time=session.time)
    what = session.package or "what DISM was asked for"
    return _told(session, "dism", "dism", what, file)


def _read(log: Log, frames: tuple[bytes, ...], take: Callable[[_Session, Line], _Session]) -> _Session | None:
    session: _Session | None = None
    for number, block in blocks(log):
        for at, raw in marked(number, block, frames, _ERRORS, _MOST_READ):
            line = parsed(at, raw)
            session = take(session or _Session(time=line.time), line)
    return session


def _cbs_line(session: _Session, line: Line) -> _Session:
    if "Exec: Processing started" in line.text:
        return _Session(_package(line), line.time)
    session.package = session.package or _package(line)
    if "Exec: Processing complete" in line.text:
        session.over = line
        if not _failing(line):
            session.errors.clear()
    elif line.level == "Error" and len(session.errors) < _MOST_ERRORS:
        session.errors.append(line)
        if session.over is not None and not _failing(session.over):
            session.over = None  # something after the end of a good session
    return session


def _dism_line(session: _Session, line: Line) -> _Session:
    if "Starting Dism.exe session" in line.text:
        return _Session(time=line.time)
    if "Executing command line" in line.text:
        asked = [one.strip('"').rpartition("\\")[2] for one in _COMMAND.findall(line.text)]
        return _Session(", ".join(asked[:5]), line.time, line)
    if (line.level == "Error" or "CBS HRESULT=" in line.text) and len(session.errors) < _MOST_ERRORS:
        session.errors.append(line)
    return session


def _told(session: _Session, id_: str, kind: str, what: str, file: str) -> Told:
    lines = [line for line in session.errors if _failing(line)]
    if session.over is not None and _failing(session.over):
        lines.append(session.over)
    codes = list(dict.fromkeys(_failing(line) for line in lines))
    # The first code is where it began; what the session ended with is said of every package alike.
    code = next((one for one in codes if meaning(one).sentence), codes[0])
    told = next(line for line in lines if _failing(line) == code)
    known = meaning(code, told.text)
    kept = [line for line in (session.command, *lines[:2], *lines[-2:], told) if line is not None]
    cause = Cause(
        id=id_,
        sentence=shown(f"{what} was not installed: {known.sentence or f'it ended with {code}'}"),
        log=kind,
        blame=shown(session.package),
        code=code,
        code_name=name_in(told.text) or known.name,
        fix=known.fix,
        confirmed=known.confirmed,
        time=told.time or session.time,
        evidence=tuple(quote(file, line) for line in sorted({n.number: n for n in kept}.values(), key=_number)),
    )
    return Told("failed", "servicing", causes=(cause,), time=session.time)


def _number(line: Line) -> int:
    return line.number


def _failing(line: Line) -> str:
    """The code that a line says something failed with; empty where it says no such thing."""
    met = _HR.search(line.text)
    if met is None:
        return ""
    code = (met.group(1) or met.group(2)).lower()
    return code if int(code, 16) & 0x80000000 else ""


def _package(line: Line) -> str:
    met = _PACKAGE.search(line.text)
    return met.group(1).rstrip(".") if met else ""
