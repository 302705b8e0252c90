"""The peer's libraries: real files and versions, client tokens, refusals in the way the API refuses."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.vsphere.client import Client, connected, rest
from tests.peers.vsphere.peer import Peer, vcenter

pytestmark = pytest.mark.slow

OVF = "/rest/com/vmware/vcenter/ovf/library-item"
VMTX = "/rest/vcenter/vm-template/library-items"
ITEMS = "/rest/com/vmware/content/library/item"


def value(reply: httpx.Response) -> Any:
    """What a good answer holds."""
    assert reply.status_code == 200, reply.text
    return reply.json()["value"]


def library(web: httpx.Client, name: str, **more: Any) -> str:
    """A new library."""
    kind = "subscribed-library" if "subscription_info" in more else "local-library"
    spec = {"name": name, "storage_backings": [{"type": "DATASTORE", "datastore_id": "datastore-1"}], **more}
    return str(value(web.post(f"/rest/com/vmware/content/{kind}", json={"create_spec": spec})))


def capture(web: httpx.Client, machine: str, target: dict[str, str], name: str, token: str) -> httpx.Response:
    """An OVF capture."""
    source = {"type": "VirtualMachine", "id": machine}
    body = {
        "source": source,
        "target": target,
        "create_spec": {"name": name, "description": "d"},
        "client_token": token,
    }
    return web.post(OVF, json=body)


def disk(peer: Peer, item: str, name: str) -> set[str]:
    """Names in the tree that a captured disk holds, as it lies in the library."""
    with tarfile.open(peer.world.libraries.item(item).folder / f"{name}-1.vmdk") as tar:
        return set(tar.getnames())


def test_an_ovf_item_has_files_of_the_machine_and_a_token_makes_it_once(peer: Peer, web: httpx.Client) -> None:
    """Descriptor, manifest, disk; captured again onto itself it has new bytes, the same name, one version more."""
    where, machine = library(web, "ovf"), peer.seed("ovf-source")
    first = value(capture(web, machine.moid, {"library_id": where}, "golden-i1", "t1"))
    again = value(capture(web, machine.moid, {"library_id": where}, "golden-i1", "t1"))
    assert first == again == {"succeeded": True, "ovf_library_item_id": first["ovf_library_item_id"]}
    item = first["ovf_library_item_id"]
    assert value(web.get(ITEMS, params={"library_id": where})) == [item]
    files = {f["name"]: f for f in value(web.get(f"{ITEMS}/file", params={"library_item_id": item}))}
    assert set(files) == {"golden-i1.ovf", "golden-i1.mf", "golden-i1-1.vmdk"}
    place = peer.world.libraries.item(item).folder / "golden-i1-1.vmdk"
    assert files["golden-i1-1.vmdk"]["checksum_info"]["checksum"] == hashlib.sha1(place.read_bytes()).hexdigest()
    (peer.guest(machine.moid) / "changed.txt").write_text("x")
    assert "c/changed.txt" not in disk(peer, item, "golden-i1")
    value(capture(web, machine.moid, {"library_item_id": item}, "another name", "t2"))
    told = value(web.get(f"{ITEMS}/id:{item}"))
    assert (told["name"], told["content_version"]) == ("golden-i1", "2")
    assert "c/changed.txt" in disk(peer, item, "golden-i1")


def test_captures_fail_in_both_ways(peer: Peer, web: httpx.Client, client: Client) -> None:
    """An unknown machine and a taken name are errors; a machine that runs is HTTP 200 and ``succeeded: false``."""
    where, machine = library(web, "fails"), peer.seed("fails-source")
    assert capture(web, "vm-99999", {"library_id": where}, "x", "a").status_code == 404
    assert capture(web, machine.moid, {"library_id": "none"}, "x", "b").status_code == 404
    value(capture(web, machine.moid, {"library_id": where}, "x", "c"))
    twice = capture(web, machine.moid, {"library_id": where}, "x", "d")
    assert (twice.status_code, twice.json()["type"].rpartition(".")[2]) == (400, "already_exists")
    peer.rule(f"POST {OVF}", "unsucceeded", text="No space left.")
    told = value(capture(web, machine.moid, {"library_id": where}, "y", "e"))
    assert told["succeeded"] is False
    assert told["error"]["errors"][0]["error"]["messages"][0]["default_message"] == "No space left."
    client.wait(client.machine(machine.moid).PowerOnVM_Task())
    assert value(capture(web, machine.moid, {"library_id": where}, "y", "f"))["succeeded"] is False
    assert len(value(web.get(ITEMS, params={"library_id": where}))) == 1
    peer.rule(f"POST {OVF}", "drop-after")
    client.wait(client.machine(machine.moid).PowerOffVM_Task())
    with pytest.raises(httpx.TransportError):
        capture(web, machine.moid, {"library_id": where}, "z", "g")
    made = value(capture(web, machine.moid, {"library_id": where}, "z", "g"))["ovf_library_item_id"]
    assert value(web.post(f"{ITEMS}?~action=find", json={"spec": {"name": "Z", "library_id": where}})) == [made]


def test_a_deployed_item_is_a_machine_with_its_files(peer: Peer, web: httpx.Client) -> None:
    """The guest behind it is what was captured, not what the source is now."""
    where, machine = library(web, "deploy"), peer.seed("deploy-source")
    (peer.guest(machine.moid) / "then.txt").write_text("x")
    item = value(capture(web, machine.moid, {"library_id": where}, "d", "d1"))["ovf_library_item_id"]
    (peer.guest(machine.moid) / "later.txt").write_text("x")
    target = {"resource_pool_id": peer.world.inventory.pool}
    body = {"target": target, "deployment_spec": {"name": "deployed", "accept_all_eula": True}}
    made = value(web.post(f"{OVF}/id:{item}?~action=deploy", json=body))["resource_id"]["id"]
    assert peer.machines()["deployed"] == made
    assert (peer.guest(made) / "then.txt").is_file()
    assert not (peer.guest(made) / "later.txt").exists()
    assert value(web.post(f"{OVF}/id:{item}?~action=deploy", json=body))["succeeded"] is False


def test_a_template_item_is_checked_out_and_in(peer: Peer, web: httpx.Client) -> None:
    """One machine at a time; checked in it is the next version, and one version before it is kept."""
    where, machine = library(web, "vmtx"), peer.seed("vmtx-source")
    place = {"folder": peer.world.inventory.folder, "resource_pool": peer.world.inventory.pool}
    spec = {"source_vm": machine.moid, "name": "vmtx-1", "library": where, "placement": place}
    item = value(web.post(VMTX, json={"spec": spec, "client_token": "v"}))
    assert value(web.post(VMTX, json={"spec": spec, "client_token": "v"})) == item
    first = value(web.get(f"{VMTX}/{item}"))["vm_template"]
    assert peer.machines()["vmtx-1"] == first

    def out(name: str) -> httpx.Response:
        body = {"spec": {"name": name, "placement": place}}
        return web.post(f"{VMTX}/{item}/check-outs?action=check-out", json=body)

    for number in (2, 3):
        taken = value(out(f"vmtx-out-{number}"))
        assert out("vmtx-second").status_code == 400
        assert value(web.get(f"{VMTX}/{item}/check-outs")) == [{"vm": taken}]
        (peer.guest(taken) / f"v{number}.txt").write_text("x")
        body = {"spec": {"message": "June"}}
        assert value(web.post(f"{VMTX}/{item}/check-outs/{taken}?action=check-in", json=body)) == str(number)
    assert [each["version"] for each in value(web.get(f"{VMTX}/{item}/versions"))] == ["3", "2"]
    assert first not in peer.machines().values()
    newest = value(web.get(f"{VMTX}/{item}"))["vm_template"]
    assert {"v2.txt", "v3.txt"} <= {each.name for each in peer.guest(newest).iterdir()}
    assert web.delete(f"{ITEMS}/id:{item}").status_code == 200
    assert newest not in peer.machines().values()


def test_a_subscribed_library_has_what_its_source_had_when_it_was_synced(peer: Peer, web: httpx.Client) -> None:
    """Before: nothing. After: the same items, each with the version it has; on demand without files."""
    where, machine = library(web, "source"), peer.seed("sub-source")
    item = value(capture(web, machine.moid, {"library_id": where}, "s", "s1"))["ovf_library_item_id"]
    url = value(web.get(f"/rest/com/vmware/content/local-library/id:{where}"))["publish_info"]["publish_url"]
    mine = library(web, "mine", subscription_info={"subscription_url": url, "on_demand": True})
    path = f"/rest/com/vmware/content/subscribed-library/id:{mine}"
    assert "last_sync_time" not in value(web.get(path))
    assert web.post(f"{path}?~action=sync").status_code == 200
    (copy,) = value(web.get(ITEMS, params={"library_id": mine}))
    value(capture(web, machine.moid, {"library_item_id": item}, "s", "s2"))
    told = value(web.get(f"{ITEMS}/id:{copy}"))
    assert (told["source_id"], told["content_version"], told["cached"]) == (item, "1", False)
    assert web.post(f"{path}?~action=sync").status_code == 200
    assert value(web.get(f"{ITEMS}/id:{copy}"))["content_version"] == "2"


def test_both_forms_say_the_same(peer: Peer, web: httpx.Client) -> None:
    """/api has no wrapping and its own errors; tags are the same tags; an unknown session is refused."""
    where = library(web, "forms")
    assert where in web.get("/api/content/local-library").json()
    assert web.get(f"/api/content/library/{where}").json()["name"] == "forms"
    missing = web.get("/api/content/library/none")
    assert (missing.status_code, missing.json()["error_type"]) == (404, "NOT_FOUND")
    spec = {"name": "golden", "description": "", "cardinality": "MULTIPLE", "associable_types": []}
    category = web.post("/api/cis/tagging/category", json=spec)
    assert category.status_code == 200, category.text
    tag = web.post(
        "/api/cis/tagging/tag", json={"name": "i1", "description": "", "category_id": category.json()}
    ).json()
    machine = {"object_id": {"type": "VirtualMachine", "id": peer.seed("forms-vm").moid}}
    assert web.post(f"/api/cis/tagging/tag-association/{tag}?action=attach", json=machine).status_code in (200, 204)
    listed = web.post("/rest/com/vmware/cis/tagging/tag-association?~action=list-attached-tags", json=machine)
    assert value(listed) == [tag]
    web.headers["vmware-api-session-id"] = "0"
    assert web.get("/api/content/local-library").status_code == 401


def test_rights_on_libraries_are_global_ones(peer: Peer) -> None:
    """Without the right to add items there is a 403, and reading goes on."""
    peer.account("reader", "reader-password", {"ContentLibrary.AddLibraryItem": ()})
    with rest(peer) as web:
        where, machine = library(web, "rights"), peer.seed("rights-source")
    with rest(peer, "reader", "reader-password") as web:
        assert capture(web, machine.moid, {"library_id": where}, "x", "").status_code == 403
        assert value(web.get(ITEMS, params={"library_id": where})) == []
        peer.rule(f"GET {ITEMS}", "expire")
        assert web.get(ITEMS, params={"library_id": where}).status_code == 401
        assert web.get(ITEMS, params={"library_id": where}).status_code == 401
    with pytest.raises(httpx.HTTPStatusError, match="401"), rest(peer, "reader", "wrong"):
        pass


def test_an_esxi_host_has_no_libraries_and_transfers_by_star(tmp_path: Path) -> None:
    """It says HostAgent, answers no REST, and puts ``*`` for itself into transfer addresses."""
    with vcenter(tmp_path / "esx", esx=True) as peer:
        machine = peer.seed("standalone")
        with connected(peer) as client:
            assert client.content.about.apiType == "HostAgent"
            assert client.content.sessionManager.currentSession.userName == peer.user
            vm = client.machine(machine.moid)
            client.boot(vm)
            assert client.put(vm, "C:\\x.txt", b"1").status_code == 200
            assert "*" not in client.get(vm, "C:\\x.txt").decode()
        with pytest.raises(httpx.HTTPStatusError, match="404"), rest(peer):
            pass
