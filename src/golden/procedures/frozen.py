"""What must be true of frozen versions: checked before and after every job on one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from golden.codec import plain
from golden.errors import GoldenError, NotFound, Tampered
from golden.model import Change, DiskFile, FileStamp, GuestFacts, Version
from golden.procedures.shop import Shop


def lineage_digest(parent: str, changes: tuple[Change, ...], facts: GuestFacts) -> str:
    """H(parent's digest, digests of the changes, facts); the evidence of the state is no part of it."""
    told = [parent, [change.digest for change in changes], plain(replace(facts, evidence=()))]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def chain(shop: Shop, version: Version) -> list[Version]:
    """The version and every ancestor whose disk it stands on, newest first."""
    found = [version]
    while found[-1].depth and found[-1].parent is not None:
        found.append(shop.catalog.version(version.reference, found[-1].parent))
    return found


def check_frozen(shop: Shop, version: Version) -> None:
    """Every file of the version and of those it stands on is what it was when it was frozen. Tampered otherwise."""
    for one in chain(shop, version):
        check_own(shop, one)


def check_own(shop: Shop, version: Version) -> None:
    """The same of a version's own files alone. Tampered says what to do about it."""
    name = f"{version.reference}@v{version.number}"
    try:
        stamps = shop.hypervisor.identity(version.snapshot)
    except (NotFound, Tampered) as error:
        raise _lost(shop, version, error) from error
    was = _named_now(version, stamps).stamps
    if stamps != was:
        again = f"golden verify {version.reference} --deep takes up again what was only copied or restored"
        raise Tampered(
            f"{name} was changed after it was frozen; golden will not build on it",
            details=_difference(was, stamps),
            hint="; else ".join((again, *_aside(shop, version))),
        )


def deep_check(shop: Shop, version: Version) -> tuple[tuple[DiskFile, ...], bool]:
    """
    Every frozen file of one version, hashed, and whether it was taken up again. Tampered names those that differ.

    Where every byte is what it was and only the identity is another, the files were copied, moved to another disk or
    restored from a backup: the new identity is kept. Only where all of them were hashed, and the identity was the same
    before the hashing and after it.
    """
    try:
        stamps = shop.hypervisor.identity(version.snapshot)
        version = _named_now(version, stamps)
        files = shop.hypervisor.digest(version.snapshot)
        is_calm = stamps == shop.hypervisor.identity(version.snapshot)
    except (NotFound, Tampered) as error:
        raise _lost(shop, version, error) from error
    _assert_same_bytes(shop, version, files)
    all_hashed = {stamp.path for stamp in stamps} <= {file.path for file in files}
    if stamps == version.stamps or not (is_calm and all_hashed):
        return files, False
    shop.catalog.restamp(replace(version, stamps=stamps))
    return files, True


def _named_now(version: Version, stamps: tuple[FileStamp, ...]) -> Version:
    """With the names that its files have by now: on another host those may change, and files go by their order."""
    if any(file.local for file in version.disks) or len(stamps) != len(version.stamps):
        return version
    names = {was.path: now.path for was, now in zip(version.stamps, stamps, strict=True)}
    return replace(
        version,
        stamps=tuple(replace(one, path=names[one.path]) for one in version.stamps),
        disks=tuple(replace(one, path=names.get(one.path, one.path)) for one in version.disks),
    )


def _assert_same_bytes(shop: Shop, version: Version, found: tuple[DiskFile, ...]) -> None:
    was = {file.path: file.sha256 for file in version.disks}
    bad = [file.path for file in found if was.get(file.path) != file.sha256]
    bad += [path for path in was if path not in {file.path for file in found}]
    if bad:
        name = f"{version.reference}@v{version.number}"
        hint = "; or ".join((_from_backup(version), *_aside(shop, version)))
        raise Tampered(f"{name} has other bytes than when it was frozen", details="\n".join(bad), hint=hint)


def _lost(shop: Shop, version: Version, error: GoldenError) -> Tampered:
    """For what the endpoint does not have any more, or knows to be broken."""
    said = "is not there any more" if isinstance(error, NotFound) else "is damaged"
    words = "\n".join(filter(None, (error.brief, error.details)))
    hint = "; or ".join((_from_backup(version), *_aside(shop, version)))
    return Tampered(f"{version.reference}@v{version.number} {said}", details=words, hint=hint)


def _from_backup(version: Version) -> str:
    return f"put its files back from a backup, then golden verify {version.reference} --deep"


def _aside(shop: Shop, bad: Version) -> tuple[str, ...]:
    """How to go on without a version: from the head, or the newest other, that is whole; nothing where none is."""
    head = shop.catalog.reference(bad.reference).head
    newest = reversed(shop.catalog.versions(bad.reference))
    for one in (shop.catalog.version(bad.reference, head), *newest):
        below = chain(shop, one)
        if any(each.number == bad.number for each in below) or not all(_is_whole(shop, each) for each in below):
            continue
        if one.number == head:
            return (f"leave it aside: the head, v{head}, does not stand on it",)
        return (f"golden rollback {bad.reference} --to v{one.number}, the newest that is whole without it",)
    return ()


def _is_whole(shop: Shop, version: Version) -> bool:
    try:
        stamps = shop.hypervisor.identity(version.snapshot)
    except GoldenError:
        return False
    return stamps == _named_now(version, stamps).stamps


def _difference(was: tuple[FileStamp, ...], now: tuple[FileStamp, ...]) -> str:
    before, after = {s.path: s.stamp for s in was}, {s.path: s.stamp for s in now}
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return "\n".join(f"{p}\n  was {before.get(p, 'not there')}\n  is  {after.get(p, 'not there')}" for p in paths)
