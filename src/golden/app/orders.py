"""From what a user typed to an order that a job can carry out: looked at whole before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.app.names import Target, version_of
from golden.app.project import Project, family
from golden.app.run import refuse_unfinished
from golden.errors import GoldenError, NotAble, NotFound, Refused, UsageError
from golden.guest.asking import as_asked
from golden.guest.family import Family, Prepared, Wanted
from golden.model import (
    AdoptOrder,
    Change,
    Finding,
    GuestFacts,
    Origin,
    PayloadFile,
    PruneOrder,
    PublishOrder,
    UpdateOrder,
    Version,
)
from golden.procedures.frozen import check_frozen
from golden.provider import Abilities, Hypervisor
from golden.settings import check_name, nearest
from golden.waiting import Watcher
from golden.written import expanded

RESERVE = 64 << 20
"""Bytes left free on the endpoint beyond what a plan expects to need."""

DISK_ENDINGS = (".qcow2", ".raw", ".img", ".vmdk", ".vhdx", ".vhd")
"""How the names of disk images end, so that one that is not there is told as such."""


FIXING = "fix what is safe"
"""The step of a plan that makes the fixes which golden check calls safe."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job would do, with numbers; the same engine that does it."""

    procedure: str
    reference: str
    base: str
    """e.g. win2022@v4"""
    result: str
    """e.g. win2022@v5"""
    clone: str
    """linked | full | copy"""
    space: int
    """Bytes expected to be needed on the endpoint."""
    free: int | None
    steps: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    sources: tuple[tuple[PayloadFile, Path], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class UpdateWish:
    """What a user wants of an update."""

    wanted: tuple[Wanted, ...]
    message: str = ""
    full: bool = False
    network: str | None = None
    timeout: float = 3600
    apply_fixes: bool = False
    """After the changes, what golden check calls safe."""


def adopt_order(project: Project, reference: str, origin: Origin, **options: object) -> AdoptOrder:
    """Adopt an origin under a name, on the endpoint that golden.toml or ``endpoint`` names."""
    check_name(reference, "reference")
    endpoint = str(options.pop("endpoint", None) or project.settings.default_endpoint(reference))
    project.settings.endpoint(endpoint)
    return AdoptOrder(reference, origin, endpoint, **options)  # type: ignore[arg-type]


def origin_of(where: str, **options: object) -> Origin:
    """
    A disk image or domain XML where the text is a file, else the name of a machine on the endpoint.

    ``machine:NAME`` is always a machine: for names and paths in an inventory that look like a file's.
    """
    if where.startswith("machine:"):
        return Origin("machine", where.removeprefix("machine:"), **options)  # type: ignore[arg-type]
    path = expanded(where)
    if path.suffix.lower() == ".xml" and path.is_file():
        return Origin("definition", str(path.absolute()), **options)  # type: ignore[arg-type]
    if path.is_file():
        return Origin("disk", str(path.absolute()), **options)  # type: ignore[arg-type]
    if path.is_block_device():
        raise NotAble(
            f"{where} is a block device, and golden adopts disks that are files",
            hint=f"with its machine off: qemu-img convert -O qcow2 {where} disk.qcow2, and --from disk.qcow2",
        )
    if "/" in where or "\\" in where or path.suffix.lower() in (*DISK_ENDINGS, ".xml"):
        hint = f"a disk image, a domain's XML file, or a machine's name (machine:{where})"
        if path.is_dir():
            raise UsageError(f"{where} is a folder", hint=hint)
        raise NotFound(f"there is no file {where}", hint=hint)
    return Origin("machine", where, **options)  # type: ignore[arg-type]


def update_order(project: Project, target: Target, wish: UpdateWish, watcher: Watcher) -> tuple[UpdateOrder, Plan]:
    """
    Look at every change on this computer, at the endpoint's abilities and room, and say what would happen.

    UsageError, NotFound or ChecksFailed where a change cannot be applied; Refused where the endpoint has no room.
    """
    if not wish.wanted and not wish.apply_fixes:
        hint = "--add driver.inf, --run script.ps1, --copy FILE:PLACE, --playbook p.toml or --apply-fixes"
        raise UsageError("nothing to change", hint=hint)
    catalog = project.catalog
    parent = version_of(target, catalog)
    guests = family(catalog.reference(parent.reference).os)
    prepared = [_prepared(guests, one, parent.facts) for one in wish.wanted]
    payload = sum(file.size for one in prepared for file, _ in one.sources)
    with project.hypervisor(catalog.reference(parent.reference).endpoint, "look", watcher) as hypervisor:
        linked = is_linked(hypervisor.abilities, parent, full=wish.full)
        check_network(hypervisor.abilities, wish.network)
        if wish.network is None:
            need_no_network(wish.wanted, prepared, hypervisor.abilities)
        space = room(hypervisor, parent, payload * 2, linked=linked)
        free = hypervisor.free_space()
    changes = tuple(one.change for one in prepared)
    number = catalog.next_version(parent.reference)
    order = UpdateOrder(
        parent.reference,
        parent.number,
        number,
        changes,
        wish.message,
        linked,
        wish.network,
        wish.timeout,
        wish.apply_fixes,
    )
    steps = _update_steps(changes, wish)
    names = (f"{order.reference}@v{order.parent}", f"{order.reference}@v{order.number}")
    findings = tuple(finding for one in prepared for finding in one.findings)
    sources = tuple(source for one in prepared for source in one.sources)
    kind = "linked" if linked else "full"
    return order, Plan("update", order.reference, *names, kind, space, free, steps, findings, sources)


def assert_would_begin(project: Project, reference: str, number: int, watcher: Watcher) -> None:
    """
    For a plan that nobody carries out: what a job on that version looks at first of all, refused as the job would.

    Conflict where another one was cut off, Tampered where the frozen version is not what it was.
    """
    refuse_unfinished(project, reference)
    endpoint = project.catalog.reference(reference).endpoint
    with project.shop(endpoint, reference, "look", watcher) as shop:
        watcher.doing(f"looking at the frozen files of {reference}@v{number}")
        check_frozen(shop, shop.catalog.version(reference, number))


def _update_steps(changes: tuple[Change, ...], wish: UpdateWish) -> tuple[str, ...]:
    return (
        "clone",
        *(f"{change.kind} {change.name}" for change in changes),
        *((f"take the network {wish.network} away",) if wish.network else ()),
        *((FIXING,) if wish.apply_fixes else ()),
        "shut down",
        "read the disk",
        "freeze",
        "record",
    )


def _prepared(guests: Family, wanted: Wanted, facts: GuestFacts) -> Prepared:
    try:
        return guests.prepare(wanted, facts)
    except GoldenError as error:
        raise as_asked(error, wanted) from error


def need_no_network(wanted: tuple[Wanted, ...], prepared: list[Prepared], abilities: Abilities) -> None:
    """UsageError where a change cannot be applied without a network."""
    those = ", ".join(abilities.networks)
    for asked, found in zip(wanted, prepared, strict=True):
        if found.network:
            words = f"{found.change.kind} needs a network, and a clone has none unless one is named"
            hint = f"--network NET, one of: {those}" if those else "--network NET"
            raise as_asked(UsageError(words, hint=hint), asked)


def publish_order(project: Project, reference: str, image: int, libraries: tuple[str, ...]) -> PublishOrder:
    """Publish an image; without libraries the default one."""
    libraries = libraries or tuple(filter(None, (project.settings.defaults.get("library"),)))
    if not libraries and len(project.settings.libraries) == 1:
        libraries = tuple(project.settings.libraries)
    if not libraries:
        raise UsageError(
            "publish where?", hint="--to LIBRARY; golden library list shows them, golden library add adds one"
        )
    for name in libraries:
        project.settings.library(name)
    return PublishOrder(reference, project.catalog.image(reference, image).number, libraries)


def prune_order(reference: str, versions: tuple[int, ...], images: tuple[int, ...]) -> PruneOrder:
    """Prune exactly these."""
    return PruneOrder(reference, versions, images)


def keep_payloads(project: Project, sources: tuple[tuple[PayloadFile, Path], ...]) -> None:
    """Copy every file of the changes into the payload store, checked by content."""
    from golden.catalog.payloads import Payloads

    payloads = Payloads(project.settings.state / "payloads")
    for file, path in sources:
        payloads.keep(file, path)


def is_linked(abilities: Abilities, parent: Version, *, full: bool) -> bool:
    """
    Linked where the endpoint can and the chain does not grow beyond what it bears, with one more on top of the new
    version: the throw-away clones that it is looked at in, checked in and captured from.
    """
    deep = abilities.snapshot_depth is not None and parent.depth + 2 > abilities.snapshot_depth
    return abilities.linked_clone and not full and not deep


def check_network(abilities: Abilities, network: str | None) -> None:
    """NotFound where the endpoint has no such network."""
    if network is not None and abilities.networks and network not in abilities.networks:
        known = ", ".join(abilities.networks)
        close = nearest(network, abilities.networks)
        raise NotFound(
            f"the endpoint has no network {network!r}",
            details=f"there are: {known}",
            hint=f"--network {close or abilities.networks[0]}",
        )


def room(hypervisor: Hypervisor, parent: Version, payload: int, *, linked: bool) -> int:
    """Bytes a clone is expected to need. Refused where the endpoint has less."""
    base = 0 if linked else sum(disk.size for disk in parent.disks)
    space = base + payload + RESERVE
    assert_room(space, hypervisor.free_space())
    return space


def assert_room(space: int, free: int | None) -> None:
    """Refused where fewer bytes are free than are needed."""
    if free is not None and free < space:
        raise Refused(
            f"this needs about {space >> 20} MiB on the endpoint, and {free >> 20} MiB are free",
            hint="golden prune shows what may go",
        )
