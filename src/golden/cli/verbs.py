"""The list of verbs; the module of one is imported only when it is asked for, so that asking for help is quick."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from golden.cli.manner import leading, verb
from golden.cli.talk import Talk
from golden.errors import UsageError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Entry(NamedTuple):
    """One verb in the listing."""

    module: str
    help: str
    section: str = "Looking"


VERBS: dict[str, Entry] = {
    "init": Entry("project", "Begin a project: write a golden.toml to fill in.", "Making"),
    "adopt": Entry("adopt", "Take a machine that exists as version 1 of a reference.", "Making"),
    "update": Entry("update", "Apply drivers, scripts and files in a clone: the next version.", "Making"),
    "capture": Entry("capture", "Make a generalized, proved image from a version.", "Making"),
    "check": Entry("check", "Whether sysprep would succeed, before it is tried.", "Making"),
    "publish": Entry("capture", "Put an image into libraries.", "Making"),
    "promote": Entry("channels", "Point a channel (dev, stable, prod) at an image.", "Making"),
    "rollback": Entry("channels", "Step back: a channel, or the version the next update starts from.", "Making"),
    "status": Entry("overview", "Every reference, its numbers, and jobs that are not over."),
    "list": Entry("overview", "The names of the references."),
    "log": Entry("lineage", "The lineage of a reference as a tree, with images and channels."),
    "show": Entry("lineage", "One version or image whole."),
    "resolve": Entry("channels", "Where to get the image of a channel: for Terraform, Ansible and scripts."),
    "jobs": Entry("jobs", "Jobs that are not over, or all of them."),
    "logs": Entry("jobs", "What a job did, and the logs it kept."),
    "explain": Entry("explain", "Why it failed, from logs alone: a file, a folder, a zip, a job."),
    "lint": Entry("lint", "What is wrong with an answer file, and whether OOBE will stop and ask."),
    "answer": Entry("answer", "Write an answer file, and say what OOBE will still ask.", "Making"),
    "verify": Entry("upkeep", "Versions and images are what they were.", "Keeping"),
    "doctor": Entry("upkeep", "Everything that is not as it must be.", "Keeping"),
    "resume": Entry("jobs", "Go on with a job that was cut off.", "Keeping"),
    "cancel": Entry("jobs", "Give a job up and take away what it made.", "Keeping"),
    "prune": Entry("upkeep", "Take away old versions and images that nothing needs.", "Keeping"),
    "gc": Entry("upkeep", "Take away what golden made and nothing needs.", "Keeping"),
    "endpoint": Entry("endpoint", "Hypervisors: add, list, check, remove.", "Places"),
    "library": Entry("library", "Where images are published: add, list, remove.", "Places"),
    "demo": Entry("demo", "See all of it at work, on a guest that golden builds itself.", "Trying"),
    "selftest": Entry("demo", "Try an endpoint: everything golden needs of a hypervisor.", "Trying"),
}


class Verbs(TyperGroup):
    """The verbs of ``golden``, each loaded when it is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """In the order of the listing."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The parser of one verb."""
        return parser(cmd_name) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb and its arguments. UsageError names the nearest verbs."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            close = get_close_matches(args[0], VERBS, n=2)
            details = "did you mean " + " or ".join(f"golden {name}" for name in close) + "?" if close else None
            raise UsageError(f"golden has no command {args[0][:60]!r}", details=details, hint="golden --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the listing from constants alone."""
        for section in dict.fromkeys(entry.section for entry in VERBS.values()):
            with formatter.section(section):
                formatter.write_dl([(n, e.help) for n, e in VERBS.items() if e.section == section])


def parser(name: str) -> Any:
    """The parser of one verb, or of a noun with verbs of its own."""
    module = import_module(f"golden.cli.{VERBS[name].module}")
    acts: dict[str, Callable[..., None]] | Callable[..., None] = module.COMMANDS[name]
    app = _app()
    if callable(acts):
        _add(app, name, acts, getattr(module, "COMMAND_CLASS", TyperCommand))
        command = typer.main.get_command(app)
    else:
        app.callback(help=VERBS[name].help)(lambda: None)
        for inner, act in acts.items():
            _add(app, inner, act)
        command = typer.main.get_command(app)
    command.name = name
    return command


def program() -> Any:
    """The parser of ``golden`` itself."""
    app = typer.Typer(
        cls=Verbs,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        help="Golden images whose reference is never generalized: every image is made from a clone and proved sealed.",
        epilog="Begin with: golden init, then golden adopt NAME --from disk.qcow2; or: golden demo",
    )

    def golden(context: typer.Context, talk: Talk, version: bool) -> None:
        if version:
            from golden import __version__

            talk.tell("version", {"version": __version__}, [f"golden {__version__}"])
            raise typer.Exit
        if context.invoked_subcommand is None:
            talk.write(context.get_help())

    app.callback(invoke_without_command=True)(leading(golden))
    return typer.main.get_command(app)


def _app() -> typer.Typer:
    return typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=CONTEXT
    )


def _add(app: typer.Typer, name: str, act: Callable[..., None], kind: type[TyperCommand] = TyperCommand) -> None:
    """Add a command: its help is the docstring, whose last paragraph is an example."""
    words, _, example = (act.__doc__ or "").partition("Example:")
    epilog = f"Example: {' '.join(example.split())}" if example else None
    words = " ".join(words.split())
    app.command(name, cls=kind, help=words, epilog=epilog, context_settings=CONTEXT)(verb(act))
