"""golden's machines on a stage of a test's, and every verb of the provider's that changes something, with its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from golden.model import CloneOptions, Machine, Mark, Origin, Role, Snapshot
from golden.provider import Hypervisor
from tests.peers.vsphere.peer import Peer
from tests.peers.vsphere.seeding import VM

MARK = Mark(Role.VERSION, "job-1", "win2022", "here")
OTHER = Mark(Role.CAPTURE, "job-2", "win2022", "here")


class Stage:
    """golden's machines, made when a verb needs them, and the verbs."""

    def __init__(self, hypervisor: Hypervisor, where: str) -> None:
        self.hypervisor, self.where = hypervisor, where

    def adopt(self) -> Machine:
        """A machine that is off and not frozen."""
        return self.hypervisor.adopt("base", Origin("machine", self.where), MARK, in_place=False)

    def base(self) -> Machine:
        """The same, there already or not."""
        return self.hypervisor.find("base") or self.adopt()

    def point(self) -> Snapshot:
        """Frozen."""
        return self.hypervisor.freeze(self.base(), "v1")

    def clone(self) -> Machine:
        """A linked clone of it."""
        return self.hypervisor.clone("clone", self.point(), MARK, CloneOptions())

    def clear(self) -> None:
        """Everything of golden's is taken away."""
        if (image := self.hypervisor.find_image("image")) is not None:
            self.hypervisor.discard_image(image)
        for name in ("clone", "base"):
            machine = self.hypervisor.find(name)
            if machine is not None and not machine.settled:
                machine = self.hypervisor.settle(machine)
            for point in machine.snapshots if machine else ():
                self.hypervisor.drop_snapshot(Snapshot(name, point))
            if machine is not None:
                self.hypervisor.destroy(machine)
        assert self.hypervisor.list_marked() == ()


Verb = Callable[[Stage], Callable[[], object]]


def _adopt(stage: Stage) -> Callable[[], object]:
    return stage.adopt


def _clone(stage: Stage) -> Callable[[], object]:
    point = stage.point()
    return lambda: stage.hypervisor.clone("clone", point, MARK, CloneOptions())


def _start(stage: Stage) -> Callable[[], object]:
    machine = stage.base()
    return lambda: stage.hypervisor.start(machine)


def _stop(stage: Stage) -> Callable[[], object]:
    machine = stage.hypervisor.start(stage.base())
    return lambda: stage.hypervisor.stop(machine)


def _freeze(stage: Stage) -> Callable[[], object]:
    machine = stage.base()
    return lambda: stage.hypervisor.freeze(machine, "v1")


def _mark(stage: Stage) -> Callable[[], object]:
    machine = stage.base()
    return lambda: stage.hypervisor.mark(machine, OTHER)


def _disconnect(stage: Stage) -> Callable[[], object]:
    options = CloneOptions(network="VM Network")
    machine = stage.hypervisor.clone("clone", stage.point(), MARK, options)
    return lambda: stage.hypervisor.disconnect(machine)


def _drop(stage: Stage) -> Callable[[], object]:
    point = stage.point()
    return lambda: stage.hypervisor.drop_snapshot(point)


def _destroy(stage: Stage) -> Callable[[], object]:
    machine = stage.base()
    return lambda: stage.hypervisor.destroy(machine)


def _capture(stage: Stage) -> Callable[[], object]:
    machine = stage.base()
    return lambda: stage.hypervisor.capture("image", machine, MARK)


def _discard(stage: Stage) -> Callable[[], object]:
    image = stage.hypervisor.capture("image", stage.base(), MARK)
    return lambda: stage.hypervisor.discard_image(image)


VERBS: list[tuple[Verb, str]] = [
    (_adopt, "CloneVM_Task"),
    (_adopt, "ReconfigVM_Task"),
    (_clone, "CloneVM_Task"),
    (_clone, "ReconfigVM_Task"),
    (_start, "PowerOnVM_Task"),
    (_stop, "PowerOffVM_Task"),
    (_freeze, "CreateSnapshot_Task"),
    (_mark, "ReconfigVM_Task"),
    (_disconnect, "ReconfigVM_Task"),
    (_drop, "RemoveSnapshot_Task"),
    (_destroy, "Destroy_Task"),
    (_capture, "CloneVM_Task"),
    (_capture, "MarkAsTemplate"),
    (_discard, "Destroy_Task"),
]
IDS = [f"{verb.__name__[1:]}-{call}" for verb, call in VERBS]
TASKS = [pair for pair in VERBS if pair[1].endswith("_Task")]


def made(peer: Peer) -> Counter[str]:
    """Names of all machines and templates there are, and how often each."""
    moids = peer.world.inventory.machines()
    return Counter(peer.world.upstream.texts(VM, moid, "name")["name"] for moid in moids)
