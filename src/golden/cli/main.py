"""Where ``golden`` starts and ends: arguments in, an exit code out, and never a traceback for a user."""

from __future__ import annotations

import gc
import sys

from golden.cli import shortcut
from golden.cli.talk import Talk, let_go
from golden.errors import GoldenError, Refused, UsageError

TYPE_CHECKING = False  # Commands that are cut short load as little as they can; signals and typing are not little.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def main() -> None:
    """The console script."""
    instant = shortcut.is_instant(sys.argv[1:])
    if instant:
        gc.disable()  # Looking for what could be collected takes a tenth of the time of such a command.
    else:
        from golden.cli import signals

        signals.listen()
    try:
        code = _flushed(run(sys.argv[1:]))
    except KeyboardInterrupt as stop:  # Between the end of the command and the end of the process.
        from golden.cli import signals

        code = signals.code(stop)
    if instant:
        gc.freeze()  # Nor is anything to be looked for at the end.
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line: its exit code. Everything that can go wrong is told here, once."""
    talk = Talk.guessed(arguments)
    try:
        _assert_text(arguments)
        if (act := shortcut.found(arguments)) is not None:
            return act() or 0
        return _invoke(list(arguments))
    except GoldenError as error:
        talk.fail(error)
        return error.exit_code
    except KeyboardInterrupt as stop:
        from golden.cli import signals

        return signals.told(stop, talk)
    except Exception as error:  # noqa: BLE001  the last line of defense: a traceback goes to a file
        return _unexpected(error, talk)


def _invoke(arguments: list[str]) -> int:
    import typer

    from golden.cli.verbs import program

    command = program()
    try:
        with command.make_context("golden", arguments or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        if isinstance(error, _parser_errors()):
            raise _usage(error, arguments) from error
        raise
    return 0


def _parser_errors() -> tuple[type[Exception], ...]:
    """What typer's parser raises; typer shows only one of its kinds in public, and the others are above that one."""
    import typer

    return tuple(kind for kind in typer.BadParameter.__mro__ if hasattr(kind, "format_message"))


def _usage(error: Any, arguments: list[str]) -> UsageError:
    from golden.cli.verbs import VERBS

    context = getattr(error, "ctx", None)
    verb = next((one for one in arguments if one in VERBS), "")
    path = context.command_path if context is not None else f"golden {verb}".strip()
    words = str(error.format_message()).strip().rstrip(".")
    return UsageError(words[:1].lower() + words[1:], hint=f"{path} --help")


def _assert_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"the argument {argument!r} is not text in this computer's encoding") from error


def _unexpected(error: Exception, talk: Talk) -> int:
    """
    Tell a file that cannot be used as what it is, and anything else as a bug of golden's, with its record.

    Nothing where only the reader of the parser's help has gone: 0.
    """
    if isinstance(error, BrokenPipeError) and _is_unread():
        return 0
    from golden.cli import crash

    known = crash.as_refusal(error)
    if known is None:
        known = GoldenError(
            f"this is a bug in golden: {type(error).__name__}",
            details=f"its record is {crash.write_down(error)}",
            hint="please report it with that file; golden doctor tells whether anything was left behind",
        )
    talk.fail(known)
    return known.exit_code


def _is_unread() -> bool:
    """Whether stdout is a pipe without a reader; sockets break too."""
    import select

    if sys.stdout is None or not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _flushed(code: int) -> int:
    """
    The exit code, once nothing waits to be written any more. What cannot be written is let go, or Python would try
    again at its end and make an exit code of its own of that; a result that is lost so is no success.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever started golden
                stream.flush()
        except OSError as error:
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                code = code or Refused.exit_code
            let_go(stream)
    return code
