"""What must be true of frozen versions: checked before and after every job on one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from golden.codec import plain
from golden.errors import NotFound, Tampered
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
        name = f"{one.reference}@v{one.number}"
        try:
            stamps = shop.hypervisor.identity(one.snapshot)
        except NotFound as error:
            raise _gone(name, error) from error
        was = _named_now(one, stamps).stamps
        if stamps != was:
            raise Tampered(
                f"{name} was changed after it was frozen; golden will not build on it",
                details=_difference(was, stamps),
                hint=f"golden verify {name} --deep hashes it and takes it up again where its files were only copied or "
                "restored; golden rollback leaves it aside",
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
        files = _same_bytes(shop, version)
        is_calm = stamps == shop.hypervisor.identity(version.snapshot)
    except NotFound as error:
        raise _gone(f"{version.reference}@v{version.number}", error) from error
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


def _same_bytes(shop: Shop, version: Version) -> tuple[DiskFile, ...]:
    found = shop.hypervisor.digest(version.snapshot)
    was = {file.path: file.sha256 for file in version.disks}
    bad = [file.path for file in found if was.get(file.path) != file.sha256]
    bad += [path for path in was if path not in {file.path for file in found}]
    if bad:
        name = f"{version.reference}@v{version.number}"
        hint = f"put its files back from a backup; golden rollback {version.reference} leaves it aside"
        raise Tampered(f"{name} has other bytes than when it was frozen", details="\n".join(bad), hint=hint)
    return found


def _gone(name: str, error: NotFound) -> Tampered:
    words = "\n".join(filter(None, (error.brief, error.details)))
    return Tampered(f"{name} is not there any more", details=words, hint="golden doctor")


def _difference(was: tuple[FileStamp, ...], now: tuple[FileStamp, ...]) -> str:
    before, after = {s.path: s.stamp for s in was}, {s.path: s.stamp for s in now}
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return "\n".join(f"{p}\n  was {before.get(p, 'not there')}\n  is  {after.get(p, 'not there')}" for p in paths)
