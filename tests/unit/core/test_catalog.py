"""The catalog and its payloads: one transaction a sentence, also among several processes."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from golden.catalog import Catalog
from golden.catalog.payloads import Payloads
from golden.database import Database
from golden.errors import Tampered
from golden.model import (
    Artifact,
    GuestFacts,
    GuestState,
    Image,
    PayloadFile,
    Reference,
    SealProof,
    Snapshot,
    Version,
)

FACTS = GuestFacts("memory", GuestState.VIRGIN)
VERSION = Version(
    reference="ref",
    number=1,
    parent=None,
    digest="d",
    snapshot=Snapshot("m1", "v1"),
    facts=FACTS,
    disks=(),
    stamps=(),
    changes=(),
    message="one",
    created="then",
)
IMAGE = Image("ref", 1, 1, "sysprep", Artifact("a1", "a1", ()), SealProof("sysprep", "disk", FACTS, (), "then"), "then")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    database = Database(tmp_path / "state", write=True)
    Catalog(database).add_version(VERSION, Reference("ref", "memory", "here", "then"))
    yield tmp_path / "state"
    database.close()


def test_adding_again_gives_what_is_there(state: Path) -> None:
    """A step that is repeated after a crash does not return other times than those that were recorded."""
    database = Database(state, write=True)
    catalog = Catalog(database)
    assert catalog.add_version(replace(VERSION, created="later")) == VERSION
    assert catalog.add_image(IMAGE) == IMAGE
    assert catalog.add_image(replace(IMAGE, created="later")) == IMAGE
    database.close()


def test_two_who_move_a_channel_lose_no_history(state: Path) -> None:
    """What it named before is read in the same transaction that moves it."""
    database = Database(state, write=True)
    catalog = Catalog(database)
    threads, moves = 4, 25
    for number in range(1, 2 * threads + 1):
        catalog.add_image(replace(IMAGE, number=number, artifact=Artifact(f"a{number}", f"a{number}", ())))
    start = threading.Barrier(threads)

    def mover(first: int) -> None:
        mine = Database(state, write=True)
        mine.rows("PRAGMA synchronous = OFF")
        start.wait()
        for n in range(moves):
            Catalog(mine).move_channel("ref", "stable", first + n % 2)
        mine.close()

    running = [threading.Thread(target=mover, args=(1 + 2 * n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(catalog.channel("ref", "stable").history) == threads * moves - 1
    database.close()


def kept(folder: Path, text: bytes = b"secret", mode: int = 0o644) -> tuple[Payloads, PayloadFile, Path]:
    source = folder / "unattend.xml"
    source.write_bytes(text)
    source.chmod(mode)
    return Payloads(folder / "payloads"), PayloadFile("unattend.xml", hashlib.sha256(text).hexdigest(), 6), source


def test_a_kept_copy_with_other_bytes_is_not_applied_and_is_replaced(tmp_path: Path) -> None:
    """Its length alone proves nothing: what a version says was applied must be what was applied."""
    payloads, file, source = kept(tmp_path)
    path = payloads.keep(file, source)
    path.write_bytes(b"sEcret")
    with pytest.raises(Tampered, match="other bytes"):
        payloads.check(file)
    assert payloads.keep(file, source).read_bytes() == b"secret"
    assert payloads.check(file) == path


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_a_kept_copy_is_read_by_nobody_who_could_not_read_the_file(tmp_path: Path) -> None:
    """An answer file with a password stays as private as it was."""
    payloads, file, source = kept(tmp_path, mode=0o600)
    assert payloads.keep(file, source).stat().st_mode & 0o777 == 0o600


def test_sweeping_lets_a_copy_be_that_is_being_written(tmp_path: Path) -> None:
    """It may be another process's; one that was cut off long ago goes."""
    payloads, file, source = kept(tmp_path)
    folder = payloads.keep(file, source).parent
    live, dead = folder / "x.1.new", folder / "x.2.new"
    live.touch()
    dead.touch()
    long_ago = time.time() - 7200
    os.utime(dead, (long_ago, long_ago))
    assert payloads.sweep_unfinished() == 1
    assert (live.exists(), dead.exists()) == (True, False)
