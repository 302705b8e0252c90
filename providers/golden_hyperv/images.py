"""Images on a host: one flat VHDX each, with its record beside it."""

from __future__ import annotations

import contextlib
import secrets

from golden.errors import Conflict, GoldenError, TimedOut, Unreachable
from golden.model import Artifact, Form, Mark
from golden_hyperv import marking
from golden_hyperv.faults import translated
from golden_hyperv.machines import Held, Machines
from golden_hyperv.making import Maker
from golden_hyperv.marking import Record, State
from golden_hyperv.places import final

FORM = "vhdx"
SCHEME = "hyperv-vhdx:"
"""Before an image's path on its host, in the URL of its form."""


def path_of(form: Form) -> str:
    """Where the file of a form lies on its host; empty for one that is no image of this provider's."""
    url = form.url or ""
    return url.removeprefix(SCHEME) if url.startswith(SCHEME) else ""


def capture(maker: Maker, held: Held, name: str, mark: Mark) -> Artifact:
    """A copy of the system disk with its whole chain, that needs nothing else."""
    machines, disks = maker.machines, maker.disks
    record = held.record
    if record is None:
        raise Conflict(f"{held.name} is half-made and cannot be captured")
    maker.must_be_attached(held)
    source, part = record.disks[0], machines.places.image(name)
    with translated(f"capturing {held.name}"):
        disks.must_be_whole((source,), f"capturing {held.name}")
        size = disks.shape(source).size
        disks.must_hold(machines.places.folder, size, f"the image {name}")
    image = Record(
        marking.IMAGE,
        name,
        secrets.token_hex(8),
        State.MAKING,
        mark,
        machines.node,
        record.hardware,
        (part,),
        parent=record.token,
    )
    machines.claim(image)
    try:
        with translated(f"capturing {held.name}"):
            return _made(maker, image, source)
    except (Unreachable, TimedOut):
        raise  # The host may go on with it: the record stays, and discarding it looks.
    except GoldenError as error:
        with contextlib.suppress(GoldenError), translated(f"taking the image {name} away"):
            discard(maker, image)
        error.add_note(f"the image {name} was not made")
        raise


def _made(maker: Maker, image: Record, source: str) -> Artifact:
    machines, disks = maker.machines, maker.disks
    part, whole = image.disks[0], final(image.disks[0])

    def noted(job: str) -> None:
        machines.rewrite(image.but(job=job))

    disks.copy(source, part, noted)
    disks.freeze(part, whole, read_only=True)
    (known,) = disks.known((whole,))
    done = image.but(state=State.READY, disks=(whole,), size=known.length, sha256=disks.sha256(whole), job="")
    return shown(machines.rewrite(done))


def find(machines: Machines, name: str) -> Artifact | None:
    """Half-made ones have no form."""
    record = machines.record(marking.IMAGE, name)
    return None if record is None else shown(record)


def shown(record: Record) -> Artifact:
    """As core knows it."""
    form = Form(FORM, None, record.size, record.sha256, url=f"{SCHEME}{record.disks[0]}")
    return Artifact(record.token, record.name, (form,) if record.settled else ())


def discard(maker: Maker, record: Record) -> None:
    """What still works on it is waited for; the record goes last."""
    machines, disks = maker.machines, maker.disks
    if record.state is State.READY:
        record = machines.rewrite(record.but(state=State.REMOVING))
    if record.job:
        disks.settle(record.job, record.disks[0])
    disks.clear(machines.places.own(marking.IMAGE, record.name))
    disks.clear(machines.forget(record))
