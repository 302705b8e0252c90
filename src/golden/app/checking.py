"""Whether a version, or a disk that belongs to nobody yet, could be generalized."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from golden.app.capturing import answer_payload
from golden.app.names import Target, version_of
from golden.app.orders import DISK_ENDINGS
from golden.app.project import Project, family
from golden.disk.raw import RawFile
from golden.disk.source import BlockSource
from golden.errors import NotAble, NotFound, UsageError
from golden.guest.family import Family, SealOrder
from golden.model import CheckOrder, CheckReport, Finding, GuestFacts, Origin, PayloadFile
from golden.procedures.checking import Preflight, look, with_findings
from golden.procedures.frozen import check_frozen
from golden.provider import Endpoint, Scope
from golden.waiting import Watcher
from golden.written import expanded

_CONTAINERS = (b"QFI\xfb", b"KDMV", b"vhdxfile", b"conectix", b"# Disk DescriptorFile", b"<<< ")
"""How files begin that hold a disk in another form than byte by byte: qcow2, VMDK, VHDX, VHD, VDI."""


@dataclass(frozen=True, slots=True)
class CheckWish:
    """What a user wants checked."""

    seal: str | None = None
    answer_file: Path | None = None
    fix: bool = False
    rehearse: bool = False
    timeout: float = 45 * 60


def check_order(
    project: Project, target: Target, wish: CheckWish
) -> tuple[CheckOrder, tuple[tuple[PayloadFile, Path], ...]]:
    """The job that checks a version, and the files it needs. UsageError for a seal that its guest does not know."""
    version = version_of(target, project.catalog)
    guests = family(project.catalog.reference(version.reference).os)
    seal = wish.seal or guests.seals[0]
    if seal not in guests.seals:
        raise UsageError(f"guests of {version.reference} cannot be sealed with {seal!r}", hint=", ".join(guests.seals))
    answers = answer_payload(wish.answer_file, seal)
    digest = answers[0].sha256 if answers else ""
    order = CheckOrder(
        version.reference,
        version.number,
        seal,
        digest,
        wish.fix,
        wish.rehearse,
        wish.timeout,
        _linted(guests, wish, version.facts),
    )
    return order, (answers,) if answers else ()


def version_offline(project: Project, target: Target, wish: CheckWish, watcher: Watcher) -> CheckReport:
    """What a version's frozen disk tells. Nothing is started, and no clone is made. NotAble where none is shown."""
    version = version_of(target, project.catalog)
    reference = project.catalog.reference(version.reference)
    with project.shop(reference.endpoint, reference.name, "look", watcher) as shop:
        if not shop.hypervisor.abilities.open_disk:
            raise NotAble(
                f"the endpoint {reference.endpoint} shows golden no disks, so nothing can be checked offline there",
                hint=f"golden check {reference.name}@v{version.number} looks in a running clone, and throws it away",
            )
        check_frozen(shop, version)
        guests = family(reference.os)
        asked = Preflight(guests, _seal_order(guests, wish, shop.account.name))
        watcher.doing(f"reading the disk of {reference.name}@v{version.number}")
        found = with_findings(look(shop, version.snapshot, asked), _linted(guests, wish, version.facts))
    name = f"{version.reference}@v{version.number}"
    return CheckReport(name, found, ("offline",), asked.order.seal, stand_in=version.facts.stand_in)


def disk_offline(path: Path, wish: CheckWish, watcher: Watcher) -> CheckReport:
    """
    What a powered-off disk tells that is in no project: a raw one is read here, others through QEMU's own tools.

    NotFound, Refused or EndpointError where the file cannot be read as a disk.
    """
    watcher.doing(f"reading {path.name}")
    with _opened(path, watcher) as disk:
        guests = _family_on(disk)
        facts = guests.read(disk)
        order = _seal_order(guests, wish)
        found = with_findings(guests.inspect(disk, order), _linted(guests, wish, facts))
    return CheckReport(str(path), found, ("offline",), order.seal, stand_in=facts.stand_in)


def is_disk(text: str | None) -> bool:
    """Whether what was typed is a disk rather than the address of a version: a file, or what is named like one."""
    if not text or "\0" in text:
        return False
    if "/" in text or "\\" in text or text.lower().endswith(DISK_ENDINGS):
        return True
    try:
        return expanded(text).is_file()
    except (OSError, NotFound):
        return False  # A name too long for a file, or the home of a user that there is not.


def is_missing(disk: str) -> bool:
    """Whether nothing of that name is there; what cannot even be looked for is told by whoever opens it."""
    try:
        return not expanded(disk).exists()
    except (OSError, NotFound):
        return False


def _seal_order(guests: Family, wish: CheckWish, account: str = "") -> SealOrder:
    """How it would be sealed. UsageError or NotFound where it cannot be wished so."""
    seal = wish.seal or guests.seals[0]
    if seal not in guests.seals:
        raise UsageError(f"a {guests.name} guest cannot be sealed with {seal!r}", hint=", ".join(guests.seals))
    answer_payload(wish.answer_file, seal)
    return SealOrder(seal, wish.answer_file, account)


def _linted(guests: Family, wish: CheckWish, facts: GuestFacts) -> tuple[Finding, ...]:
    """What the family says of the answer file that is to be used, as a capture would ask; nothing without one."""
    return guests.lint(wish.answer_file, facts) if wish.answer_file is not None else ()


def _family_on(disk: BlockSource) -> Family:
    """The family whose guest is on the disk; Windows' where there is none, which then says what it met."""
    return next((one for one in (family("windows"), family("linux")) if one.read(disk).os), family("windows"))


@contextmanager
def _opened(path: Path, watcher: Watcher) -> Iterator[BlockSource]:
    path = expanded(path)
    with suppress(OSError):
        path = path.absolute()
        if path.is_dir():
            raise UsageError(f"{path} is a folder; golden check reads a disk's file")
    with RawFile(path) as raw:
        if not raw.read_at(0, 64).startswith(_CONTAINERS):
            if raw.size == 0:
                raise UsageError(f"{path} is empty")
            yield raw
            return
    from golden import plugins

    # A state folder of its own, so that looking at somebody's disk leaves nothing behind in the working directory.
    with tempfile.TemporaryDirectory(prefix="golden-look-") as state:
        hypervisor = plugins.open_hypervisor(Endpoint("look", "qemu:///embed"), Scope("look", Path(state), watcher))
        try:
            with hypervisor.open_disk(Origin("disk", str(path))) as disk:
                yield disk
        finally:
            hypervisor.close()
