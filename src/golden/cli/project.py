"""``golden init``: a golden.toml to fill in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from golden.cli.talk import Talk
from golden.errors import Conflict, UsageError
from golden.settings import FILE

_TEXT = """\
# What golden works with here. Every key has a default; this file may be empty.

[golden]
# state = ".golden"                  # where golden keeps its records, versions and images

[endpoints.local]                    # a hypervisor; golden endpoint add NAME URL writes more of them
url = {url}                # qemu:///embed (no daemon), qemu:///system, qemu:///session, qemu+ssh://HOST/system

# [libraries.shelf]                  # a place images are published to; golden library add NAME URL
# url = "dir:images"

# [defaults]
# endpoint = "local"
# library = "shelf"
# reference = "win2022"

# [references.win2022.guest]         # how to get into the guests of a reference, where there is no agent in them
# communicator = "ssh"
# host = "192.0.2.10"
# user = "Administrator"
# key_file = "~/.ssh/id_ed25519"
# known_hosts = "known_hosts"
# communicator = "winrm"             # for Windows: host, account and a password; port 5986 unless it says otherwise
# ca_file = "ca.pem"                 # or thumbprint (SHA-256 of its certificate), or scheme = "http" (encrypted, too)
# account = "Administrator"          # whom sysprep runs as; its password comes from a file or the environment
# password_file = "password.txt"     # or password_env, keyring
"""


def init(
    talk: Talk,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Made where it is not there.")] = Path(),
    endpoint: Annotated[str, typer.Option("--endpoint", metavar="URL", help="The hypervisor.")] = "qemu:///embed",
) -> None:
    """
    Begin a project: write a golden.toml with every key explained. What is there is never overwritten.

    Example: golden init lab --endpoint qemu:///system
    """
    if ":" not in endpoint or not endpoint.isprintable():
        raise UsageError(f"{endpoint!r} is no URL", hint="qemu:///embed, qemu:///system, qemu+ssh://HOST/system")
    from golden.app import moves

    moves.assert_opens("endpoint", "local", endpoint)
    file = folder.absolute() / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("x").close()
    except FileExistsError as error:
        raise Conflict(f"{error.filename} is there already; golden leaves it as it is") from error
    try:
        text = _TEXT.format(url='"' + endpoint.replace("\\", "\\\\").replace('"', '\\"') + '"')
        file.write_text(text, encoding="utf-8")
    except BaseException:
        file.unlink(missing_ok=True)  # Half of it would be taken for a project.
        raise
    talk.tell("project", {"path": str(file)}, [f"wrote {file}"])
    talk.say("", "next: golden adopt NAME --from disk.qcow2 takes a machine that exists")


COMMANDS: dict[str, Callable[..., None]] = {"init": init}
