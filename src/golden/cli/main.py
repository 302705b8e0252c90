"""Where ``golden`` starts and ends: arguments in, an exit code out, and never a traceback for a user."""

from __future__ import annotations

import gc
import os
import sys

from golden.cli import shortcut
from golden.cli.talk import Talk
from golden.errors import GoldenError, UsageError

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
        code = run(sys.argv[1:])
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = _be_quiet()
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
    except BrokenPipeError:
        return _be_quiet()
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
    """Tell a file that cannot be used as what it is, and anything else as a bug of golden's, with its record."""
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


def _be_quiet() -> int:
    """Whoever read our output has gone; say no more, not even at exit. 0: they had what they wanted."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return 0
