"""What the in-memory hypervisor promises beyond the contract: half-made things, crash points, faults, exactly once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import (
    ChangeFailed,
    Conflict,
    GeneralizeFailed,
    GuestError,
    NotFound,
    ProofFailed,
    Refused,
    Unreachable,
)
from golden.guest.communicator import LineLost
from golden.guest.family import SealOrder, Wanted
from golden.guest.following import GuestRestarted
from golden.guest.session import Session
from golden.model import Change, CloneOptions, Finding, Machine, Mark, Origin, Power, Role, Severity, Snapshot
from golden.provider import Endpoint, Scope
from golden.testing.memory import ABLE, PROVIDER, Fault, MemoryFamily, MemoryHypervisor, World
from golden.waiting import Deadline

MARK = Mark(Role.CLONE, "job-1", "win2022", "here")
FAMILY = MemoryFamily()


class Killed(BaseException):
    """As if the process had ended at a crash point."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with one machine of the user's."""
    world = World.create(tmp_path / "world")
    world.add_user_machine("theirs")
    return world


@pytest.fixture
def base(world: World) -> Snapshot:
    """The user's machine, adopted and frozen."""
    hypervisor = MemoryHypervisor(world)
    machine = hypervisor.adopt("base", Origin("machine", "theirs"), MARK, in_place=False)
    return hypervisor.freeze(machine, "v1")


def kill_at(world: World, point: str) -> None:
    """Have the next process end there."""

    def checkpoint(what: str) -> None:
        if what == point:
            raise Killed(what)

    world.checkpoint = checkpoint


def half_made(world: World, base: Snapshot) -> Machine:
    """A clone that was cut off."""
    kill_at(world, "after clone half begins")
    with pytest.raises(Killed):
        MemoryHypervisor(world).clone("half", base, MARK, CloneOptions())
    world.checkpoint = lambda _: None
    machine = MemoryHypervisor(world).find("half")
    assert machine is not None
    assert not machine.settled
    return machine


def inside(world: World, base: Snapshot, tmp_path: Path, name: str = "guest") -> tuple[Machine, Session]:
    """A running clone and a session in it."""
    hypervisor = MemoryHypervisor(world)
    machine = hypervisor.start(hypervisor.clone(name, base, MARK, CloneOptions()))
    session = Session(hypervisor.communicator(machine), FAMILY.dialect, "s1", logs=tmp_path / "logs")
    return machine, session.open(Deadline(5))


def change_of(folder: Path, content: str = "a driver", name: str = "net.inf") -> tuple[Change, dict[str, Path]]:
    """A driver as a change, with its file."""
    (folder / name).write_text(content)
    facts = FAMILY.read(_Disk(b'{"/state": "VIRGIN"}'))
    prepared = FAMILY.prepare(Wanted("driver", folder / name), facts)
    return prepared.change, {name: folder / name}


class _Disk:
    def __init__(self, content: bytes) -> None:
        self.content = content

    @property
    def size(self) -> int:
        return len(self.content)

    def read_at(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


VERBS: dict[str, Callable[[MemoryHypervisor, Machine], object]] = {
    "start": lambda hypervisor, machine: hypervisor.start(machine),
    "stop": lambda hypervisor, machine: hypervisor.stop(machine),
    "disconnect": lambda hypervisor, machine: hypervisor.disconnect(machine),
    "freeze": lambda hypervisor, machine: hypervisor.freeze(machine, "v1"),
    "mark": lambda hypervisor, machine: hypervisor.mark(machine, MARK),
    "capture": lambda hypervisor, machine: hypervisor.capture("image", machine, MARK),
    "communicator": lambda hypervisor, machine: hypervisor.communicator(machine),
    "console": lambda hypervisor, machine: hypervisor.console_picture(machine),
    "open_disk": lambda hypervisor, machine: hypervisor.open_disk(machine).__enter__(),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_a_half_made_machine_is_of_no_use(
    world: World, base: Snapshot, verb: Callable[[MemoryHypervisor, Machine], object]
) -> None:
    """Every verb but find, settle, destroy and list_marked refuses a machine that is half made."""
    machine = half_made(world, base)
    with pytest.raises(Conflict, match="settled first"):
        verb(MemoryHypervisor(world), machine)


@pytest.mark.parametrize("outlives", [True, False])
def test_half_made_machines_settle_as_their_endpoint_works(tmp_path: Path, *, outlives: bool) -> None:
    """Where work outlives the client a cut-off clone becomes whole, else it is taken away."""
    world = World.create(tmp_path / "world", replace(ABLE, work_outlives_client=outlives))
    world.add_user_machine("theirs")
    hypervisor = MemoryHypervisor(world)
    adopted = hypervisor.adopt("base", Origin("machine", "theirs"), MARK, in_place=False)
    machine = half_made(world, hypervisor.freeze(adopted, "v1"))
    settled = hypervisor.settle(machine)
    assert settled == hypervisor.find("half")
    assert (settled is not None) is outlives


def test_a_half_destroyed_machine_is_never_brought_back(world: World, base: Snapshot) -> None:
    """Settling what was cut off while it was destroyed takes it away, even where work outlives the client."""
    hypervisor = MemoryHypervisor(world)
    machine = hypervisor.clone("doomed", base, MARK, CloneOptions())
    kill_at(world, "after destroy doomed begins")
    with pytest.raises(Killed):
        hypervisor.destroy(machine)
    world.checkpoint = lambda _: None
    found = hypervisor.find("doomed")
    assert found is not None
    assert hypervisor.settle(found) is None


def test_a_half_made_clone_holds_its_source(world: World, base: Snapshot) -> None:
    """The point that a half-made clone is made from cannot be dropped."""
    half_made(world, base)
    with pytest.raises(Conflict, match="half"):
        MemoryHypervisor(world).drop_snapshot(base)


def test_a_half_made_image_has_no_forms_and_can_be_discarded(world: World, base: Snapshot) -> None:
    """A capture that was cut off is found without forms, marked, and goes."""
    hypervisor = MemoryHypervisor(world)
    machine = hypervisor.clone("source", base, MARK, CloneOptions())
    kill_at(world, "before capture image ends")
    with pytest.raises(Killed):
        hypervisor.capture("image", machine, MARK)
    world.checkpoint = lambda _: None
    image = hypervisor.find_image("image")
    assert image is not None
    assert image.forms == ()
    assert "image" in [item.name for item in hypervisor.list_marked()]
    hypervisor.discard_image(image)
    assert hypervisor.find_image("image") is None
    assert sorted(path.name for path in world.path.parent.glob("*.image")) == []


def test_a_later_machine_of_the_same_name_is_another_one(world: World, base: Snapshot) -> None:
    """What one knows of a machine that is gone does not work on a later one with its name, nor destroys it."""
    hypervisor = MemoryHypervisor(world)
    old = hypervisor.clone("same", base, MARK, CloneOptions())
    hypervisor.destroy(old)
    new = hypervisor.clone("same", base, MARK, CloneOptions())
    with pytest.raises(NotFound):
        hypervisor.start(old)
    hypervisor.destroy(old)
    assert hypervisor.find("same") == new


def test_a_users_machine_is_unknown_and_its_name_taken(world: World, base: Snapshot) -> None:
    """The user's machines are not found as golden's, and no clone takes their names."""
    hypervisor = MemoryHypervisor(world)
    assert hypervisor.find("theirs") is None
    with pytest.raises(Conflict, match="exists"):
        hypervisor.clone("theirs", base, MARK, CloneOptions())


def test_what_cannot_be_adopted_is_refused(world: World) -> None:
    """A running machine, and one whose examination names an error, are not adopted."""
    shared = Finding("shared-disk", Severity.ERROR, "the disk is shared")
    world.add_user_machine("on", power="on")
    world.add_user_machine("shared", problems=(shared,))
    hypervisor = MemoryHypervisor(world)
    assert shared in hypervisor.examine(Origin("machine", "shared")).problems
    for name in ("on", "shared"):
        with pytest.raises(Conflict, match="cannot be adopted"):
            hypervisor.adopt("mine", Origin("machine", name), MARK, in_place=False)


def test_tampering_shows_in_identity_and_digest(world: World, base: Snapshot) -> None:
    """A frozen disk that is changed behind golden's back has another identity and another digest."""
    hypervisor = MemoryHypervisor(world)
    before = hypervisor.identity(base), hypervisor.digest(base)
    world.tamper("base")
    assert hypervisor.identity(base) != before[0]
    assert hypervisor.digest(base) != before[1]


def test_faults_come_when_they_are_told_to(world: World, base: Snapshot) -> None:
    """A fault hits the nth call on a matching name, once, on every connection."""
    world.add_faults(Fault("clone", "bad-*", nth=2, error="Refused", message="no quota"))
    hypervisor = MemoryHypervisor(world)
    hypervisor.clone("good-1", base, MARK, CloneOptions())
    hypervisor.clone("bad-1", base, MARK, CloneOptions())
    with pytest.raises(Refused, match="no quota"):
        MemoryHypervisor(World(world.path)).clone("bad-2", base, MARK, CloneOptions())
    hypervisor.clone("bad-2", base, MARK, CloneOptions())


def test_a_fault_after_the_act_loses_only_the_answer(world: World, base: Snapshot) -> None:
    """An error after a verb leaves what the verb did."""
    world.add_faults(Fault("clone", when="after"))
    with pytest.raises(Unreachable):
        MemoryHypervisor(world).clone("made", base, MARK, CloneOptions())
    assert MemoryHypervisor(world).find("made") is not None


def test_a_deadly_fault_ends_the_process_and_the_world_stays(world: World, base: Snapshot) -> None:
    """A process that dies of a fault exits with 137, and the world is as it was."""
    world.add_faults(Fault("start", action="die"))
    world.close()
    lines = (
        "import sys, pathlib",
        "from golden.testing.memory import MemoryHypervisor, World",
        "h = MemoryHypervisor(World(pathlib.Path(sys.argv[1])))",
        "h.start(h.find('base'))",
    )
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines), str(world.path)], check=False)
    assert ended.returncode == 137
    assert MemoryHypervisor(world).identity(base)


def test_a_power_cut_takes_machines_and_lines_but_no_disks(world: World, base: Snapshot, tmp_path: Path) -> None:
    """After a power cut every machine is off, lines are lost, and what was written is there."""
    machine, session = inside(world, base, tmp_path)
    session.put("/golden/s1/kept", b"kept", Deadline(5))
    world.power_cut()
    found = MemoryHypervisor(world).find(machine.name)
    assert found is not None
    assert found.power is Power.OFF
    with pytest.raises(LineLost):
        session.communicator.poll(1)
    assert world.read()["machines"][machine.name]["disk"]["/golden/s1/kept"] == "kept"


def test_an_applied_change_is_proved_once(world: World, base: Snapshot, tmp_path: Path) -> None:
    """A change that ran once is proved; twice, or half, it is not."""
    machine, session = inside(world, base, tmp_path)
    change, files = change_of(tmp_path)
    assert not FAMILY.apply(session, change, files, Deadline(5)).reboot
    session.shut_down()
    hypervisor = MemoryHypervisor(world)
    with hypervisor.open_disk(machine) as disk:
        assert FAMILY.prove(disk, (change,))
    for more in (b"net.inf begun\n", b"net.inf begun\nnet.inf done\n"):
        log = world.read()["machines"][machine.name]["disk"]["/log"]
        world.write_disk(machine.name, {"/log": log.encode() + more})
        with hypervisor.open_disk(machine) as disk, pytest.raises(ProofFailed, match=r"net.inf began"):
            FAMILY.prove(disk, (change,))


def test_a_change_that_is_cut_off_shows_as_begun(world: World, base: Snapshot, tmp_path: Path) -> None:
    """Between the two lines of a change there is a crash point."""
    machine, session = inside(world, base, tmp_path)
    change, files = change_of(tmp_path)
    kill_at(world, f"after guest of {machine.name} logs net.inf begun")
    with pytest.raises(Killed):
        FAMILY.apply(session, change, files, Deadline(5))
    assert world.read()["machines"][machine.name]["disk"]["/log"] == "net.inf begun\n"


@pytest.mark.parametrize(
    ("script", "error"),
    [("exit 5", ChangeFailed), ("reboot", GuestRestarted), ("poweroff", GuestError), ("nonsense", ChangeFailed)],
)
def test_changes_fail_as_they_do_in_real_guests(
    world: World, base: Snapshot, tmp_path: Path, script: str, error: type[Exception]
) -> None:
    """A change that exits with a code, restarts the guest, switches it off or is nonsense fails by its name."""
    _, session = inside(world, base, tmp_path)
    change, files = change_of(tmp_path, f"#!memory\n{script}\n")
    with pytest.raises(error):
        FAMILY.apply(session, change, files, Deadline(5))


def test_code_3010_asks_for_a_restart(world: World, base: Snapshot, tmp_path: Path) -> None:
    """A change that exits with 3010 has succeeded and wants a restart; long output does not matter."""
    _, session = inside(world, base, tmp_path)
    change, files = change_of(tmp_path, "#!memory\nspam 200000\nexit 3010\n")
    assert FAMILY.apply(session, change, files, Deadline(5)).reboot


def test_a_guest_is_sealed_once(world: World, base: Snapshot, tmp_path: Path) -> None:
    """Sealing a virgin guest is proved, a second time it is refused, and the frozen point stays virgin."""
    machine, session = inside(world, base, tmp_path)
    facts = FAMILY.read(_Disk(b'{"/state": "VIRGIN"}'))
    FAMILY.generalize(session, SealOrder("sysprep"), facts, Deadline(5))
    with pytest.raises(GeneralizeFailed):
        FAMILY.generalize(session, SealOrder("sysprep"), facts, Deadline(5))
    session.shut_down()
    hypervisor = MemoryHypervisor(world)
    with hypervisor.open_disk(machine) as disk:
        assert FAMILY.prove_sealed(disk, "sysprep").facts.state == "SEALED"
        with pytest.raises(ProofFailed):
            FAMILY.prove_sealed(disk, "none")
    with hypervisor.open_disk(base) as disk:
        assert FAMILY.prove_sealed(disk, "none").facts.state == "VIRGIN"


def test_sealing_that_fails_leaves_a_broken_guest(world: World, base: Snapshot, tmp_path: Path) -> None:
    """A guest told to fail fails to seal and is BROKEN after it."""
    machine, session = inside(world, base, tmp_path)
    world.write_disk(machine.name, {"/seal-fails": b""})
    facts = FAMILY.read(_Disk(b'{"/state": "VIRGIN"}'))
    with pytest.raises(GeneralizeFailed, match="code 1"):
        FAMILY.generalize(session, SealOrder("sysprep"), facts, Deadline(5))
    session.shut_down()
    with MemoryHypervisor(world).open_disk(machine) as disk:
        assert FAMILY.read(disk).state == "BROKEN"


def test_an_absent_world_is_unreachable_and_diagnosed(tmp_path: Path) -> None:
    """Opening what is not there is Unreachable; diagnosing it is a finding, and so is anything half made."""
    endpoint, scope = Endpoint("memory", f"memory:{tmp_path / 'none'}"), Scope("look", tmp_path)
    with pytest.raises(Unreachable):
        PROVIDER.open(endpoint, scope)
    assert [finding.id for finding in PROVIDER.diagnose(endpoint, scope)] == ["endpoint-unreachable"]


def test_a_copied_world_goes_its_own_way(world: World, base: Snapshot, tmp_path: Path) -> None:
    """A copy holds all that was there, and later changes of the one do not show in the other."""
    copy = MemoryHypervisor(world.copy(tmp_path / "copy"))
    copy.clone("only-here", base, MARK, CloneOptions())
    assert MemoryHypervisor(world).find("only-here") is None
    assert copy.identity(base) == MemoryHypervisor(world).identity(base)
