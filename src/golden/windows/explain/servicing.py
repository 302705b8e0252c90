"""
CBS.log and dism.log: which package or feature did not go in, and why. docs/facts: windows 5.3, 5.6.

Both hold error lines in good sessions, so what counts is how the last session ended. CBS says so in ``Exec: Processing
complete … [HRESULT = 0x… - NAME]``, or in the failure report it makes. DISM says so in lines of the program itself
(``DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=…``), of the command
(``Failed while processing command …(hr:0x…)``), or, where PowerShell called it, of its interface
(``API: … - DismAddPackageInternal(hr:0x…)``); lines of its providers only tell why. The words are those of public logs.
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
_DISM_STARTS = ("Starting Dism.exe session", "Starting DismApi.dll session")
_DISM_FRAMES = (b"Executing command line", *(words.encode() for words in _DISM_STARTS), b"CBS HRESULT=")
_DISM_RESULT = re.compile(
    r"DISM\.EXE: .*HRESULT|Failed while processing command"
    r"|\bAPI: .* - (?:CBaseCommandObject::Execute|Dism\w+Internal)\(hr:",
    re.IGNORECASE,
)
_PACKAGE = re.compile(r"(?:Package(?:/KB)?: |for package: |package ')([^\s,'\[\]]+)", re.IGNORECASE)
_COMMAND = re.compile(
    r"/(?:package-?path|feature-?name|capability-?name|driver|package-?name):\s*(\"[^\"]+\"|\S+)", re.IGNORECASE
)
_HR = re.compile(
    r"\bhr\s*[:=]\s*0x([0-9a-f]{8})|HRESULT\s*=\s*(?:0x)?([0-9a-f]{8})\b|, status: 0x([0-9a-f]{8})\b", re.IGNORECASE
)


@dataclass(eq=False)
class _Session:
    package: str = ""
    time: str = ""
    command: Line | None = None
    errors: list[Line] = field(default_factory=list)
    over: Line | None = None
    """What says how it ended; DISM's only where it failed."""


def cbs(log: Log, file: str) -> Told:
    """The last session of CBS.log."""
    session = _read(log, _CBS_FRAMES, _cbs_line)
    if session is None:
        return Told("nothing-found")
    if session.over is None or not _failing(session.over):
        return Told("succeeded" if session.over else "nothing-found", "servicing", time=session.time)
    what = f"the package {session.package}" if session.package else "a package"
    return _told(session, "update", "cbs", what, file)


def dism(log: Log, file: str) -> Told:
    """The last call of DISM."""
    session = _read(log, _DISM_FRAMES, _dism_line)
    if session is None:
        return Told("nothing-found")
    if session.over is None:
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
    elif "WER: Generating failure report" in line.text:
        session.over = session.over or line
    elif line.level == "Error" and session.over is None and len(session.errors) < _MOST_ERRORS:
        session.errors.append(line)  # What comes after the end is of no session.
    return session


def _dism_line(session: _Session, line: Line) -> _Session:
    if any(words in line.text for words in _DISM_STARTS) and "session for DISM.EXE" not in line.text:
        return _Session(time=line.time)
    if "Executing command line" in line.text:
        asked = [one.strip('"').rpartition("\\")[2] for one in _COMMAND.findall(line.text)]
        return _Session(", ".join(asked[:5]), line.time, line)
    if line.level == "Error" and _DISM_RESULT.search(line.text) and _failing(line):
        session.over = line
    if (line.level == "Error" or "CBS HRESULT=" in line.text) and len(session.errors) < _MOST_ERRORS:
        session.errors.append(line)
    return session


def _told(session: _Session, id_: str, kind: str, what: str, file: str) -> Told:
    ended = session.over
    assert ended is not None
    lines = [line for line in session.errors if _failing(line) and line.number != ended.number] + [ended]
    codes = list(dict.fromkeys(_failing(line) for line in lines))
    # The first code is where it began; what the session ended with is said of every package alike.
    code = next((one for one in codes if meaning(one).sentence), codes[-1])
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
    code = next(group for group in met.groups() if group).lower()
    return f"0x{code}" if int(code, 16) & 0x80000000 else ""


def _package(line: Line) -> str:
    met = _PACKAGE.search(line.text)
    return met.group(1).rstrip(".") if met else ""
