"""
The contract every library keeps, as promises that run unchanged against any of them.

Like ``golden.testing.contract``, for the places images are published to.
"""

from __future__ import annotations

import io
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

from golden.errors import GoldenError, NotFound, PolicyRefused, ProofFailed, TimedOut
from golden.model import Image
from golden.testing.contract import BrokenPromise, Result, must, refused, tried
from golden.testing.library_ground import (
    LONG_AGO,
    LibraryBench,
    LibraryGround,
    OfItsKind,
    OnItsSide,
    bytes_of,
    content_of,
    sample,
)
from golden.waiting import Deadline, Silent, Waiting, Watcher

__all__ = [
    "LONG_AGO",
    "PROMISES",
    "BrokenSource",
    "LibraryBench",
    "LibraryGround",
    "LibraryPromise",
    "OfItsKind",
    "OnItsSide",
    "bytes_of",
    "content_of",
    "run_library_contract",
    "sample",
]


def what_is_published_is_found(ground: LibraryGround) -> None:
    """A published image is found by its key and listed, is what its form says, and reads back well."""
    image, publication = ground.published()
    form = image.artifact.forms[0]
    must(ground.library.find(ground.key(image)) == publication, "what publish returns is not what is found")
    must(publication in ground.ours(), "it is not listed")
    told = (publication.reference, publication.image, publication.format, publication.key)
    must(told == (ground.reference, image.number, form.format, ground.key(image)), f"it says {told}")
    must((publication.sha256, publication.size) == (form.sha256, form.size), "its hash or size is another")
    must(publication.name and publication.where and publication.created, "name, place or time is missing")
    must(not publication.retired, "a new publication is retired")
    ground.library.verify(publication)


def the_same_key_is_the_same_publication(ground: LibraryGround) -> None:
    """Publishing under the same key again gives the same publication, and settling it changes nothing."""
    image, publication = ground.published()
    must(ground.publish(image) == publication, "the second time it is another one")
    must(ground.library.settle(ground.key(image)) == publication, "settling changes what is finished")
    must(len([item for item in ground.ours() if item.image == image.number]) == 1, "it is listed twice")


def images_stand_side_by_side(ground: LibraryGround) -> None:
    """Where the library is versioned, a second image of a reference leaves the first as it is."""
    _, first = ground.published()
    _, second = ground.published()
    if ground.library.abilities.versioned:
        must({first, second} <= set(ground.ours()), "one of the two is not listed")
        ground.library.verify(first)
    ground.library.verify(second)


def what_is_not_taken_is_refused(ground: LibraryGround) -> None:
    """A form or seal that the library does not take is refused, and nothing is there."""
    image = ground.image()
    odd = replace(image.artifact.forms[0], format="punched-cards")
    with refused(PolicyRefused, "a form that is not taken"):
        ground.library.publish(image, odd, ground.bytes_of(image), ground.key(image))
    with refused(PolicyRefused, "a seal that is not taken"):
        ground.publish(replace(image, seal="wax"))
    _nothing_is_there(ground, image)


def other_bytes_are_refused(ground: LibraryGround) -> None:
    """Content that is not what the form says, or ends early, is refused, and nothing is there; then it works."""
    image = ground.image()
    form = image.artifact.forms[0]
    for wrong in (replace(form, sha256="0" * 64), replace(form, size=form.size + 1)):
        with refused(ProofFailed, "content that is not what was recorded"):
            ground.library.publish(image, wrong, ground.bytes_of(image), ground.key(image))
        _nothing_is_there(ground, image)
    ground.library.verify(ground.publish(image))


def a_source_that_breaks_leaves_nothing(ground: LibraryGround) -> None:
    """Where reading the content fails half-way nothing is there; the next publish works."""
    image = ground.image()
    if image.artifact.forms[0].format in ground.library.abilities.on_its_side:
        return  # Nothing is read, so nothing breaks.
    with refused(GoldenError, "content that breaks"):
        ground.library.publish(image, image.artifact.forms[0], _breaking(image, ground.bench), ground.key(image))
    _nothing_is_there(ground, image)
    ground.library.verify(ground.publish(image))


def what_was_damaged_is_noticed(ground: LibraryGround) -> None:
    """Verifying what was changed behind the library's back is ProofFailed."""
    _, publication = ground.published()
    if ground.bench.damage(publication):
        with refused(ProofFailed, "verifying what was changed"):
            ground.library.verify(publication)
    ground.library.withdraw(publication)


def what_is_retired_stays(ground: LibraryGround) -> None:
    """A retired publication is found, listed and whole, and says so; retiring again is the same."""
    image, publication = ground.published()
    for _ in range(2):
        retired = ground.library.retire(publication)
        must(retired == replace(publication, retired=True), "retiring changes more than that")
    must(ground.library.find(ground.key(image)) == retired, "it is not found as retired")
    must(retired in ground.ours(), "it is not listed as retired")
    ground.library.verify(retired)


def what_is_withdrawn_is_gone(ground: LibraryGround) -> None:
    """A withdrawn publication is gone, withdrawing it again is success, and its key may be used again."""
    image, publication = ground.published()
    _, other = ground.published()
    for _ in range(2):
        ground.library.withdraw(publication)
    _nothing_is_there(ground, image)
    with refused(NotFound, "verifying what is gone"):
        ground.library.verify(publication)
    with refused(NotFound, "retiring what is gone"):
        ground.library.retire(publication)
    ground.library.verify(other)
    ground.library.verify(ground.publish(image))


def connections_see_the_same(ground: LibraryGround) -> None:
    """Another connection finds what this one published; closing twice is harmless."""
    image, publication = ground.published()
    other = ground.bench.open()
    must(other.find(ground.key(image)) == publication, "the other connection finds something else")
    other.verify(publication)
    other.withdraw(publication)
    other.close()
    other.close()
    must(ground.library.find(ground.key(image)) is None, "what the other one withdrew is still found")


def a_publish_cut_off_leaves_nothing_finished(ground: LibraryGround) -> None:
    """A publish whose client was killed is neither found nor listed; settled or not, the next one replaces it."""
    for settles in (True, False):
        image = ground.image()
        ground.leave()
        _cut_off(ground.bench, image, ground.key(image))
        _nothing_is_there(ground, image)
        if settles:
            must(ground.library.settle(ground.key(image)) is None, "half a publication is settled as a whole one")
        publication = ground.publish(image)
        ground.library.verify(publication)
        must([item for item in ground.ours() if item.image == image.number] == [publication], "it is listed oddly")


def _nothing_is_there(ground: LibraryGround, image: Image) -> None:
    must(ground.library.find(ground.key(image)) is None, "something is found")
    must(all(item.image != image.number for item in ground.ours()), "something is listed")


class _Breaks(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise BrokenSource("the line to the hypervisor broke")
        return super().read(1000 if size is None or size < 0 else min(size, 1000))


class BrokenSource(GoldenError):
    """What the promise about breaking sources raises; a library lets it through."""


@contextmanager
def _breaking(image: Image, bench: object) -> Iterator[BinaryIO]:
    yield _Breaks(content_of(image.reference, image.number, bench))


def _cut_off(bench: LibraryBench, image: Image, key: str) -> None:
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    child = context.Process(target=_publish_slowly, args=(bench, image, key, begun))
    child.start()
    came = _underway(bench, key) if isinstance(bench, OnItsSide) else begun.wait(60)
    child.kill()
    child.join()
    if not came:
        raise BrokenPromise("a publish never got half-way")


def _underway(bench: OnItsSide, key: str) -> bool:
    try:
        return Waiting(Deadline(60), tick=0.005).until("a publish to be half-way", lambda: bench.underway(key))
    except TimedOut:
        return False


def _publish_slowly(bench: LibraryBench, image: Image, key: str, begun: Any) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                begun.set()
                threading.Event().wait()
            return super().read(1000 if size is None or size < 0 else min(size, 1000))

    @contextmanager
    def slow() -> Iterator[BinaryIO]:
        yield Slow(content_of(image.reference, image.number, bench))

    bench.open().publish(image, image.artifact.forms[0], slow(), key)


LibraryPromise = Callable[[LibraryGround], None]

PROMISES: tuple[LibraryPromise, ...] = (
    what_is_published_is_found,
    the_same_key_is_the_same_publication,
    images_stand_side_by_side,
    what_is_not_taken_is_refused,
    other_bytes_are_refused,
    a_source_that_breaks_leaves_nothing,
    what_was_damaged_is_noticed,
    what_is_retired_stays,
    what_is_withdrawn_is_gone,
    connections_see_the_same,
    a_publish_cut_off_leaves_nothing_finished,
)


def run_library_contract(bench: LibraryBench, watcher: Watcher | None = None) -> tuple[Result, ...]:
    """Try every promise against the library of the bench, one after another, and leave nothing there."""
    ground = LibraryGround(bench, watcher or Silent())
    try:
        results = [tried(promise, ground, ground.watcher) for promise in PROMISES]
    finally:
        left = ground.clear()
    sentence = "Everything that was published can be withdrawn."
    return (*results, Result("everything_is_withdrawn", sentence, not left, 0.0, ", ".join(left)))
