"""What people give that cannot be: each ends in one sentence with what to do, and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from golden.errors import (
    BadConfig,
    BadName,
    Conflict,
    EndpointError,
    GuestSilent,
    NotAble,
    NotFound,
    Refused,
    Unreachable,
)
from golden.model import CloneOptions, Machine, Mark, Origin, Role, Severity, Snapshot
from golden.provider import Hypervisor, Scope
from golden.waiting import Deadline, Silent
from golden_hyperv import PROVIDER
from golden_hyperv.marking import Hardware
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.host import vhdx
from tests.peers.hyperv.peer import Peer
from tests.unit.hyperv.conftest import Opening

pytestmark = pytest.mark.slow

MARK = Mark(Role.VERSION, "job-1", "win2022", "here")


def adopted(hypervisor: Hypervisor, name: str, where: str) -> Machine:
    """A machine of golden's."""
    return hypervisor.adopt(name, Origin("machine", where), MARK, in_place=False)


def ids(hypervisor: Hypervisor, where: str, severity: Severity = Severity.ERROR) -> list[str]:
    """What examining it finds."""
    found = hypervisor.examine(Origin("machine", where)).problems
    return [finding.id for finding in found if finding.severity is severity]


@contextmanager
def refused_to_adopt(hypervisor: Hypervisor, name: str) -> Iterator[None]:
    """A Conflict, and nothing is left of it."""
    with pytest.raises(Conflict, match="cannot be adopted"):
        yield
    assert hypervisor.find(name) is None
    assert not [one for one in hypervisor.list_marked() if one.name == name]


def test_a_wrong_password_is_refused(opening: Opening, tmp_path: Path) -> None:
    """Without the password in the sentence."""
    (tmp_path / "wrong").write_text("hunter2")
    with pytest.raises(Refused) as caught:
        opening(password_file=str(tmp_path / "wrong"))
    assert caught.value.hint
    assert "hunter2" not in f"{caught.value.brief}{caught.value.details}{caught.value.hint}"


def test_a_certificate_that_nobody_signed_is_refused(peer: Peer, tmp_path: Path) -> None:
    """What to put into golden.toml is said."""
    reached = endpoint(peer, tmp_path / "secrets")
    del reached.options["ca_file"]
    with pytest.raises(Refused, match="certificate") as caught:
        PROVIDER.open(reached, Scope("look", tmp_path))
    assert "ca_file" in f"{caught.value.hint}"


def test_no_winrm_is_unreachable(opening: Opening, peer: Peer, tmp_path: Path) -> None:
    """Nobody listens there."""
    reached = endpoint(peer, tmp_path / "secrets")
    gone = type(reached)(reached.name, "hyperv://127.0.0.1:1", reached.options)
    with pytest.raises(Unreachable) as caught:
        PROVIDER.open(gone, Scope("look", tmp_path))
    assert caught.value.hint or caught.value.details


def test_a_host_without_hyper_v_is_told(opening: Opening, tmp_path: Path) -> None:
    """By the missing command, with where to look."""
    with Peer(tmp_path / "bare", hyper_v=False) as bare, pytest.raises(NotAble, match="no command") as caught:
        opening(bare)
    assert "Hyper-V role" in f"{caught.value.hint}"


def test_an_account_without_rights_is_refused(opening: Opening, tmp_path: Path) -> None:
    """The group it has to be in is named."""
    with Peer(tmp_path / "poor", rights=("files",)) as poor, pytest.raises(Refused) as caught:
        opening(poor)
    assert "Hyper-V Administrators" in f"{caught.value.hint}"


def test_names_that_are_patterns_are_refused(opening: Opening) -> None:
    """Before the host is asked; anything else is just a name."""
    hypervisor = opening()
    for name in ("web[1]", "web*", "we?b"):
        with pytest.raises(BadName, match="pattern"):
            hypervisor.examine(Origin("machine", name))
    with pytest.raises(NotFound):
        hypervisor.examine(Origin("machine", "v1'; Remove-Item C:\\ -Recurse # $(calc) \"\u00e9\u2019"))


def test_hostile_names_go_and_come_unchanged(opening: Opening, peer: Peer) -> None:
    """A user's machine may be called anything that is no pattern."""
    name = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"\u00e9\u2019"
    peer.world.change(peer.seed("renamed", state=None).id, name=name)
    assert opening().examine(Origin("machine", name)).name == name


def test_disks_and_definitions_are_not_adopted(opening: Opening) -> None:
    """A machine has to be made of them first."""
    with pytest.raises(NotAble, match="machines of the host's only"):
        opening().examine(Origin("disk", "C:\\a.vhdx"))


@pytest.mark.parametrize(
    ("odd", "finding"), [("shielded", "machine-shielded"), ("checkpoint", "has-checkpoints"), ("shared", "shared-disk")]
)
def test_odd_machines_are_not_adopted(opening: Opening, peer: Peer, odd: str, finding: str) -> None:
    """Each with its own reason and a way to mend it."""
    disks = 2 if odd == "shared" else 1
    seeded = peer.seed(f"odd-{odd}", state=None, odd=(odd,) if odd != "checkpoint" else (), disks=disks)
    if odd == "checkpoint":
        peer.world.checkpoint(seeded.id, "before the update")
    where, hypervisor = seeded.name, opening()
    assert finding in ids(hypervisor, where)
    with refused_to_adopt(hypervisor, "odd"):
        adopted(hypervisor, "odd", where)


@pytest.mark.parametrize("mode", ["Replica", "TestReplica", "ExtendedReplica"])
def test_what_hyper_v_replica_feeds_is_not_adopted(opening: Opening, peer: Peer, mode: str) -> None:
    """It is off, and written to all the time; the primary is adopted like any other."""
    where = peer.seed(f"fed-{mode.lower()}", state=None, replication=mode).name
    hypervisor = opening()
    (finding,) = (one for one in hypervisor.examine(Origin("machine", where)).problems if one.id == "machine-replica")
    assert finding.severity is Severity.ERROR and finding.evidence == mode and "primary" in finding.fix
    with refused_to_adopt(hypervisor, "fed"):
        adopted(hypervisor, "fed", where)
    primary = peer.seed(f"primary-{mode.lower()}", state=None, replication="Primary").name
    found = hypervisor.examine(Origin("machine", primary)).problems
    assert ("replicated", Severity.INFO) in [(one.id, one.severity) for one in found]
    assert all(one.severity is not Severity.ERROR for one in found)


def test_a_vhd_is_not_adopted(opening: Opening, peer: Peer) -> None:
    """golden's versions are VHDX files."""
    where = peer.seed("old", state=None, kind="vhd", generation=1).name
    hypervisor = opening()
    assert set(ids(hypervisor, where)) & {"old-format", "disk-unreadable"}
    with refused_to_adopt(hypervisor, "old"):
        adopted(hypervisor, "old", where)


def test_a_running_machine_is_not_adopted(opening: Opening, peer: Peer) -> None:
    """Its disks change while they are copied."""
    seeded = peer.seed("busy", state=None)
    peer.world.start(seeded.id)
    hypervisor = opening()
    assert "machine-running" in ids(hypervisor, seeded.name)
    with refused_to_adopt(hypervisor, "busy-copy"):
        adopted(hypervisor, "busy-copy", seeded.name)


def test_a_chain_is_flattened(opening: Opening, peer: Peer) -> None:
    """Differencing disks of the user's become one file of golden's, with the same size."""
    where = peer.seed("chained", state=None, chain=2).name
    hypervisor = opening()
    assert "has-parents" in ids(hypervisor, where, Severity.INFO)
    machine = adopted(hypervisor, "flat", where)
    point = hypervisor.freeze(machine, "v1")
    assert next(stamp.path for stamp in hypervisor.identity(point)).endswith("flat-0.vhdx")
    hypervisor.drop_snapshot(point)
    hypervisor.destroy(machine)


def test_without_the_management_service_copies_are_made_by_convert_vhd(opening: Opening, tmp_path: Path) -> None:
    """As on an endpoint of just enough administration that hides the CIM commands."""
    with Peer(tmp_path / "jea", hidden=("Get-CimInstance", "Invoke-CimMethod"), openssh=False) as jea:
        jea.seed("origin", state=None, chain=1)
        hypervisor = opening(jea)
        point = hypervisor.freeze(adopted(hypervisor, "converted", "origin"), "v1")
        assert [one.given["VHDType"] for one in jea.requests("Convert-VHD")] == ["Dynamic"]
        assert hypervisor.identity(point)


def test_a_machine_of_another_node_is_looked_at_there(opening: Opening, tmp_path: Path) -> None:
    """With a session of golden's own on that node; its disks are copied here where they are on a shared volume."""
    with Peer(tmp_path / "cluster", nodes=("HV1", "HV2"), openssh=False) as cluster:
        far = cluster.second_node("HV2")
        theirs = cluster.seed("theirs", state=None, node="HV2", folder="C:\\ClusterStorage\\Volume1")
        cluster.seed("local", state=None, node="HV2")
        hypervisor = opening(cluster, nodes=f"HV3=10.0.0.3, HV2={far}")
        assert {"other-node", "clustered"} <= set(ids(hypervisor, "theirs", Severity.INFO))
        machine = adopted(hypervisor, "taken", theirs.name)
        (met,) = (one for one in cluster.world.machines() if one["name"] == "taken")
        assert met["node"] in ("", "HV1") and machine.settled
        assert "disk-elsewhere" in ids(hypervisor, "local")
        with refused_to_adopt(hypervisor, "near"):
            adopted(hypervisor, "near", "local")
        cluster.world.change(theirs.id, role="SCVMM theirs Resources")
        assert "other-node" in ids(hypervisor, "theirs", Severity.INFO)


def test_a_node_that_golden_does_not_reach_is_named(opening: Opening, tmp_path: Path) -> None:
    """With the line for golden.toml; and where a certificate is pinned, that it is the other host's."""
    with Peer(tmp_path / "cluster", nodes=("HV1", "HV2"), openssh=False) as cluster:
        cluster.seed("theirs", state=None, node="HV2")
        with pytest.raises(Conflict, match="the cluster node HV2 owns it") as caught:
            opening(cluster, nodes="HV2=127.0.0.1:1").examine(Origin("machine", "theirs"))
        assert 'nodes = "HV2=' in f"{caught.value.hint}" and "hyperv://HV2" in f"{caught.value.hint}"
        certificate = x509.load_pem_x509_certificate((cluster.folder / "server.pem").read_bytes())
        pinned = certificate.fingerprint(hashes.SHA256()).hex()
        with pytest.raises(Conflict, match="the cluster node HV2 owns it") as caught:
            opening(cluster, thumbprint=pinned).examine(Origin("machine", "theirs"))
        assert "thumbprint" in f"{caught.value.details}"


def test_an_endpoint_keeps_to_its_node(opening: Opening, tmp_path: Path) -> None:
    """A cluster's name leads to any of them: golden goes on to the one that golden.toml names, or says where it is."""
    with Peer(tmp_path / "cluster", nodes=("HV1", "HV2"), openssh=False) as cluster:
        cluster.seed("theirs", state=None, node="HV2")
        far = cluster.second_node("HV2")
        there = opening(cluster, node="hv2.lab.example", nodes=f"HV2={far}")
        assert there.examine(Origin("machine", "theirs")).name == "theirs"
        assert opening(cluster, node="HV1").find("theirs") is None
        with pytest.raises(Conflict, match="wants the cluster node HV3") as caught:
            opening(cluster, node="HV3", nodes=f"HV3={far}")
        assert "HV2" in f"{caught.value.details}" and 'nodes = "HV3=' in f"{caught.value.hint}"
    for wrong in ({"nodes": "HV2"}, {"nodes": "HV2=a b"}, {"node": "HV 1"}):
        with pytest.raises(BadConfig):
            opening(cluster, **wrong)


def test_goldens_own_machine_on_another_node_is_left_alone(opening: Opening, tmp_path: Path) -> None:
    """Its files may lie on a volume of the cluster that this node sees: nothing is made or taken away here."""
    with Peer(tmp_path / "cluster", nodes=("HV1", "HV2"), openssh=False) as cluster:
        cluster.seed("origin", state=None)
        hypervisor = opening(cluster)
        machine = adopted(hypervisor, "moved", "origin")
        (met,) = (one for one in cluster.world.machines() if one["name"] == "moved")
        cluster.world.change(met["id"], node="HV2", clustered=True, role="SCVMM somebody's Resources")
        for act in (hypervisor.start, hypervisor.settle, hypervisor.destroy):
            with pytest.raises(Conflict, match="belongs to the cluster node HV2"):
                act(machine)
        assert [one.name for one in hypervisor.list_marked()] == ["moved"]
        assert cluster.drive("C:\\golden\\machines\\moved\\moved-0.partial.vhdx").is_file()


def test_a_disk_on_a_share_out_of_reach_is_told(opening: Opening, peer: Peer) -> None:
    """The second hop: the session has no credential for the share."""
    peer.seed("far", state=None, folder="\\\\files\\library\\VMs")
    hypervisor = opening()
    found = hypervisor.examine(Origin("machine", "far")).problems
    (problem,) = (one for one in found if one.id == "disk-unreadable")
    assert "credential" in problem.fix


def test_no_room_is_told_before_anything_is_copied(opening: Opening, tmp_path: Path) -> None:
    """Nothing is begun."""
    with Peer(tmp_path / "full", free=1 << 20) as full:
        full.seed("big", state=None)
        hypervisor = opening(full)
        with pytest.raises(Refused, match="no room"):
            adopted(hypervisor, "big-copy", "big")
        assert hypervisor.list_marked() == ()


def test_a_network_that_nobody_allowed_is_refused(opening: Opening, peer: Peer) -> None:
    """Without a word in golden.toml clones see private switches only."""
    hypervisor = opening()
    assert hypervisor.abilities.networks == ("Isolated",)
    assert opening(networks="External, gone").abilities.networks == ("External",)
    where = peer.seed("plain", state=None).name
    point = hypervisor.freeze(adopted(hypervisor, "base", where), "v1")
    with pytest.raises(NotFound, match="may not connect"):
        hypervisor.clone("netted", point, MARK, CloneOptions(network="External"))
    assert hypervisor.find("netted") is None


def test_a_guest_that_refuses_its_account_is_asked_twice(opening: Opening, peer: Peer, tmp_path: Path) -> None:
    """And never again by the same connection: the guest would lock the account."""
    hypervisor, machine = running(opening, peer, tmp_path, "locked")
    line = hypervisor.communicator(machine)
    before = len(peer.requests("Invoke-Command"))
    for _ in range(3):
        with pytest.raises(Refused, match="refuses the account") as caught:
            line.ready(Deadline(30))
    assert len(peer.requests("Invoke-Command")) - before == 2
    assert "wrong-one" not in f"{caught.value.brief}{caught.value.details}{caught.value.hint}"
    hypervisor.destroy(machine)


def running(opening: Opening, peer: Peer, tmp_path: Path, name: str) -> tuple[Hypervisor, Machine]:
    """A guest that is on, and an account with a wrong password for it."""
    (tmp_path / "guest-wrong").write_text("wrong-one")
    hypervisor = opening(guest_password_file=str(tmp_path / "guest-wrong"))
    machine = adopted(hypervisor, name, peer.seed(f"{name}-origin").name)
    return hypervisor, hypervisor.start(machine)


def test_a_guest_without_an_account_is_told(opening: Opening, peer: Peer, tmp_path: Path) -> None:
    """What to write into golden.toml."""
    hypervisor = opening(guest_account="")
    machine = hypervisor.start(adopted(hypervisor, "nobody", peer.seed("nobody-origin", state=None).name))
    with pytest.raises(BadConfig, match="needs an account"):
        hypervisor.communicator(machine)
    hypervisor.destroy(machine)


def test_a_guest_that_is_off_is_silent(opening: Opening, peer: Peer) -> None:
    """At once, not at the deadline."""
    hypervisor = opening()
    machine = adopted(hypervisor, "asleep", peer.seed("asleep-origin", state=None).name)
    with pytest.raises(GuestSilent, match="is off"):
        hypervisor.communicator(machine).ready(Deadline(30))
    hypervisor.destroy(machine)


def test_a_checkpoint_made_by_somebody_is_met(opening: Opening, peer: Peer) -> None:
    """A machine that runs on a checkpoint's disk is neither started, frozen nor captured; it is taken away."""
    hypervisor = opening()
    machine = adopted(hypervisor, "touched", peer.seed("touched-origin", state=None).name)
    (vm,) = (one for one in peer.world.machines() if one["name"] == "touched")
    peer.world.change(vm["id"], checkpoint_type="Standard")
    peer.world.checkpoint(vm["id"], "somebody's")
    for act in (
        lambda: hypervisor.start(machine),
        lambda: hypervisor.freeze(machine, "v1"),
        lambda: hypervisor.capture("image", machine, MARK),
    ):
        with pytest.raises(Conflict, match="golden's own disks"):
            act()
    assert hypervisor.find_image("image") is None
    hypervisor.destroy(machine)
    assert hypervisor.find("touched") is None


def test_frozen_disks_are_read_only_and_alone(opening: Opening, peer: Peer) -> None:
    """No virtual machine can write to them any more, and none is registered with them."""
    hypervisor = opening()
    point = hypervisor.freeze(adopted(hypervisor, "still", peer.seed("still-origin", state=None).name), "v1")
    path = peer.drive("C:\\golden\\machines\\still\\still-0.vhdx")
    assert path.is_file() and not path.stat().st_mode & 0o222
    assert "still" not in [one["name"] for one in peer.world.machines()]
    clone = hypervisor.clone("moving", point, MARK, CloneOptions(linked=True))
    hypervisor.start(clone)
    before = path.read_bytes()
    hypervisor.stop(clone)
    assert path.read_bytes() == before
    hypervisor.destroy(clone)
    hypervisor.drop_snapshot(point)
    hypervisor.destroy(hypervisor.find("still") or clone)


def test_a_parent_that_was_written_to_is_met(opening: Opening, peer: Peer) -> None:
    """Its clones are refused, and its identity is another one."""
    hypervisor = opening()
    point = hypervisor.freeze(adopted(hypervisor, "wronged", peer.seed("wronged-origin", state=None).name), "v1")
    clone = hypervisor.clone("child", point, MARK, CloneOptions(linked=True))
    before = hypervisor.identity(point)
    path = peer.drive("C:\\golden\\machines\\wronged\\wronged-0.vhdx")
    path.chmod(0o644)
    peer.world.optimize(str(path), "Quick")
    assert hypervisor.identity(point) != before
    with pytest.raises(Conflict, match="chain of disks"):
        hypervisor.start(clone)
    hypervisor.destroy(clone)


def test_firmware_and_tpm_go_from_the_users_machine_to_each_clone(opening: Opening, peer: Peer) -> None:
    """Generation, Secure Boot with its template, processors and memory; the TPM is a new one."""
    where = peer.seed("secure", state=None, odd=("tpm",), secure_boot_template="MicrosoftUEFICertificateAuthority").name
    plain = peer.seed("ancient", state=None, generation=1).name
    hypervisor = opening()
    for origin, name in ((where, "secured"), (plain, "aged")):
        point = hypervisor.freeze(adopted(hypervisor, name, origin), "v1")
        hypervisor.clone(f"{name}-clone", point, MARK, CloneOptions(linked=True))
    met = {one["name"]: one for one in peer.world.machines()}
    one = met["secured-clone"]
    assert (one["generation"], one["secure_boot"], one["tpm"], one["key_protector"]) == (2, True, True, "local")
    assert one["secure_boot_template"] == "MicrosoftUEFICertificateAuthority"
    assert (one["memory"], one["processors"], one["checkpoint_type"]) == (2 << 30, 2, "Disabled")
    assert (met["aged-clone"]["generation"], met["aged-clone"]["tpm"]) == (1, False)


def test_automatic_checkpoints_are_turned_off_where_there_are_any(opening: Opening, tmp_path: Path) -> None:
    """On Windows 11 they are on by default."""
    with Peer(tmp_path / "client", client=True) as client:
        client.seed("desk", state=None)
        hypervisor = opening(client)
        machine = hypervisor.start(adopted(hypervisor, "desk-copy", "desk"))
        (met,) = (one for one in client.world.machines() if one["name"] == "desk-copy")
        assert (met["automatic_checkpoints"], met["checkpoints"]) == (False, [])
        hypervisor.destroy(machine)


def test_the_note_says_whose_it_is(opening: Opening, peer: Peer) -> None:
    """And a machine whose record somebody took away is found and taken away by it."""
    hypervisor = opening()
    machine = adopted(hypervisor, "noted", peer.seed("noted-origin", state=None).name)
    (met,) = (one for one in peer.world.machines() if one["name"] == "noted")
    assert "Made by golden for win2022" in met["notes"]
    peer.drive("C:\\golden\\machines\\noted.golden.json").unlink()
    found = hypervisor.find("noted")
    assert found is not None and not found.settled and found.mark == MARK
    assert [one.mark for one in hypervisor.list_marked() if one.name == "noted"] == [MARK]
    assert found.id == machine.id
    assert hypervisor.settle(found) is None
    assert hypervisor.find("noted") is None
    assert not peer.drive("C:\\golden\\machines\\noted").exists()


def test_a_snapshot_that_is_not_there_is_not_found(opening: Opening) -> None:
    """Neither cloned nor looked at."""
    with pytest.raises(NotFound, match="frozen point v1 of never"):
        opening().identity(Snapshot("never", "v1"))


def test_dynamic_memory_goes_from_the_users_machine_to_each_clone(opening: Opening, peer: Peer) -> None:
    """With its minimum, maximum and buffer; a version that was frozen before golden knew of it stays what it was."""
    moving = {"dynamic_memory": True, "memory": 1 << 30, "memory_minimum": 768 << 20, "memory_maximum": 16 << 30,
              "memory_buffer": 35}  # fmt: skip
    peer.world.change(peer.seed("moving-memory", state=None).id, **moving)
    peer.seed("still-memory", state=None)
    hypervisor = opening()
    for where, wanted in (("moving-memory", moving), ("still-memory", {"dynamic_memory": False, "memory": 2 << 30})):
        point = hypervisor.freeze(adopted(hypervisor, f"{where}-v", where), "v1")
        clone = hypervisor.clone(f"{where}-clone", point, MARK, CloneOptions(linked=True))
        (met,) = (one for one in peer.world.machines() if one["name"] == clone.name)
        assert {key: met[key] for key in wanted} == wanted
        hypervisor.destroy(clone)
    old = Hardware(2, 2 << 30, 2)
    assert set(old.definition()) == {
        "generation", "memory", "processors", "secure_boot", "secure_boot_template", "tpm"}  # fmt: skip
    assert replace(old, dynamic=True, minimum=1, maximum=2, buffer=20).definition() != old.definition()


@pytest.mark.parametrize("system", [0, 1])
def test_a_second_disk_goes_along(opening: Opening, peer: Peer, system: int) -> None:
    """Adopted, cloned, frozen and captured; the system's is the one the firmware boots from, wherever it hangs."""
    seeded = peer.seed(f"two-{system}", disks=2, system=system)
    hypervisor = opening()
    found = hypervisor.examine(Origin("machine", seeded.name))
    assert found.disks[0] == seeded.disks[system] and len(found.disks) == 2
    assert seeded.disks[system] in next(one.sentence for one in found.problems if one.id == "several-disks")
    name = f"twin-{system}"
    point = hypervisor.freeze(adopted(hypervisor, name, seeded.name), "v1")
    assert [one.path.rpartition("\\")[2] for one in hypervisor.digest(point)][:2] == [
        f"{name}-0.vhdx",
        f"{name}-1.vhdx",
    ]
    clone = hypervisor.start(hypervisor.clone(f"{name}-clone", point, MARK, CloneOptions(linked=True)))
    (met,) = (one for one in peer.world.machines() if one["name"] == clone.name)
    assert met["boot_order"][0] == f"Drive|{met['disks'][0]['path']}" and len(met["disks"]) == 2
    assert (peer.guest(met["id"]) / "Windows").is_dir()
    clone = hypervisor.stop(clone)
    image = hypervisor.capture(f"{name}-image", clone, MARK)
    flat = peer.drive(f"C:\\golden\\images\\{name}-image.vhdx")
    with vhdx.Disk(flat) as disk:
        assert list(disk.allocated())  # The data disk of this machine is empty.
    again = hypervisor.freeze(clone, "v2")
    assert len(hypervisor.identity(again)) == 3
    hypervisor.discard_image(image)
    hypervisor.drop_snapshot(again)
    hypervisor.destroy(clone)


def test_what_the_firmware_remembers_is_named(opening: Opening, peer: Peer) -> None:
    """Entries of its own are not kept: a Linux that has no loader under EFI/BOOT would not boot in a clone."""
    debian = "\\HD(1,GPT,FFB61BB9,0x800,0x100000)\\EFI\\debian\\shimx64.efi"
    peer.seed("linux", state=None, entries=(debian,))
    peer.seed("windows", state=None)
    hypervisor = opening()
    (met,) = (one for one in hypervisor.examine(Origin("machine", "linux")).problems if one.id == "boot-entries")
    assert (met.severity, met.evidence) == (Severity.WARNING, debian) and "removable" in met.fix
    (met,) = (one for one in hypervisor.examine(Origin("machine", "windows")).problems if one.id == "boot-entries")
    assert met.severity is Severity.INFO


def test_a_cluster_that_does_not_answer_is_no_owner(opening: Opening, tmp_path: Path) -> None:
    """Nothing is taken away while nobody knows whose it is; a host that is no node is asked nothing."""
    with Peer(tmp_path / "cluster", nodes=("HV1", "HV2"), openssh=False) as cluster:
        cluster.seed("origin", state=None)
        hypervisor = opening(cluster)
        machine = adopted(hypervisor, "moved", "origin")
        (met,) = (one for one in cluster.world.machines() if one["name"] == "moved")
        cluster.world.change(met["id"], node="HV2", clustered=True)
        cluster.rule("Get-ClusterGroup", "error", kind="Get-ClusterGroup", category="ConnectionError", times=0)
        for act in (hypervisor.start, hypervisor.settle, hypervisor.destroy):
            with pytest.raises(EndpointError, match="asking the cluster"):
                act(machine)
        assert cluster.drive("C:\\golden\\machines\\moved\\moved-0.partial.vhdx").is_file()
    with Peer(tmp_path / "alone", failover=True, openssh=False) as alone:
        alone.seed("origin", state=None)
        hypervisor = opening(alone)
        machine = adopted(hypervisor, "mine", "origin")
        (met,) = (one for one in alone.world.machines() if one["name"] == "mine")
        alone.world.remove(met["id"])
        hypervisor.destroy(machine)
        assert hypervisor.find("mine") is None


def test_a_host_with_powercli_runs_hyper_vs_commands(opening: Opening, tmp_path: Path) -> None:
    """VMware's module has Get-VM, Set-VM and others too; in every session, also one that was opened again."""
    with Peer(tmp_path / "both", powercli=True, openssh=False) as both:
        both.seed("origin", state=None)
        hypervisor = opening(both)
        assert hypervisor.examine(Origin("machine", "origin")).name == "origin"
        both.restart_server()
        machine = adopted(hypervisor, "mine", "origin")
        hypervisor.destroy(machine)


class Heard(Silent):
    """A watcher that remembers what was done."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def doing(self, what: str) -> None:
        """Remember it."""
        self.told.append(what)


def test_quotas_and_warnings_reach_whoever_watches(tmp_path: Path) -> None:
    """A quota that is too small before work starts, and the host's own warnings while it goes on."""
    with Peer(tmp_path / "small", shells=3, openssh=False) as small:
        small.seed("origin", state=None)
        for job, wanted in (("job-1", 1), ("look", 0)):
            watcher = Heard()
            hypervisor = PROVIDER.open(endpoint(small, tmp_path / "secrets"), Scope(job, tmp_path, watcher))
            assert len([one for one in watcher.told if "MaxShellsPerUser is 3" in one]) == wanted
            hypervisor.close()
        watcher = Heard()
        hypervisor = PROVIDER.open(endpoint(small, tmp_path / "secrets"), Scope("job-1", tmp_path, watcher))
        small.rule("Set-VM", "warn", text="The host has its doubts.")
        machine = adopted(hypervisor, "mine", "origin")
        assert [one for one in watcher.told if "The host has its doubts." in one and one.startswith("warning")]
        hypervisor.destroy(machine)
        hypervisor.close()


def test_a_parent_on_a_share_out_of_reach_is_told(opening: Opening, peer: Peer) -> None:
    """The machine's own disk is on the host, and Get-VHD reads it; the chain below it is not to be followed."""
    peer.seed("half-far", state=None, chain=1, parents="\\\\files\\library\\VMs")
    hypervisor = opening()
    found = hypervisor.examine(Origin("machine", "half-far")).problems
    (problem,) = (one for one in found if one.severity is Severity.ERROR)
    assert problem.id == "chain-unreadable" and "credential" in problem.fix
    with refused_to_adopt(hypervisor, "half"):
        adopted(hypervisor, "half", "half-far")


def test_a_heartbeat_that_is_off_is_a_warning(opening: Opening, peer: Peer) -> None:
    """golden gets into such guests later, and by trying."""
    seeded = peer.seed("still-heart", state=None)
    (met,) = (one for one in peer.world.machines() if one["name"] == seeded.name)
    off = {**met["services"], "84eaae65-2f2e-45f5-9bb5-0e857dc8eb47": False}
    peer.world.change(met["id"], services=off)
    assert "heartbeat-off" in ids(opening(), seeded.name, Severity.WARNING)
