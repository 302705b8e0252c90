"""Where copies lie and run: clusters without DRS, datastores that some hosts reach, and what golden may not see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.errors import GoldenError, NotFound, Refused
from golden.model import CloneOptions, Machine, Origin, Snapshot
from golden.provider import Hypervisor, Scope
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.e2e.vsphere_library_bench import STORE, add_library, shelf
from tests.peers.vsphere.peer import Peer, vcenter
from tests.unit.vsphere.conftest import Opening
from tests.unit.vsphere.stage import MARK, Stage


@pytest.fixture
def peer(shared: Peer) -> Iterator[Peer]:
    """The module's vCenter, with DRS and every datastore on every host before and after the test."""
    yield shared
    shared.world.rules.clear()
    shared.drs(on=True)
    for store in shared.world.inventory.datastores:
        shared.read_only(store)
        room(shared, store, 500)
    for host in shared.world.inventory.hosts:
        shared.mounts(host, *shared.world.inventory.datastores)


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None, disks=(1,)).name


def test_a_cluster_without_drs_gets_a_host_that_is_named(peer: Peer, opening: Opening, bare: str) -> None:
    """Adopt, linked clone, full clone, capture: vCenter chooses no host there, and refuses a pool alone."""
    peer.drs(on=False)
    stage = Stage(opening(), bare)
    try:
        clone = stage.clone()
        stage.hypervisor.capture("image", clone, MARK)
        stage.hypervisor.destroy(clone)
        stage.hypervisor.clone("clone", Snapshot("base", "v1"), MARK, CloneOptions(linked=False))
    finally:
        stage.clear()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["template", "vmtx", "ovf"])
def test_publishing_works_without_drs(peer: Peer, tmp_path: Path, kind: str) -> None:
    """The copy runs where its image does, on a host that is named."""
    add_library(peer, STORE) if not peer.world.libraries.libraries else None
    bench = shelf(peer, tmp_path, kind)
    image = bench.image(f"drs-{kind}", 1)
    peer.drs(on=False)
    library = bench.open()
    made = library.publish(image, image.artifact.forms[0], None, f"shelf/{kind}")  # type: ignore[arg-type]
    library.verify(made)
    library.withdraw(made)
    library.close()
    hypervisor = PROVIDER.open(bench.vcenter, Scope("lab", bench.state))
    hypervisor.discard_image(image.artifact)
    hypervisor.close()


def test_the_emptiest_datastore_is_no_place_where_no_host_reaches_it(peer: Peer, opening: Opening, bare: str) -> None:
    """Another cluster's, or another host's own disk: the copy lies on one that its hosts reach."""
    near, far = peer.world.inventory.datastores
    peer.set("Datastore", near, "summary.freeSpace", str(100 << 30), of="xsd:long")
    peer.set("Datastore", far, "summary.freeSpace", str(900 << 30), of="xsd:long")
    for host in peer.world.inventory.hosts:
        peer.mounts(host, near)
    stage = Stage(opening(), bare)
    try:
        assert lies(peer, stage.adopt()) == name_of(peer, near)
        far_name = name_of(peer, far)
        with pytest.raises(Refused, match="reaches the datastore") as caught:
            opening(datastore=far_name).adopt("other", Origin("machine", bare), MARK, in_place=False)
        assert "DC0_C0_H0: " in (caught.value.details or "")
    finally:
        stage.clear()


def test_what_every_host_reaches_comes_before_a_hosts_own_disk(peer: Peer, opening: Opening, bare: str) -> None:
    """Without DRS the host is one that reaches it; in maintenance it is none."""
    shared_store, local = peer.world.inventory.datastores
    peer.set("Datastore", shared_store, "summary.freeSpace", str(100 << 30), of="xsd:long")
    peer.set("Datastore", local, "summary.freeSpace", str(900 << 30), of="xsd:long")
    first, *others = peer.world.inventory.hosts
    for host in others:
        peer.mounts(host, shared_store)
    peer.drs(on=False)
    stage = Stage(opening(), bare)
    try:
        assert lies(peer, stage.adopt()) == name_of(peer, shared_store)
        stage.clear()
        stage = Stage(opening(datastore=name_of(peer, local)), bare)
        assert lies(peer, stage.adopt()) == name_of(peer, local)
        stage.clear()
        peer.set("HostSystem", first, "runtime.inMaintenanceMode", "true", of="xsd:boolean")
        with pytest.raises(Refused, match="reaches the datastore"):
            stage.adopt()
    finally:
        peer.set("HostSystem", first, "runtime.inMaintenanceMode", "false", of="xsd:boolean")
        stage.clear()


def test_a_copy_lies_beside_its_source_while_there_is_room(peer: Peer, opening: Opening, bare: str) -> None:
    """Another datastore is taken where its own has none, however empty that one is."""
    own, other = peer.world.inventory.datastores
    room(peer, own, 100)
    room(peer, other, 900)
    stage = Stage(opening(), bare)
    try:
        assert lies(peer, stage.adopt()) == name_of(peer, own)
        stage.clear()
        room(peer, own, 0)
        assert lies(peer, stage.adopt()) == name_of(peer, other)
    finally:
        stage.clear()


def test_what_hosts_mount_read_only_is_no_place(peer: Peer, opening: Opening, bare: str) -> None:
    """As an NFS export with installation media is; where one host can write to it that one makes the copy."""
    own, other = peer.world.inventory.datastores
    first, *others = peer.world.inventory.hosts
    room(peer, own, 1)
    peer.read_only(other, first, *others)
    stage = Stage(opening(), bare)
    try:
        assert lies(peer, stage.adopt()) == name_of(peer, own)
        stage.clear()
        with pytest.raises(Refused, match="read-only") as caught:
            opening(datastore=name_of(peer, other)).adopt("base", Origin("machine", bare), MARK, in_place=False)
        assert "datastore =" in (caught.value.hint or "")
        peer.read_only(own, first, *others)
        with pytest.raises(NotFound, match="reaches a datastore") as none:
            stage.adopt()
        assert "(not to be written to)" in (none.value.details or "")
        assert "datastore =" in (none.value.hint or "")
        peer.read_only(other, first)
        peer.drs(on=False)
        machine = stage.adopt()
        host = peer.world.upstream.texts("VirtualMachine", machine.id.partition(":")[0], "runtime.host")["runtime.host"]
        assert host != first
    finally:
        peer.read_only(own)
        stage.clear()


def test_a_datastore_where_golden_may_make_nothing_is_no_place(peer: Peer, tmp_path: Path, bare: str) -> None:
    """Another one is taken; the check of the endpoint looks at that. Where there is none the hint names the option."""
    own, other = peer.world.inventory.datastores
    room(peer, other, 900)
    stores = (name_of(peer, own), name_of(peer, other))
    for lacking, place in ((stores[:1], stores[1]), (stores[1:], stores[0]), (stores, None)):
        user = peer.account("narrow@vsphere.local", "narrow-password", {"Datastore.AllocateSpace": lacking})
        (tmp_path / "narrow").write_text(user.password)
        given = endpoint(peer, tmp_path / "s", user=user.user, password_file=str(tmp_path / "narrow"))
        stage = Stage(PROVIDER.open(given, Scope("job-1", tmp_path / "state")), bare)
        told = {one.id: one.sentence for one in PROVIDER.diagnose(given, Scope("look", tmp_path))}
        if place is None:
            with pytest.raises(Refused, match="lacks 1 privilege") as caught:
                stage.adopt()
            assert "datastore =" in (caught.value.hint or "")
            assert "vsphere-rights" in told
        else:
            assert lies(peer, stage.adopt()) == place
            assert place in told["vsphere-datastore"]
            assert "vsphere-rights" not in told
        stage.clear()
        stage.hypervisor.close()


def room(peer: Peer, store: str, gib: int) -> None:
    """How much is free on a datastore."""
    peer.set("Datastore", store, "summary.freeSpace", str(gib << 30), of="xsd:long")


def name_of(peer: Peer, store: str) -> str:
    """A datastore's."""
    return peer.world.upstream.texts("Datastore", store, "name")["name"]


def lies(peer: Peer, machine: Machine) -> str:
    """The name of the datastore of a machine's files."""
    moid, path = machine.id.partition(":")[0], "config.files.vmPathName"
    return peer.world.upstream.texts("VirtualMachine", moid, path)[path].strip("[").partition("]")[0]


@pytest.mark.parametrize("hidden", ["LocalDS_1", "DC0_C0", "DC0_C0_H0"])
def test_what_the_account_may_not_see_is_no_traceback(peer: Peer, tmp_path: Path, bare: str, hidden: str) -> None:
    """A datastore or host that it may not view is left out; in a cluster that it may not, a host is named."""
    user = peer.account("blind@vsphere.local", "blind-password", {"System.Read": (hidden,)})
    (tmp_path / "blind").write_text(user.password)
    given = endpoint(peer, tmp_path / "s", user=user.user, password_file=str(tmp_path / "blind"))
    hypervisor: Hypervisor = PROVIDER.open(given, Scope("job-1", tmp_path / "state"))
    stage = Stage(hypervisor, bare)
    try:
        assert hypervisor.free_space()
        stage.adopt()
        PROVIDER.diagnose(given, Scope("look", tmp_path))
    finally:
        stage.clear()
        hypervisor.close()


def test_a_datacenter_that_may_not_be_seen_is_told(peer: Peer, tmp_path: Path) -> None:
    """Refused or not found, with what is needed."""
    user = peer.account("blinder@vsphere.local", "blind-password", {"System.Read": ("DC0",)})
    (tmp_path / "blind").write_text(user.password)
    given = endpoint(peer, tmp_path / "s", user=user.user, password_file=str(tmp_path / "blind"))
    with pytest.raises((Refused, NotFound)):
        PROVIDER.open(given, Scope("job-1", tmp_path / "state"))


def test_a_virtual_tpm_is_not_copied_by_a_vcenter_that_cannot_replace_it(tmp_path: Path) -> None:
    """Before 8.0.0.1 the clone would have the source's secrets: named by examine, refused by adopt, nothing ordered."""
    with vcenter(tmp_path / "old", api="7.0.3.0") as old:
        theirs = Origin("machine", old.seed("win11", state=None, odd=("vtpm",)).name)
        hypervisor = PROVIDER.open(endpoint(old, tmp_path / "s"), Scope("job-1", tmp_path / "state"))
        met = {one.id: one for one in hypervisor.examine(theirs).problems}
        assert met["virtual-tpm"].severity.value == "error"
        with pytest.raises(GoldenError, match="virtual TPM"):
            hypervisor.adopt("base", theirs, MARK, in_place=False)
        plain = hypervisor.adopt("base", Origin("machine", old.seed("win10", state=None).name), MARK, in_place=False)
        point = hypervisor.freeze(plain, "v1")
        before = len(old.requests("CloneVM_Task"))
        give_tpm(old, point.machine)
        with pytest.raises(GoldenError, match="copy of the virtual TPM"):
            hypervisor.clone("clone", point, MARK, CloneOptions())
        assert len(old.requests("CloneVM_Task")) == before
        hypervisor.close()


def give_tpm(peer: Peer, name: str) -> None:
    """Somebody has added one to a machine behind golden's back, and to its frozen points."""
    from tests.peers.vsphere import odd
    from tests.peers.vsphere.disks import SNAPSHOT

    world, moid = peer.world, peer.machines()[name]
    found = world.upstream.properties("VirtualMachine", moid, "snapshot")["snapshot"]
    (snapshot,) = (one.text or "" for one in found.iter() if one.tag.endswith("}snapshot"))
    for kind, one in (("VirtualMachine", moid), (SNAPSHOT, snapshot)):
        world.disks.put(one, odd.devices(world.disks.devices(one, kind), ("vtpm",)), kind)
