"""A datacenter in a folder: found by its path, by its name, and everything that lies in it by the paths people see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from golden import plugins
from golden.errors import BadConfig, Conflict, NotFound
from golden.model import CloneOptions, Origin, Snapshot
from golden.provider import Endpoint, Scope
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.seeding import POOL_SPEC, VM
from tests.peers.vsphere.upstream import references
from tests.unit.vsphere.stage import MARK, Stage


@pytest.fixture(scope="module")
def foldered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A vCenter whose datacenter, and all that is in it, lies in folders."""
    with vcenter(tmp_path_factory.mktemp("vsphere") / "vcenter", folders=True) as peer:
        yield peer


def place(peer: Peer, tmp_path: Path, center: str) -> Endpoint:
    """golden.toml's, with a datacenter as a URL writes it."""
    return replace(endpoint(peer, tmp_path / "s"), url=f"vsphere://{peer.host}:{peer.port}/{center}/golden")


@pytest.mark.parametrize("center", ["F0%2FDC0", "DC0"])
def test_it_is_worked_in_by_its_path_and_by_its_name(foldered: Peer, tmp_path: Path, center: str) -> None:
    """Frozen files are read by the path, as vCenter wants it (``dcPath``), and names that are not unique lead on."""
    peer, name = foldered, f"user-{len(foldered.machines())}"
    seeded = peer.seed(name, disks=(1,))
    assert seeded.path == f"/F0/DC0/vm/{name}"
    hypervisor = PROVIDER.open(place(peer, tmp_path, center), Scope("job-1", tmp_path / "state"))
    for where in (name, seeded.path, f"/DC0/vm/{name}"):
        assert hypervisor.examine(Origin("machine", where)).name == name
    with pytest.raises(NotFound, match="there is no machine"):
        hypervisor.examine(Origin("machine", f"/F1/DC0/vm/{name}"))
    stage = Stage(hypervisor, seeded.path)
    try:
        point = stage.point()
        assert len(hypervisor.digest(point)) == 2  # The simulator gives no file to another path.
        with pytest.raises(Conflict, match=r"/F0/DC0/vm/golden"):
            hypervisor.adopt("base", Origin("machine", name), MARK, in_place=False)
    finally:
        stage.clear()
        hypervisor.close()


def test_paths_that_are_named_for_a_name_that_is_not_unique_are_taken(foldered: Peer, tmp_path: Path) -> None:
    """What the error prints can be typed."""
    peer = foldered
    hypervisor = PROVIDER.open(place(peer, tmp_path, "F0%2FDC0"), Scope("job-1", tmp_path / "state"))
    first = peer.seed("twin", state=None)
    inside = vars(hypervisor)["places"]
    other = inside.machines.CreateFolder("other")
    inner = f'<list type="VirtualMachine">{first.moid}</list>'
    peer.world.upstream.carry("Folder", other._moId, "MoveIntoFolder_Task", inner)
    peer.seed("twin", state=None)
    with pytest.raises(Conflict, match="2 machines are called") as caught:
        hypervisor.examine(Origin("machine", "twin"))
    paths = (caught.value.details or "").splitlines()
    assert paths == ["/F0/DC0/vm/other/twin", "/F0/DC0/vm/twin"]
    for path in paths:
        assert hypervisor.examine(Origin("machine", path)).name == "twin"
    hypervisor.close()


def test_a_datacenter_that_is_not_there_lists_those_that_are(foldered: Peer, tmp_path: Path) -> None:
    """As a URL writes them."""
    with pytest.raises(NotFound, match="no datacenter") as caught:
        PROVIDER.open(place(foldered, tmp_path, "DC7"), Scope("job-1", tmp_path / "state"))
    assert caught.value.details == "there are: F0%2FDC0"
    with pytest.raises((NotFound, BadConfig)):
        PROVIDER.open(place(foldered, tmp_path, "F1%2FDC0"), Scope("job-1", tmp_path / "state"))


def test_a_trial_is_opened_again_where_it_is(foldered: Peer, tmp_path: Path) -> None:
    """The scratch folder's own URL names the datacenter's path."""
    where = foldered.seed("tried-by-users", state=None).name
    scope = Scope("selftest", tmp_path / "state")
    with plugins.scratch(place(foldered, tmp_path, "F0%2FDC0"), scope) as trial:
        hypervisor = PROVIDER.open(trial, scope)
        hypervisor.destroy(hypervisor.adopt("tried", Origin("machine", where), MARK, in_place=False))
        hypervisor.close()


def test_a_machine_in_a_vapp_has_its_name_too(tmp_path: Path) -> None:
    """It lies in no folder; a namesake in one does not hide it, and its path can be typed."""
    with vcenter(tmp_path / "vcenter") as peer:
        hypervisor = PROVIDER.open(endpoint(peer, tmp_path / "s"), Scope("job-1", tmp_path / "state"))
        first = in_a_vapp(peer, "shop", "in two")
        assert hypervisor.examine(Origin("machine", "in two")).name == "in two"
        peer.seed("in two", state=None)
        with pytest.raises(Conflict, match="2 machines are called 'in two'") as caught:
            hypervisor.examine(Origin("machine", "in two"))
        assert caught.value.details == "/DC0/vm/in two\n/DC0/vm/shop/in two"
        for path in caught.value.details.splitlines():
            assert hypervisor.examine(Origin("machine", path)).name == "in two"
        assert vars(hypervisor)["places"].machine("/DC0/vm/shop/in two")._moId == first
        hypervisor.close()


@pytest.mark.slow
@pytest.mark.parametrize("nested", [False, True])
def test_a_copy_of_a_vapps_member_is_no_member(tmp_path: Path, nested: bool) -> None:
    """It runs in the pool that the vApp is in, as all that is made of it does."""
    with vcenter(tmp_path / "vcenter") as peer:
        up, place = peer.world.upstream, peer.world.inventory
        member = in_a_vapp(peer, "shop", "member")
        pool = app = up.texts(VM, member, "parentVApp")["parentVApp"]
        kind = "VirtualApp"
        if nested:
            inner = f"<name>inner</name><spec>{POOL_SPEC}</spec>"
            pool, kind = up.call("ResourcePool", place.pool, "CreateResourcePool", inner)[0].text or "", "ResourcePool"
            up.change(kind, pool, {"parent": native("VirtualApp", app)})
        up.change(VM, member, {"resourcePool": native(kind, pool)})
        hypervisor = PROVIDER.open(endpoint(peer, tmp_path / "s"), Scope("job-1", tmp_path / "state"))
        machine = hypervisor.adopt("base", Origin("machine", "member"), MARK, in_place=False)
        point = hypervisor.freeze(machine, "v1")
        clone = hypervisor.clone("clone", point, MARK, CloneOptions())
        for one in (machine, clone):
            assert up.texts(VM, one.id.partition(":")[0], "resourcePool")["resourcePool"] == place.pool
        for one in (clone, machine):
            for name in one.snapshots or hypervisor.find(one.name).snapshots:  # type: ignore[union-attr]
                hypervisor.drop_snapshot(Snapshot(one.name, name))
            hypervisor.destroy(one)
        hypervisor.close()


def test_a_vapp_is_no_resource_pool_of_goldens(tmp_path: Path) -> None:
    """Named in golden.toml: refused before anything is made, and by the check of the endpoint."""
    with vcenter(tmp_path / "vcenter") as peer:
        up = peer.world.upstream
        member = in_a_vapp(peer, "shop", "member")
        app = up.texts(VM, member, "parentVApp")["parentVApp"]
        up.change(VM, member, {"resourcePool": native("VirtualApp", app)})
        theirs = Origin("machine", "member")
        given = endpoint(peer, tmp_path / "s", resource_pool="DC0_C0/Resources/shop")
        hypervisor = PROVIDER.open(given, Scope("job-1", tmp_path / "state"))
        with pytest.raises(BadConfig, match="is a vApp") as caught:
            hypervisor.adopt("base", theirs, MARK, in_place=False)
        assert "resource_pool =" in (caught.value.hint or "")
        assert "vsphere-pool" in {one.id for one in PROVIDER.diagnose(given, Scope("look", tmp_path))}
        hypervisor.close()
        assert peer.requests("CloneVM_Task") == []


def native(kind: str, moid: str) -> str:
    """A managed object as a property."""
    return f'<val xsi:type="ManagedObjectReference" type="{kind}">{moid}</val>'


def in_a_vapp(peer: Peer, app_name: str, name: str) -> str:
    """A user's machine in a new vApp as a real vCenter has it: the folder has the vApp, the vApp the machine."""
    up, place = peer.world.upstream, peer.world.inventory
    inner = f"<name>{app_name}</name><resSpec>{POOL_SPEC}</resSpec><configSpec/>"
    app = up.call("ResourcePool", place.pool, "CreateVApp", inner)[0].text or ""
    first = peer.seed(name, state=None)
    listed = up.properties("Folder", place.folder, "childEntity")["childEntity"]
    kept = [(each.get("type", ""), each.text or "") for each in listed if each.text != first.moid]
    up.change("Folder", place.folder, {"childEntity": references([*kept, ("VirtualApp", app)])})
    up.change("VirtualApp", app, {"vm": references([(VM, first.moid)])})
    up.change(VM, first.moid, {"parent": None, "parentVApp": native("VirtualApp", app)})
    return first.moid
