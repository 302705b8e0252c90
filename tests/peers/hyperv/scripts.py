"""Constant scripts, run by the interpreter of ``powershell/`` with the peer's commands and files, here or in guests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.files import Files
from tests.peers.hyperv.objects import Member, Thing
from tests.peers.hyperv.powershell import Block, Refused, Runner, registered
from tests.peers.hyperv.registry import Scope
from tests.peers.hyperv.sessions import versions

GUEST = {
    "TEMP": "C:\\Windows\\Temp", "TMP": "C:\\Windows\\Temp", "SystemRoot": "C:\\Windows", "windir": "C:\\Windows",
    "SystemDrive": "C:", "OS": "Windows_NT", "ProgramData": "C:\\ProgramData", "ProgramFiles": "C:\\Program Files",
    "PROCESSOR_ARCHITECTURE": "AMD64", "Path": "C:\\Windows\\System32;C:\\Windows", "PUBLIC": "C:\\Users\\Public",
    "ComSpec": "C:\\Windows\\System32\\cmd.exe",
}  # fmt: skip


def runner(scope: Scope) -> Runner:
    """An interpreter for this scope."""
    streams = scope.streams

    def write(stream: str, record: Any) -> None:
        plain: dict[str, Callable[[Any], None]] = {
            "warning": streams.warning, "verbose": streams.verbose, "debug": streams.debug, "error": streams.error,
        }  # fmt: skip
        if stream in plain:
            plain[stream](record)
        elif stream == "information":
            streams.information(record, [])
        elif stream == "progress":
            done = record.get("Completed")
            percent = 100 if done else int(record.get("PercentComplete", -1) or 0)
            streams.progress(str(record.get("Activity", "")), str(record.get("Status", "")), percent)

    def busy(path: Path) -> bool:
        return scope.place == "host" and bool(scope.host.in_use(str(path)))

    def meets(method: str, path: Path) -> bool:
        return scope.place == "host" and bool(scope.host.file_met(method, str(path)))

    table = versions(scope.host.shape, scope.host.transport if scope.place == "host" else "wsman")
    environment = {**GUEST, "COMPUTERNAME": scope.host.shape.name, "USERNAME": scope.user}
    return Runner(
        commands=registered(scope), path=scope.files.path, write=write, data=scope,
        variables={"PSVersionTable": table}, environment=environment, check=streams.check,
        busy=busy, meets=meets,
    )  # fmt: skip


def run_script(scope: Scope, text: str, named: dict[str, Any], positional: list[Any]) -> Iterator[Any]:
    """What a script writes."""
    if positional:
        raise Failure(
            "The peer takes a script's parameters by name.", "NotModelled", "NotImplemented", terminating=True
        )
    yield from _refusing(runner(scope).run(text, named))


def _refusing(written: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from written
    except Refused as why:
        raise Failure(f"The peer's interpreter: {why}", "PeerRefused", "NotImplemented", terminating=True) from why


def in_guest(scope: Scope, vm: str, tree: Any, user: str, block: Block, arguments: list[Any]) -> Iterator[Any]:
    """A script block in a guest: its files, its commands; what comes back is deserialized, as over any session."""
    name = scope.host.machine(vm)["name"]
    streams = Line(scope.streams, scope.host, vm)
    there = Scope("guest", user, scope.host, Files.of_guest(tree), streams, False, {"env": dict(GUEST)}, vm)
    runspace = uuid.uuid4()
    try:
        for each in _refusing(runner(there).invoke(block, arguments)):
            yield travelled(each, name, runspace)
    except Failure as wrong:
        if wrong.fqid == "PeerRefused":
            raise
        wrong.terminating = False  # what ends a script there is an error record here
        raise


class Line:
    """The streams of a block in a guest: it ends when its machine goes off or restarts under it."""

    def __init__(self, streams: Any, host: Any, vm: str) -> None:
        self._streams, self._host, self._vm = streams, host, vm
        self._begun = host.guest_begun(vm)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._streams, name)

    def check(self) -> None:
        """Failure where the guest is not the one it was."""
        self._streams.check()
        if self._host.guest_begun(self._vm) != self._begun:
            raise Failure(
                'The background process reported an error with the following message: "The Hyper-V socket target '
                'process has ended.".',
                "2100,PSSessionStateBroken",
                "OpenError",
                self._vm,
                "System.Management.Automation.Remoting.PSRemotingTransportException",
                terminating=True,
            )


def travelled(value: Any, computer: str, runspace: uuid.UUID, depth: int = 1) -> Any:
    """A value after its way through a session: objects are ``Deserialized.*`` and one level deep, enums are text."""
    if isinstance(value, Member):
        return value.name
    if isinstance(value, list | tuple):
        return [travelled(each, computer, runspace, depth) for each in value]
    if not isinstance(value, Thing):
        return value
    if depth == 0:
        return str(value)
    made = Thing(*[f"Deserialized.{each}" for each in value.types if each != "System.Object"], text=value.text)
    made.properties = {name: travelled(each, computer, runspace, depth - 1) for name, each in value.properties.items()}
    made.properties.update(PSComputerName=computer, RunspaceId=runspace, PSShowComputerName=True)
    return made
