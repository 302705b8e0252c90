"""The options that every command takes, added to a command's own in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal

import typer

from golden.cli import options
from golden.cli.talk import Talk

Output = Literal["text", "json", "jsonl"]

_KEYWORD = inspect.Parameter.KEYWORD_ONLY

_SWITCHES = {
    "quiet": (("--quiet", "-q"), "GOLDEN_QUIET", "Say nothing but errors and the result."),
    "verbose": (("--verbose", "-v"), "GOLDEN_VERBOSE", "Say more."),
    "no_color": (("--no-color",), "GOLDEN_NO_COLOR", "No colors; NO_COLOR does the same."),
    "no_input": (("--no-input",), "GOLDEN_NO_INPUT", "Never ask; refuse instead."),
    "yes": (("--yes", "-y"), "GOLDEN_YES", "Say yes to every question."),
}

before: dict[str, Any] = {}
"""What stood before the verb; what stands after it wins."""


def common() -> list[inspect.Parameter]:
    """The common options as parameters of a function."""
    output = typer.Option("--output", "-o", envvar="GOLDEN_OUTPUT", help="What stdout carries.", show_envvar=False)
    found = [_parameter("output", Annotated[Output | None, output], None)]
    for name, (declarations, variable, words) in _SWITCHES.items():
        option = typer.Option(*declarations, envvar=variable, help=words, show_envvar=False, show_default=False)
        found.append(_parameter(name, Annotated[bool, option], default=False))
    return found


def verb(act: Callable[..., None]) -> Callable[..., None]:
    """A command from a function whose first parameter is how to talk; the rest are its options and arguments."""
    # Modules of reading commands name their options' types without loading them; here they are looked up.
    names = {**vars(options), **act.__globals__}
    own = list(inspect.signature(act, globals=names, eval_str=True).parameters.values())[1:]
    shared = common()
    instead = {one.name: one for one in own if one.name in {other.name for other in shared}}  # e.g. more outputs
    own = [one for one in own if one.name not in instead]
    shared = [instead.get(one.name, one).replace(kind=_KEYWORD) for one in shared]

    @wraps(act)
    def run(**given: Any) -> None:
        ways = {one.name: given.pop(one.name) for one in shared}
        act(Talk({name: value or before.get(name) for name, value in ways.items()}), **given)

    return _signed(run, [one.replace(kind=_KEYWORD) for one in own] + shared)


def leading(act: Callable[[typer.Context, Talk, bool], None]) -> Callable[..., None]:
    """The same options before the verb; ``act`` is told how to talk, and whether only the version was asked for."""
    shared = common()
    version = typer.Option("--version", help="Print golden's version and end.", show_default=False)

    def run(*, context: typer.Context, version: bool, **given: Any) -> None:
        before.clear()
        before.update(given)
        act(context, Talk(given), version)

    own = [inspect.Parameter("context", _KEYWORD, annotation=typer.Context)]
    return _signed(run, [*own, _parameter("version", Annotated[bool, version], default=False), *shared])


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, _KEYWORD, annotation=annotation, default=default)


def _signed(run: Callable[..., None], parameters: list[inspect.Parameter]) -> Callable[..., None]:
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
