"""
Commands of the peer: ``@cmdlet("Get-VM")`` on a function makes one.

The function gets a ``Call`` and yields what it writes. It is called once for each piped object (with that object
already bound to a parameter), once when nothing is piped; with ``whole=True`` once, the objects in ``call.input``.
Which parameters there are stands in ``tables/``. Modules of ``cmdlets/`` register themselves by being imported, and all
of them are. ``invoke`` is what pipelines and the interpreter of scripts use.
"""

from __future__ import annotations

import fnmatch
import importlib
import os
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from tests.peers.hyperv import binder, cmdlets
from tests.peers.hyperv.failures import Cut, Failure, Stopped
from tests.peers.hyperv.objects import flattened
from tests.peers.hyperv.tables import Table, table, tables


class Streams(Protocol):
    """Where a command writes what is no output. Each raises Stopped once the pipeline is told to stop."""

    def warning(self, text: str) -> None: ...
    def verbose(self, text: str) -> None: ...
    def debug(self, text: str) -> None: ...
    def information(self, data: Any, tags: list[str]) -> None: ...
    def progress(self, activity: str, status: str, percent: int) -> None: ...
    def error(self, failure: Failure) -> None: ...
    def check(self) -> None: ...


@dataclass
class Scope:
    """
    Where commands run: on the host or in a guest (``place``), for whom, with which files.

    ``host`` is the connection to the host's process (``host/rpc.py``), ``files`` the file system by Windows paths,
    ``delegated`` whether the session has network credentials, ``session`` variables that live as long as the runspace.
    """

    place: str
    user: str
    host: Any
    files: Any
    streams: Streams
    delegated: bool = False
    session: dict[str, Any] = field(default_factory=dict)
    guest: Any = None


@dataclass
class Call:
    """One command with its values."""

    command: str
    set: str
    given: dict[str, Any]
    scope: Scope
    common: dict[str, Any]
    input: Iterable[Any] = ()

    def get(self, name: str, other: Any = None) -> Any:
        """A parameter's value."""
        return self.given.get(name, other)

    def switch(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self.given.get(name, False))

    @property
    def host(self) -> Any:
        """The host's process."""
        return self.scope.host

    @property
    def files(self) -> Any:
        """The file system that commands of this call see."""
        return self.scope.files

    def error(self, failure: Failure) -> None:
        """A non-terminating error; ends the pipeline under ``-ErrorAction Stop``."""
        raise_or_write(self, failure)

    def confirmed(self, what: str, *, high: bool = False) -> bool:
        """
        ShouldProcess: False under ``-WhatIf``. With ``high`` a prompt where neither ``-Confirm:$false`` nor ``-Force``
        is given; nobody can answer in a remote session, which is an error.
        """
        if self.switch("WhatIf"):
            return False
        asks = self.given.get("Confirm", high and not self.switch("Force"))
        if asks:
            raise Failure(
                "A command that prompts the user failed because the host program or the command type does not support "
                f"user interaction. The host was attempting to request confirmation with the following message: {what}",
                "InvalidOperation", "InvalidOperation", None, "System.Management.Automation.Host.HostException",
                terminating=True,
            )  # fmt: skip
        return True


BARE = ("CommandNotFoundException", "PipelineStopped")
Body = Callable[[Call], Iterable[Any] | None]


@dataclass(frozen=True)
class Command:
    """A registered command. ``places``: where it is known, of ``host`` and ``guest``."""

    name: str
    body: Body
    table: Table
    whole: bool
    places: tuple[str, ...]


_COMMANDS: dict[str, Command] = {}


def cmdlet(
    name: str, *, parameters: dict[str, Any] | None = None, whole: bool = False, everywhere: bool = False
) -> Callable[[Body], Body]:
    """
    Register a command. ``parameters``: its table in the short form where it stands in no file of ``tables/``.

    ``everywhere``: guests have it too (file commands and the like).
    """

    def register(body: Body) -> Body:
        known = table(name, parameters) if parameters is not None else tables().get(name.lower())
        assert known is not None, f"{name} has no table of parameters"
        assert name.lower() not in _COMMANDS, f"{name} is there twice"
        _COMMANDS[name.lower()] = Command(name, body, known, whole, ("host", "guest") if everywhere else ("host",))
        return body

    return register


@cache
def commands() -> dict[str, Command]:
    """Every command of the peer, by its name in lower case."""
    for module in pkgutil.iter_modules(cmdlets.__path__):
        importlib.import_module(f"{cmdlets.__name__}.{module.name}")
    return _COMMANDS


POWERCLI = ("get-vm", "new-vm", "set-vm", "start-vm", "stop-vm", "remove-vm", "restart-vm", "get-vmhost")
"""Names of Hyper-V's commands that VMware PowerCLI has too."""


def is_shadowed(scope: Scope) -> bool:
    """Whether PowerCLI's commands come before Hyper-V's in this session."""
    here = scope.place == "host" and scope.host is not None and scope.host.shape.powercli
    return bool(here and "Hyper-V" not in scope.session.get("modules", ()))


def find(name: str, scope: Scope) -> Command:
    """A command by name, as it is known here; a module's name may stand before it (``Hyper-V\\Get-VM``)."""
    found = commands().get(name.rsplit("\\", 1)[-1].lower())
    if name.lower() in POWERCLI and is_shadowed(scope):
        raise Failure(
            "You are not currently connected to any servers. Please connect first using a Connect cmdlet.",
            "Core_BaseCmdlet_NotConnectedError", "ResourceUnavailable", name,
            "VMware.VimAutomation.Sdk.Types.V1.ErrorHandling.VimException.ViServerConnectionException",
            terminating=True,
        )  # fmt: skip
    hidden = scope.host is not None and scope.place == "host" and scope.host.hidden(found.name if found else name)
    if found is None or scope.place not in found.places or hidden:
        raise Failure(
            f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program. "
            "Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
            "CommandNotFoundException", "ObjectNotFound", name,
            "System.Management.Automation.CommandNotFoundException", terminating=True,
        )  # fmt: skip
    return found


def invoke(
    scope: Scope, name: str, named: Iterable[tuple[str, Any]], positional: Iterable[Any] = (),
    piped: Iterable[Any] | None = None,
) -> Iterator[Any]:  # fmt: skip
    """
    What a command writes. ``piped`` is what comes down the pipeline, None where the command is the first.

    Failure where it ends the pipeline; errors that do not are written to the streams.
    """
    try:
        command = find(name, scope)
        bound = binder.bind(command.table, named, positional)
        settled = binder.settle(bound, piped=piped is not None)
    except Failure as wrong:
        if scope.host is not None:
            scope.host.noted(Call(name, "", dict(named), scope, {}), name, wrong.fqid, [], time.time(), 0.0)
        raise
    if command.whole:
        chosen: str | None = settled or bound.sets[0]
        assert chosen is not None
        call = Call(command.name, chosen, bound.values, scope, bound.common, piped or ())
        yield from _run(command, call)
        return
    if piped is None:
        assert settled is not None
        yield from _run(command, Call(command.name, settled, bound.values, scope, bound.common))
        return
    for item in piped:
        scope.streams.check()
        try:
            taken = binder.take(bound, item)
            chosen = binder.settle(taken, piped=False)
        except Failure as wrong:
            if wrong.terminating:
                raise
            raise_or_write(Call(command.name, "", {}, scope, bound.common), wrong)
            continue
        assert chosen is not None
        yield from _run(command, Call(command.name, chosen, taken.values, scope, bound.common))


def _run(command: Command, call: Call) -> Iterator[Any]:
    call.scope.streams.check()
    rules = call.scope.host.met(call, command.name) if call.scope.host is not None else []
    begun, clock, fault = time.time(), time.monotonic(), ""
    try:
        _before(call, rules)
        yield from flattened(command.body(call) or ())
        _after(rules)
    except Failure as wrong:
        named(wrong, command.table.type)
        fault = wrong.fqid
        if wrong.terminating:
            raise
        raise_or_write(call, wrong)
    except Stopped:
        fault = "PipelineStopped"
        raise
    except Cut:
        fault = "dropped"
        raise
    finally:
        if call.scope.host is not None:
            deeds = [each.do for each in rules]
            call.scope.host.noted(call, command.name, fault, deeds, begun, time.monotonic() - clock)


def _before(call: Call, rules: list[Any]) -> None:
    for each in rules:
        if each.do == "delay":
            wait(call, each.seconds)
        elif each.do == "drop-before":
            raise Cut
        elif each.do == "warn":
            call.scope.streams.warning(each.text)
        elif each.do == "kill-before":
            os._exit(137)
        elif each.do == "error":
            said = each.text or "A fault of the test."
            raise Failure(said, each.kind, each.category, None, each.exception)


def _after(rules: list[Any]) -> None:
    for each in rules:
        if each.do == "drop-after":
            raise Cut
        if each.do == "kill-after":
            os._exit(137)


def wait(call: Call, seconds: float) -> None:
    """Let time pass; the client may stop it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        call.scope.streams.check()
        time.sleep(min(0.02, seconds))


def named(wrong: Failure, kind: str) -> None:
    """Put the command's class behind the comma of the id."""
    if "," not in wrong.fqid and wrong.fqid not in BARE and not wrong.fqid.endswith("PSSessionStateBroken"):
        wrong.fqid = f"{wrong.fqid},{kind}"


def raise_or_write(call: Call, wrong: Failure) -> None:
    """An error that ends one input, as ``-ErrorAction`` (or the runspace's preference) has it."""
    named(wrong, _COMMANDS[call.command.lower()].table.type)
    action = call.common.get("ErrorAction") or str(call.scope.session.get("ErrorActionPreference", "continue")).lower()
    if action == "stop":
        wrong.terminating = True
        raise wrong
    if action not in ("silentlycontinue", "ignore"):
        call.scope.streams.error(wrong)


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a wildcard pattern of PowerShell: ``*``, ``?``, ``[a-c]``, a backtick escapes."""
    escaped = ""
    at = 0
    while at < len(pattern):
        if pattern[at] == "`" and at + 1 < len(pattern):
            at += 1
            escaped += f"[{pattern[at]}]" if pattern[at] in "*?[" else pattern[at]
        else:
            escaped += pattern[at]
        at += 1
    return fnmatch.fnmatchcase(name.lower(), escaped.lower())


def is_pattern(text: str) -> bool:
    """Whether it has wildcards."""
    return any(each in text for each in "*?[")
