"""Data on stdout, talk on stderr: one envelope for programs, sentences for people."""

from __future__ import annotations

import os
import sys

from golden.errors import GoldenError, UsageError

TYPE_CHECKING = False  # typing takes longer to load than all of this.
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TextIO

SCHEMA = "golden/1"
OUTPUTS = ("text", "json", "jsonl")

_COLORS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Talk:
    """How this command talks: its format, how much, in color or not, and whether it may ask."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        """``given`` holds the options that every command takes, by name."""
        given = given or {}
        self.output: str = given.get("output") or "text"
        self.quiet = bool(given.get("quiet"))
        self.verbose = bool(given.get("verbose"))
        self.yes = bool(given.get("yes"))
        self.may_ask = not given.get("no_input") and _is_terminal(sys.stdin)
        self.plain = bool(given.get("no_color") or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")

    @classmethod
    def guessed(cls, arguments: Sequence[str]) -> Talk:
        """The same from arguments that may be wrong: errors of the parser itself are told in the format asked for."""
        output = os.environ.get("GOLDEN_OUTPUT", "")
        for at, argument in enumerate(arguments):
            if argument == "--":
                break
            if argument in ("-o", "--output"):
                output = arguments[at + 1] if at + 1 < len(arguments) else ""
            elif argument.startswith("--output="):
                output = argument.partition("=")[2]
            elif argument.startswith("-o") and argument[2:] in OUTPUTS:
                output = argument[2:]
        return cls({"output": output if output in OUTPUTS else "text", "no_color": "--no-color" in arguments})

    @property
    def for_programs(self) -> bool:
        """Whether stdout carries JSON."""
        return self.output != "text"

    def tell(self, kind: str, data: Any, text: Iterable[str]) -> None:
        """The result of the command: an envelope, or lines for people (made only where they are wanted)."""
        if self.for_programs:
            self.event(kind, data)
        else:
            for line in text:
                self.write(line)

    def event(self, kind: str, data: Any) -> None:
        """One envelope on stdout."""
        self._json({"schema": SCHEMA, "kind": kind, "data": data})

    def write(self, text: str) -> None:
        """
        A result on stdout. OSError with that name where it cannot be written; a reader that has gone is no reason:
        they had what they wanted, and the exit code is still to come.
        """
        try:
            print(text, file=_out(), flush=True)
        except BrokenPipeError:
            let_go(sys.stdout)
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from error

    def say(self, *lines: str) -> None:
        """Talk to people on stderr; nothing with ``-q``. Where it cannot be written, work goes on without."""
        if not self.quiet:
            _say(*lines)

    def warn(self, sentence: str) -> None:
        """A sentence that is told even with ``-q``."""
        _say(f"{self.error_paint('warning', 'yellow')}: {sentence}")

    def fail(self, error: GoldenError) -> None:
        """
        Tell why it did not work: the error envelope on stdout, or brief, details and hint on stderr.

        Never raises OSError: the exit code tells it even where no word can be written.
        """
        if self.for_programs:
            try:
                self._json({"schema": SCHEMA, "kind": "error", "error": fields_of(error)})
            except OSError:
                _say(f"golden: {error.brief}")
            return
        notes, job = _notes(error), getattr(error, "job", None)
        lines = [f"{self.error_paint('golden', 'red')}: {error.brief}"]
        lines += [f"  {line}" for text in (error.details or "", *notes) for line in text.splitlines()]
        if error.hint:
            lines.append(f"{self.error_paint('hint', 'cyan')}: {error.hint}")
        if job and f" {job}" not in (error.hint or ""):
            lines.append(f"{self.error_paint('logs', 'cyan')}: golden logs {job}")
        _say(*lines)

    def confirm(self, question: str) -> None:
        """Go on only with a yes: by ``-y``, or asked of a person. UsageError where nobody can be asked."""
        if self.yes:
            return
        if not self.may_ask:
            raise UsageError(f"{question} There is nobody to ask here", hint="-y says yes beforehand")
        try:
            print(f"{question} [y/N] ", end="", file=_err(), flush=True)
        except OSError as error:
            raise UsageError(f"{question} Nobody can read that here", hint="-y says yes beforehand") from error
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UsageError("nothing was done")

    def paint(self, text: str, *looks: str) -> str:
        """Text for stdout in color, where people look at it."""
        return _painted(text, looks, here=not self.plain and _is_terminal(sys.stdout))

    def error_paint(self, text: str, *looks: str) -> str:
        """The same for stderr."""
        return _painted(text, looks, here=not self.plain and _is_terminal(sys.stderr))

    def _json(self, envelope: dict[str, Any]) -> None:
        import json  # Not wanted for text.

        indent = 2 if self.output == "json" else None
        # ASCII only: a console that knows few letters must not spoil what a program reads.
        self.write(json.dumps(envelope, indent=indent))


def let_go(stream: TextIO) -> None:
    """Whatever is written to the stream from now on, or waits in it, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(*lines: str) -> None:
    try:
        for line in lines:
            print(line, file=_err(), flush=True)
    except OSError:
        pass  # Whoever read along has gone, or the log's disk is full.


def fields_of(error: GoldenError) -> dict[str, Any]:
    """An error as programs read it."""
    fields: dict[str, Any] = {key: getattr(error, key) for key in ("id", "brief", "details", "hint", "exit_code")}
    fields |= {"notes": notes} if (notes := _notes(error)) else {}
    return fields | ({"job": job} if (job := getattr(error, "job", None)) else {})


def _notes(error: GoldenError) -> list[str]:
    return [str(note) for note in getattr(error, "__notes__", ())]


def _painted(text: str, looks: tuple[str, ...], *, here: bool) -> str:
    return f"\x1b[{';'.join(_COLORS[look] for look in looks)}m{text}\x1b[0m" if here and looks else text


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _out() -> TextIO:
    return _lenient(sys.stdout)


def _err() -> TextIO:
    return _lenient(sys.stderr)


def _lenient(stream: TextIO) -> TextIO:
    """A letter that the console does not know is written as an escape, not as a crash."""
    if getattr(stream, "errors", "strict") == "strict" and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
