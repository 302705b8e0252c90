"""What is wrong or slow at a Hyper-V host, for people who ask before it matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from golden.errors import GoldenError
from golden.model import Finding, Severity
from golden.provider import Scope
from golden_hyperv.address import SIDE, SSH, Address
from golden_hyperv.disks import Disks
from golden_hyperv.faults import is_denied, translated, words_of
from golden_hyperv.hypervisor import HyperV
from golden_hyperv.line import Line
from golden_hyperv.making import LINKED_ROOM
from golden_hyperv.quotas import LEAST, too_small
from golden_hyperv.remoting import Command, RemoteError

DIRECT = (10, 0, 14393)
"""The first build whose PowerShell Direct there is: Windows Server 2016 (facts 3.4)."""


def diagnose(address: Address, scope: Scope) -> tuple[Finding, ...]:
    """Findings for one endpoint; BadConfig for options that cannot be."""
    scope.watcher.doing(f"connecting to {address.shown}")
    try:
        line = Line(address, scope.job, scope.watcher)
    except GoldenError as error:
        return (_of("hyperv-login", error),)
    try:
        with translated(f"looking at {address.shown}"):
            return tuple(_connected(line, address, scope))
    finally:
        line.close()


def _connected(line: Line, address: Address, scope: Scope) -> Iterator[Finding]:
    yield from _versions(line, address)
    scope.watcher.doing("asking for modules, services and quotas")
    answers = _answers(line, address)
    yield from _direct(line, answers)
    yield from _module(answers)
    yield from _rights(line)
    yield from _quotas(answers, address)
    yield from _openssh(answers, address)
    yield from _hops(line, address)
    try:
        hypervisor = HyperV(line, address, scope)
    except GoldenError as error:
        yield _of("hyperv-host", error)
        return
    yield from _room(hypervisor.disks, address)
    yield from _networks(hypervisor, address)
    if "guest_account" not in address.options:
        sentence = "no guest account is named here; each reference's guests need one for PowerShell Direct"
        fix = '[references.NAME.guest] account = "Administrator", password_file ='
        yield Finding("hyperv-guest-account", Severity.INFO, sentence, fix=fix)


def _versions(line: Line, address: Address) -> Iterator[Finding]:
    table = line.table
    version = ".".join(map(str, table.version)) or "unknown"
    sentence = (
        f"{address.shown}: PowerShell {version} ({table.edition or 'unknown edition'}), Windows {table.os or '?'}"
    )
    yield Finding("hyperv-version", Severity.INFO, sentence)
    if table.version and table.version < (5, 1):
        fix = "install Windows Management Framework 5.1"
        yield Finding("hyperv-old-shell", Severity.ERROR, f"PowerShell {version} is too old; 5.1 is wanted", fix=fix)
    if table.edition == "Core":
        sentence = "this is PowerShell 7: the SCVMM module does not load in it, and Hyper-V's differs on Server 2016"
        yield Finding("hyperv-core", Severity.WARNING, sentence, fix="hyperv:// (WSMan) reaches Windows PowerShell 5.1")


def _direct(line: Line, answers: dict[str, list[Any]]) -> Iterator[Finding]:
    """Whether there is PowerShell Direct; trying it would take a running guest, and count as a log-in there."""
    system = line.table.os
    build = tuple(int(part) for part in system.split(".")[:3] if part.isdigit())
    told = [str(one["Answer"]) for one in answers.get("direct", []) if one["Answer"]]
    if (len(build) == 3 and build < DIRECT) or told == ["False"]:
        sentence = "this Windows has no PowerShell Direct, so golden does not get into guests through the host"
        fix = 'communicator = "ssh" for its guests, or Windows Server 2016 and later'
        yield Finding("hyperv-no-direct", Severity.ERROR, sentence, system, fix)
        return
    by = "its build and its Invoke-Command, which takes -VMId" if told else "its build alone"
    sentence = f"PowerShell Direct is there, judged by {by}; golden selftest logs in to a guest by it"
    yield Finding("hyperv-direct", Severity.INFO, sentence, system)


def _answers(line: Line, address: Address) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    try:
        for one in line.run("host_checks", Folder=address.folder):
            found.setdefault(str(one["Question"]), []).append(one)
    except RemoteError as error:
        found["error"] = [{"Answer": "", "Failed": words_of(error)}]
    return found


def _module(answers: dict[str, list[Any]]) -> Iterator[Finding]:
    told = [str(one["Answer"]) for one in answers.get("module", []) if one["Answer"]]
    if told:
        yield Finding("hyperv-module", Severity.INFO, f"Hyper-V module {', '.join(told)}")
        return
    words = "; ".join(str(one["Failed"]) for one in (*answers.get("module", ()), *answers.get("error", ())))
    fix = "Install-WindowsFeature Hyper-V, Hyper-V-PowerShell"
    yield Finding("hyperv-module", Severity.ERROR, "the host has no Hyper-V module for PowerShell", words, fix)


def _rights(line: Line) -> Iterator[Finding]:
    try:
        line.ask(Command("Get-VMHost"), Command("Select-Object", {"Property": ["ComputerName"]}))
    except RemoteError as error:
        if error.is_a("CommandNotFoundException"):
            return
        sentence = "golden's account may not manage Hyper-V" if is_denied(error) else "Hyper-V does not answer"
        fix = "Add-LocalGroupMember -SID S-1-5-32-578 (Hyper-V Administrators), and Remote Management Users for WinRM"
        yield Finding("hyperv-rights", Severity.ERROR, sentence, words_of(error), fix)
        return
    sentence = "golden's account may ask Hyper-V for the host (Get-VMHost); what it may change is not tried"
    yield Finding("hyperv-rights", Severity.INFO, sentence)


def _quotas(answers: dict[str, list[Any]], address: Address) -> Iterator[Finding]:
    if address.transport == SSH:
        return
    told = dict(str(one["Answer"]).partition("=")[::2] for one in answers.get("quota", []) if one["Answer"])
    if not told:
        sentence = "WinRM's quotas could not be read (that takes an administrator)"
        words = "; ".join(str(one["Failed"]) for one in answers.get("quota", []))
        yield Finding("hyperv-quotas", Severity.INFO, sentence, words)
    elif values := [f"{name} {told[name]}" for name in LEAST if name in told]:
        yield Finding("hyperv-quotas", Severity.INFO, f"WinRM's quotas: {', '.join(values)}")
    for name, sentence in too_small(told):
        fix = f"Set-Item WSMan:\\localhost\\Shell\\{name} {LEAST[name]}"
        yield Finding("hyperv-quotas", Severity.WARNING, sentence, fix=fix)


def _openssh(answers: dict[str, list[Any]], address: Address) -> Iterator[Finding]:
    running = any(str(one["Answer"]) == "Running" for one in answers.get("sshd", []))
    if address.transport == SSH or running:
        used = address.transport == SSH or any(key in address.options for key in SIDE)
        sentence = "OpenSSH runs there" + (", and large files go over it" if used else "; large files could go over it")
        fix = "" if used else 'ssh_host_key = "ssh-ed25519 AAAA…" and ssh_key_file =, or hyperv+ssh:// instead'
        yield Finding("hyperv-openssh", Severity.INFO, sentence, fix=fix)
        return
    sentence = "no OpenSSH server runs there, so files go to the host in the session itself, about 20 times slower"
    fix = "Add-WindowsCapability -Online -Name OpenSSH.Server~~~~0.0.1.0; Start-Service sshd"
    yield Finding("hyperv-openssh", Severity.WARNING, sentence, fix=fix)


def _hops(line: Line, address: Address) -> Iterator[Finding]:
    """A folder on a share is opened; without one there is nothing to try, and it says by what it was judged."""
    delegates = address.auth == "credssp"
    if address.folder.startswith("\\\\"):
        share = "\\".join(address.folder.split("\\")[:4])
        try:
            line.ask(Command("Get-Item", {"LiteralPath": share}))
        except RemoteError as error:
            sentence = f"golden's folder {address.folder} is on a share that the session cannot open (second hop)"
            fix = "folder = on a disk of the host or C:\\ClusterStorage, or delegation to the file server"
            yield Finding("hyperv-second-hop", Severity.ERROR, sentence, words_of(error), fix)
        else:
            yield Finding("hyperv-second-hop", Severity.INFO, f"the session opens {share} (second hop): tried")
    if delegates:
        sentence = "CredSSP leaves golden's password on the host while a session is open"
        yield Finding("hyperv-second-hop", Severity.WARNING, sentence, fix="auth = negotiate, where no share is needed")
    elif not address.folder.startswith("\\\\"):
        sentence = (
            f"sessions carry no network credential (second hop), judged by the way of logging in, {address.auth}: "
            "machines whose disks lie on a share are looked at when they are adopted, and refused if they do not open"
        )
        yield Finding("hyperv-second-hop", Severity.INFO, sentence)


def _room(disks: Disks, address: Address) -> Iterator[Finding]:
    try:
        free = disks.free(address.folder)
    except GoldenError as error:
        yield _of("hyperv-folder", error)
        return
    if free is None:
        yield Finding("hyperv-folder", Severity.WARNING, f"the host does not tell how much is free in {address.folder}")
    elif free < LINKED_ROOM:
        sentence = f"{free >> 20} MiB are free in {address.folder}; one clone may need {LINKED_ROOM >> 20}"
        yield Finding("hyperv-folder", Severity.ERROR, sentence, fix="golden gc, or folder = on another volume")
    else:
        yield Finding("hyperv-folder", Severity.INFO, f"{address.folder}, {free >> 30} GiB free")


def _networks(hypervisor: HyperV, address: Address) -> Iterator[Finding]:
    there = hypervisor.abilities.networks
    missing = [name for name in address.networks if name not in there]
    if missing:
        sentence = f"golden.toml names switches that the host does not have: {', '.join(missing)}"
        yield Finding("hyperv-network", Severity.ERROR, sentence, fix="New-VMSwitch -SwitchType Private -Name NAME")
    told = ", ".join(there) or "none (they need none)"
    yield Finding("hyperv-network", Severity.INFO, f"clones may be connected to: {told}")


def _of(name: str, error: GoldenError) -> Finding:
    return Finding(name, Severity.ERROR, error.brief, error.details or "", error.hint or "")
