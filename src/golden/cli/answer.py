"""``golden answer``: write an answer file to begin with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from golden.cli.lint import ARCHITECTURES, told
from golden.cli.talk import Talk
from golden.errors import Conflict, NotFound, UsageError
from golden.windows.answers.linting import lint
from golden.windows.answers.rules import Aim
from golden.windows.answers.writing import Wish, written

File = Annotated[Path, typer.Argument(metavar="FILE", help="What to write.")]
Kind = Annotated[str, typer.Option("--edition", metavar="client|server", help="What the image is made of.")]
Locale = Annotated[str, typer.Option("--locale", metavar="de-DE", help="Language, region and keyboard.")]
Account = Annotated[str, typer.Option("--account", metavar="NAME", help="A local administrator; a client needs one.")]
PasswordFrom = Annotated[
    str, typer.Option("--password-env", metavar="VARIABLE", help="Where its password stands; on a server, whose too.")
]
TimeZone = Annotated[str, typer.Option("--time-zone", metavar="NAME", help="As Windows names it.")]
KeyFrom = Annotated[str, typer.Option("--product-key-env", metavar="VARIABLE", help="Where a product key stands.")]
Architecture = Annotated[str, typer.Option("--arch", metavar="amd64|x86|arm64", help="Of the image's Windows.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


def new(
    talk: Talk,
    file: File,
    edition: Kind,
    locale: Locale,
    account: Account = "",
    password_env: PasswordFrom = "",
    time_zone: TimeZone = "",
    product_key_env: KeyFrom = "",
    arch: Architecture = "amd64",
    force: Force = False,
) -> None:
    """
    Write an answer file for images, and say what OOBE will still ask: on a server the Administrator's password, unless
    --password-env says where one stands.

    Example: golden answer new --edition client --locale de-DE --account admin unattend.xml
    """
    architecture = ARCHITECTURES.get(arch.lower())
    if architecture is None:
        raise UsageError(f"--arch is amd64, x86 or arm64, not {arch[:40]!r}")
    password = _from_environment(password_env)
    key = _from_environment(product_key_env).upper()
    content = written(Wish(edition, locale, architecture, account, password, time_zone, key))
    _write(file, content, force=force, private=bool(password or key))
    report = lint(content, Aim("capture", edition, architecture))
    data = {"path": str(file.absolute()), **told([(str(file), report)])}
    talk.tell("answer", data, [f"wrote {file}", *(verdict.sentence for verdict in report.verdicts)])
    for one in report.remarks:
        if not one.rule.startswith("answer.oobe"):
            where = f"{file}:{one.line}"
            talk.warn(f"{where}: {one.sentence}") if one.severity != "info" else talk.say(f"{where}: {one.sentence}")
    talk.say("", f"next: golden capture --answer-file {file}")


def _from_environment(variable: str) -> str:
    if not variable:
        return ""
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(f"the environment has no {variable[:60]!r}, or nothing in it", hint="export it before")
    return value


def _write(file: Path, content: bytes, *, force: bool, private: bool) -> None:
    """Whole or not at all; a file with a secret in it is for its owner's eyes only."""
    if str(file) == "-":
        raise UsageError("golden writes an answer file, and no output", hint="golden answer new … unattend.xml")
    if file.is_dir():
        raise UsageError(f"{file} is a folder", hint=f"{file / 'unattend.xml'}")
    if not file.absolute().parent.is_dir():
        raise NotFound(f"there is no folder {file.absolute().parent}")
    if file.exists() and not force:
        raise Conflict(f"{file} is there already; golden leaves it as it is", hint="--force writes over it")
    handle, name = tempfile.mkstemp(prefix=f".{file.name[:40]}.", dir=file.absolute().parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as new_file:
            new_file.write(content)
        if not private:
            made.chmod(0o644)
        if force:
            made.replace(file)
        else:
            _link(made, file)
    finally:
        made.unlink(missing_ok=True)


def _link(made: Path, file: Path) -> None:
    """Give it its name, unless somebody took the name meanwhile."""
    try:
        file.hardlink_to(made)
    except FileExistsError as error:
        raise Conflict(f"{file} is there already; golden leaves it as it is", hint="--force writes over it") from error


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {"answer": {"new": new}}
