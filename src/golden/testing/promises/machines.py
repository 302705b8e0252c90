"""Promises about names, machines, clones, power and marks."""

from __future__ import annotations

from dataclasses import replace

from golden.errors import Conflict, GoldenError, NotAble, NotFound
from golden.model import CloneOptions, Machine, Origin, Power, Role, Severity, Snapshot
from golden.testing.contract import Ground, must, refused
from golden.testing.promises.cut_off import a_clone_cut_off_is_nothing_or_settles

NO_NAMES = ("", "../up", "a/b", "A", "a b", "-a", "a\n", "a'b", "<a>", "$(a)", "ä", "a" * 300)


def names_are_taken_as_they_are(ground: Ground) -> None:
    """A machine is found under exactly the name it was given."""
    name = f"0-{ground.name('a')}--9"
    machine = ground.hypervisor.clone(name, ground.base, ground.mark(), CloneOptions(linked=_able(ground)))
    must(machine.name == name, f"asked for {name}, got {machine.name}")
    must(ground.now(machine).name == name, "it is found under another name")
    ground.hypervisor.destroy(machine)


def what_is_no_name_makes_nothing(ground: Ground) -> None:
    """A name with a separator, a quote, a newline or anything but a-z, 0-9 and - is refused."""
    options, source = CloneOptions(linked=_able(ground)), ground.base
    before = ground.ours()
    for name in NO_NAMES:
        with refused(GoldenError, f"a clone called {name!r}"):
            ground.hypervisor.clone(name, source, ground.mark(), options)
    must(ground.ours() == before, "a refused name left something behind")


def an_existing_name_is_conflict(ground: Ground) -> None:
    """Making a machine whose name is taken is Conflict, and the one that has it stays as it is."""
    machine, options = ground.clone("twice"), CloneOptions(linked=_able(ground))
    with refused(Conflict, "a clone with a name that is taken"):
        ground.hypervisor.clone(machine.name, ground.base, ground.mark(Role.CAPTURE), options)
    with refused(Conflict, "adopting under a name that is taken"):
        ground.hypervisor.adopt(machine.name, ground.bench.origin(), ground.mark(), in_place=False)
    must(ground.now(machine) == machine, "the machine that had the name has changed")
    ground.hypervisor.destroy(machine)


def absence_is_success(ground: Ground) -> None:
    """Finding what is absent is None, and taking it away is success, again and again."""
    machine = ground.clone("gone")
    ground.hypervisor.destroy(machine)
    ground.hypervisor.destroy(machine)
    must(ground.hypervisor.find(machine.name) is None, "a destroyed machine is found")
    must(ground.hypervisor.settle(machine) is None, "settling what is gone gives a machine")
    ground.hypervisor.drop_snapshot(Snapshot(machine.name, "v1"))
    ground.hypervisor.drop_snapshot(Snapshot(ground.base.machine, "never"))
    must(ground.hypervisor.find_image(ground.name("no")) is None, "an image that was never made is found")


def what_is_gone_is_not_found(ground: Ground) -> None:
    """Power and freezing of a machine that is gone, and cloning from a point that is gone, are NotFound."""
    machine = ground.clone("gone")
    ground.hypervisor.destroy(machine)
    for verb in (ground.hypervisor.start, ground.hypervisor.stop):
        with refused(NotFound, f"{verb.__name__} of a machine that is gone"):
            verb(machine)
    with refused(NotFound, "freezing a machine that is gone"):
        ground.hypervisor.freeze(machine, "v1")
    for source in (Snapshot(machine.name, "v1"), replace(ground.base, name="never")):
        with refused(NotFound, "cloning from a point that is not there"):
            ground.clone("orphan", source)
        with refused(NotFound, "the identity of a point that is not there"):
            ground.hypervisor.identity(source)


def a_clone_is_off_settled_and_marked(ground: Ground) -> None:
    """A clone is a machine of its own: off, settled, with the mark it was given and nothing frozen."""
    for linked in {_able(ground), False}:
        machine = ground.clone("fresh", linked=linked)
        must(machine == ground.now(machine), "what clone returns is not what find shows")
        must(machine.power is Power.OFF, "a new clone is on")
        must(machine.settled, "a finished clone is not settled")
        must(machine.mark == ground.mark(), f"its mark is {machine.mark}")
        must(machine.snapshots == (), "a new clone has frozen points")
        must(ground.hypervisor.settle(machine) == machine, "settling a settled machine changes it")
        ground.hypervisor.destroy(machine)


def a_network_that_is_not_there_is_refused(ground: Ground) -> None:
    """A clone on a network that the endpoint does not have is refused, and nothing is left of it."""
    name = ground.name("net")
    options = CloneOptions(linked=_able(ground), network="no-such-network-0")
    with refused(GoldenError, "a clone on a network that is not there"):
        ground.hypervisor.clone(name, ground.base, ground.mark(), options)
    must(ground.hypervisor.find(name) is None, "a refused clone is left")
    if not ground.hypervisor.abilities.linked_clone:
        with refused(NotAble, "a linked clone where there are none"):
            ground.clone("linked", linked=True)


def a_machine_is_cut_off_its_network(ground: Ground) -> None:
    """Running or off, it has no network any more, also after a restart; again is success, and it goes on running."""
    networks = ground.hypervisor.abilities.networks
    name = ground.name("net")
    options = CloneOptions(linked=_able(ground), network=networks[0] if networks else None)
    machine = ground.hypervisor.clone(name, ground.base, ground.mark(), options)
    must(machine.networks == networks[:1], f"asked for {networks[:1]}, it says it is connected to {machine.networks}")
    ground.hypervisor.start(machine)
    for _ in range(2):
        cut = ground.hypervisor.disconnect(machine)
        must(cut.networks == (), f"after it was cut off it is connected to {cut.networks}")
    must(ground.now(machine).power is Power.ON, "cutting it off switched it off")
    ground.hypervisor.stop(machine)
    ground.hypervisor.disconnect(machine)
    must(ground.hypervisor.start(machine).networks == (), "a start brought its network back")
    ground.hypervisor.stop(machine)
    ground.hypervisor.freeze(machine, "v1")
    with refused(Conflict, "cutting a frozen machine off"):
        ground.hypervisor.disconnect(machine)
    ground.hypervisor.drop_snapshot(Snapshot(name, "v1"))
    ground.hypervisor.destroy(machine)
    with refused(NotFound, "cutting off a machine that is gone"):
        ground.hypervisor.disconnect(machine)


def power_is_idempotent(ground: Ground) -> None:
    """Starting what is on and stopping what is off are success; find tells the truth about power."""
    machine = ground.clone("power")
    must(ground.hypervisor.stop(machine).power is Power.OFF, "stopping what is off does not leave it off")
    for _ in range(2):
        must(ground.hypervisor.start(machine).power is Power.ON, "start returns a machine that is not on")
        must(ground.now(machine).power is Power.ON, "a started machine is not found on")
    for _ in range(2):
        must(ground.hypervisor.stop(machine).power is Power.OFF, "stop returns a machine that is not off")
        must(ground.now(machine).power is Power.OFF, "a stopped machine is not found off")
    ground.hypervisor.destroy(machine)


def destroying_takes_a_running_machine(ground: Ground) -> None:
    """A machine that is on is powered off and taken away."""
    machine = ground.hypervisor.start(ground.clone("doomed"))
    ground.hypervisor.destroy(machine)
    must(ground.hypervisor.find(machine.name) is None, "it is still there")


def a_mark_is_replaced(ground: Ground) -> None:
    """The mark is replaced in find and in list_marked, and nothing else changes."""
    machine, new = ground.clone("mark"), ground.mark(Role.CAPTURE)
    must(ground.hypervisor.mark(machine, new) == replace(machine, mark=new), "mark returns something else")
    must(ground.now(machine) == replace(machine, mark=new), "find does not show the new mark")
    must(_marks(ground, machine) == [new], "list_marked does not show the new mark, once")
    ground.hypervisor.destroy(machine)
    must(_marks(ground, machine) == [], "list_marked shows a machine that is gone")


def an_origin_is_examined_and_left_alone(ground: Ground) -> None:
    """Looking at the user's machine and adopting a copy of it leave it as it was."""
    origin = ground.bench.origin()
    before = ground.hypervisor.examine(origin)
    errors = [finding.sentence for finding in before.problems if finding.severity is Severity.ERROR]
    must(not errors, f"the bench's own origin cannot be adopted: {errors}")
    must(before.power is Power.OFF, "the bench's own origin is on")
    must(before.disks, "it has no disks")
    must(before.virtual_size > 0, "its disks have no size")
    machine = ground.hypervisor.adopt(ground.name("copy"), origin, ground.mark(Role.VERSION), in_place=False)
    must(machine.power is Power.OFF, "an adopted machine is on")
    must(machine == ground.now(machine), "what adopt returns is not what find shows")
    ground.hypervisor.destroy(machine)
    must(ground.hypervisor.examine(origin) == before, "the user's machine is not what it was")
    with refused(NotFound, "examining what is not there"):
        ground.hypervisor.examine(Origin(origin.kind, f"{origin.where}-that-is-not-there"))


def two_connections_see_the_same(ground: Ground) -> None:
    """What one connection makes another one sees, and may take away; closing one does not hurt the other."""
    other, machine = ground.bench.open(), ground.clone("shared")
    try:
        must(other.find(machine.name) == machine, "the other connection sees something else")
        must(ground.ours(other) == ground.ours(), "the marks differ")
        other.destroy(machine)
    finally:
        other.close()
        other.close()
    must(ground.hypervisor.find(machine.name) is None, "what the other one destroyed is still there")


def machines_outlive_the_connection(ground: Ground) -> None:
    """Closing lets go of the connection only: a machine that is on stays on."""
    machine = ground.hypervisor.start(ground.clone("stays"))
    ground.reopen()
    must(ground.now(machine).power is Power.ON, "it went off with the connection")
    ground.hypervisor.destroy(ground.now(machine))


def _able(ground: Ground) -> bool:
    return ground.hypervisor.abilities.linked_clone


def _marks(ground: Ground, machine: Machine) -> list[object]:
    return [item.mark for item in ground.hypervisor.list_marked() if item.name == machine.name]


PROMISES = (
    names_are_taken_as_they_are,
    what_is_no_name_makes_nothing,
    an_existing_name_is_conflict,
    absence_is_success,
    what_is_gone_is_not_found,
    a_clone_is_off_settled_and_marked,
    a_network_that_is_not_there_is_refused,
    a_machine_is_cut_off_its_network,
    power_is_idempotent,
    destroying_takes_a_running_machine,
    a_mark_is_replaced,
    an_origin_is_examined_and_left_alone,
    two_connections_see_the_same,
    machines_outlive_the_connection,
    a_clone_cut_off_is_nothing_or_settles,
)
