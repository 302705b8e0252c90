"""``golden endpoint check``, missing privileges, what is looked up and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from golden.errors import Conflict, NotAble, Refused
from golden.model import CloneOptions, Mark, Origin, Role, Severity, Snapshot
from golden.provider import Scope
from golden.testing.contract import Ground
from golden.testing.promises.frozen import linked_clones_stack_to_the_limit
from golden.waiting import Deadline
from golden_vsphere import PROVIDER
from golden_vsphere.marking import KEY
from tests.e2e.vsphere_bench import VsphereBench, endpoint
from tests.peers.vsphere.certificates import Authority
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.upstream import value
from tests.unit.vsphere.conftest import Opening

SOURCE = "VirtualMachine.Provisioning.Clone"
"""Here it is lacking on the user's machine alone, which a check of the endpoint does not know."""
MARK = Mark(Role.VERSION, "job-1", "win2022", "here")


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None).name


def test_a_check_tells_what_there_is(peer: Peer, tmp_path: Path) -> None:
    """Version, datastore and network as information; hosts that golden has no way to as warnings; no error."""
    found = PROVIDER.diagnose(endpoint(peer, tmp_path), Scope("look", tmp_path))
    by_id = {one.id: one for one in found}
    assert "VMware vCenter Server" in by_id["vsphere-version"].sentence
    assert "GiB free" in by_id["vsphere-datastore"].sentence
    assert "files go to guests through it" in by_id["vsphere-host"].sentence
    assert not [one for one in found if one.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"datastore": "nowhere"}, "vsphere-datastore"),
        ({"resource_pool": "nowhere"}, "vsphere-pool"),
        ({"isolated_network": "nowhere"}, "vsphere-network"),
        ({"thumbprint": "ab" * 32}, "vsphere-login"),
    ],
)
def test_a_check_names_what_is_wrong(peer: Peer, tmp_path: Path, options: dict[str, str], found: str) -> None:
    """As errors with a fix, not as a traceback."""
    met = PROVIDER.diagnose(endpoint(peer, tmp_path, **options), Scope("look", tmp_path))
    assert found in {one.id for one in met if one.severity is Severity.ERROR}


def test_a_check_of_a_server_that_is_away_is_a_finding(peer: Peer, tmp_path: Path) -> None:
    """One error, and nothing more is asked."""
    away = replace(endpoint(peer, tmp_path), url="vsphere://127.0.0.1:1/DC0")
    assert [(one.id, one.severity) for one in PROVIDER.diagnose(away, Scope("look", tmp_path))] == [
        ("vsphere-login", Severity.ERROR)
    ]


def test_every_missing_privilege_is_named_with_its_object(peer: Peer, tmp_path: Path, bare: str) -> None:
    """Before anything is made, by the preflight; and by the check of the endpoint."""
    lacks = {
        "VirtualMachine.State.CreateSnapshot": (),
        "VirtualMachine.GuestOperations.Execute": (),
        "Datastore.AllocateSpace": (),
        "Datastore.FileManagement": (),
        SOURCE: (bare,),
    }
    user = peer.account("weak@vsphere.local", "weak-password", lacks)
    (tmp_path / "weak").write_text(user.password)
    given = endpoint(peer, tmp_path / "s", user=user.user, password_file=str(tmp_path / "weak"))
    clones = len(peer.requests("CloneVM_Task"))
    hypervisor = PROVIDER.open(given, Scope("job-1", tmp_path / "state"))
    try:
        with pytest.raises(Refused, match="lacks 5 privilege") as caught:
            hypervisor.adopt("copy", Origin("machine", bare), MARK, in_place=False)
    finally:
        hypervisor.close()
    named = (caught.value.details or "").splitlines()
    assert sorted(line.partition(" on ")[0] for line in named) == sorted(lacks)
    assert next(line for line in named if line.startswith("Datastore.")).partition(" on ")[2].startswith("datastore ")
    assert f"{SOURCE} on /DC0/vm/{bare}" in named
    assert len(peer.requests("CloneVM_Task")) == clones
    told = PROVIDER.diagnose(given, Scope("look", tmp_path))
    assert {one.evidence for one in told if one.id == "vsphere-rights"} == set(lacks) - {SOURCE}


def test_disks_are_put_together_where_vcenter_says_so(peer: Peer, opening: Opening, bare: str) -> None:
    """After a frozen point was let go."""
    hypervisor = opening()
    machine = hypervisor.adopt("base", Origin("machine", bare), MARK, in_place=False)
    point = hypervisor.freeze(machine, "v1")
    moid = machine.id.partition(":")[0]
    peer.world.upstream.change(VM, moid, {"runtime.consolidationNeeded": value("true", "xsd:boolean")})
    hypervisor.drop_snapshot(point)
    assert [one.this for one in peer.requests("ConsolidateVMDisks_Task")][-1:] == [moid]
    hypervisor.destroy(machine)


def test_a_snapshot_of_somebody_elses_is_no_frozen_point(peer: Peer, opening: Opening, bare: str) -> None:
    """A backup's own goes by itself; golden neither shows nor clones it."""
    hypervisor = opening()
    machine = hypervisor.adopt("base", Origin("machine", bare), MARK, in_place=False)
    inner = "<name>backup</name><description>nightly</description><memory>false</memory><quiesce>false</quiesce>"
    peer.world.upstream.carry(VM, machine.id.partition(":")[0], "CreateSnapshot_Task", inner)
    assert hypervisor.find("base") == machine
    hypervisor.destroy(machine)


@pytest.mark.slow
def test_linked_clones_end_at_the_depth_that_golden_toml_says(peer: Peer, tmp_path: Path, bare: str) -> None:
    """Counted by the backings that vCenter has, not by golden's own records."""
    given = endpoint(peer, tmp_path / "s", snapshot_depth="2")
    ground = Ground(VsphereBench(given, tmp_path / "state", bare))
    try:
        assert ground.hypervisor.abilities.snapshot_depth == 2
        linked_clones_stack_to_the_limit(ground)
    finally:
        assert ground.clear() == ()


def test_what_vcenter_is_still_making_is_shown_and_waited_for(peer: Peer, opening: Opening, bare: str) -> None:
    """Without a configuration its mark is what golden wrote down before; once it is there and not whole, it goes."""
    hypervisor, up = opening(), peer.world.upstream
    machine = hypervisor.adopt("half", Origin("machine", bare), MARK, in_place=False)
    moid, parts = machine.id.partition(":")[0], vars(hypervisor)
    held = parts["machines"].find("half")
    parts["maker"].change(held.native, "half", extraConfig=held.record.but(uuid="").options())
    parts["machines"].intents.write("half", MARK)
    up.change(VM, moid, {"config.instanceUuid": value(""), "config.extraConfig": _options("")})
    met = hypervisor.find("half")
    assert met is not None and not met.settled and met.mark == MARK
    assert [(one.name, one.mark) for one in hypervisor.list_marked()] == [("half", MARK)]
    with pytest.raises(Conflict, match="half-made"):
        hypervisor.start(met)
    text = held.record.but(uuid="").options()[0].value
    whole = {"config.extraConfig": _options(text), "config.instanceUuid": value(held.uuid)}
    done = threading.Timer(0.5, up.change, (VM, moid, whole))
    begun = time.monotonic()
    done.start()
    assert hypervisor.settle(met) is None
    assert time.monotonic() - begun >= 0.5
    assert hypervisor.find("half") is None
    assert hypervisor.list_marked() == ()


def _options(record: str) -> str:
    pair = f'<OptionValue><key>{KEY}</key><value xsi:type="xsd:string">{escape(record)}</value></OptionValue>'
    return f'<val xsi:type="ArrayOfOptionValue">{pair if record else ""}</val>'


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A vCenter with a thousand machines of others."""
    with vcenter(tmp_path_factory.mktemp("crowd") / "vcenter", machines=1000) as peer:
        yield peer


@pytest.mark.slow
def test_goldens_own_are_found_without_reading_the_others(crowd: Peer, tmp_path: Path) -> None:
    """In at most four round trips in a connected process, and one machine among all by name in few."""
    seeded = crowd.seed("theirs", state=None)
    hypervisor = PROVIDER.open(endpoint(crowd, tmp_path / "s"), Scope("job-1", tmp_path / "state"))
    try:
        machine = hypervisor.adopt("base", Origin("machine", seeded.name), MARK, in_place=False)
        hypervisor.list_marked()
        before = len(crowd.requests())
        assert [one.name for one in hypervisor.list_marked()] == ["base"]
        assert len(crowd.requests()) - before <= 4
        before = len(crowd.requests())
        assert hypervisor.find("base") == machine
        assert len(crowd.requests()) - before <= 4
        before = len(crowd.requests())
        assert hypervisor.examine(Origin("machine", "theirs")).name == "theirs"
        asked = crowd.requests()[before:]
        assert len(asked) <= 8, [one.call for one in asked]
        hypervisor.destroy(machine)
    finally:
        hypervisor.close()


def test_a_host_has_a_trust_of_its_own(tmp_path: Path) -> None:
    """By its CA file, or by the thumbprint that vCenter tells of it; a wrong CA file is refused."""
    with vcenter(tmp_path / "vcenter", strange_hosts=True) as peer:
        seeded = peer.seed("windows")
        given = endpoint(peer, tmp_path / "s")
        assert peer.host_ca != peer.ca
        plain = {key: text for key, text in given.options.items() if key != "host_ca_file"}
        wrong = {**plain, "host_ca_file": str(Authority.new(tmp_path / "other.pem", "another CA").file)}
        hypervisor = PROVIDER.open(given, Scope("job-1", tmp_path / "state"))
        machine = hypervisor.start(hypervisor.adopt("base", Origin("machine", seeded.name), MARK, in_place=False))
        path = "C:\\Windows\\Temp\\probe"
        for options in (given.options, plain, wrong):
            one = PROVIDER.open(replace(given, options=options), Scope("job-1", tmp_path / "state"))
            line = one.communicator(machine)
            line.ready(Deadline(30))
            if options is wrong:
                with pytest.raises(Refused, match="not to be trusted"):
                    line.write(path, 0, b"x")
            else:
                line.write(path, 0, b"x")
                assert line.read(path, 0, 9) == b"x"
            one.close()
        hypervisor.destroy(machine)
        hypervisor.close()


def test_no_picture_and_no_disk(peer: Peer, opening: Opening, bare: str) -> None:
    """Abilities that this endpoint has not are said to be missing."""
    hypervisor = opening()
    assert not (hypervisor.abilities.open_disk or hypervisor.abilities.console_picture)
    with pytest.raises(NotAble), hypervisor.open_disk(Snapshot("base", "v1")):
        pass
    with pytest.raises(NotAble):
        hypervisor.adopt("place", Origin("machine", bare), MARK, in_place=True)
    assert CloneOptions().linked
