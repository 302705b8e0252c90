"""What is particular to vCenter's libraries: the newest image under one name, check-outs, followers, tags, notes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from golden.errors import Conflict, GoldenError, NotAble, NotFound, PolicyRefused, ProofFailed, Refused
from golden.library import Library
from golden.model import Form, Image, Publication
from golden.provider import Endpoint, Scope
from golden_vsphere import PROVIDER
from golden_vsphere.libraries import CONTENT_LIBRARY, TEMPLATE_LIBRARY
from tests.e2e.vsphere_bench import endpoint
from tests.e2e.vsphere_library_bench import STORE, URLS, Shelf, add_library, rest, shelf
from tests.peers.vsphere.client import connected
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.world import Times

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere library items")]

PASS: Any = nullcontext()
STORE_URL = STORE.replace(" ", "%20")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, str]]:
    """One vCenter, and its content library's id."""
    with vcenter(tmp_path_factory.mktemp("vsphere") / "vcenter", times=Times(task=0.02)) as made:
        yield made, add_library(made, STORE)


@pytest.fixture
def opened(store: tuple[Peer, str], tmp_path: Path) -> Iterator[Any]:
    """Opens libraries with a bench; afterwards nothing is in them."""
    benches: list[tuple[Shelf, Library]] = []

    def open_one(kind: str, url: str = "") -> tuple[Shelf, Any]:
        bench = shelf(store[0], tmp_path, kind, url)
        library = bench.open()
        benches.append((bench, library))
        return bench, library

    yield open_one
    store[0].world.rules.clear()
    for _, library in benches:
        for one in library.list():
            library.withdraw(one)
        library.close()
    assert store[0].world.libraries.items == {}


def put(library: Library, image: Image) -> Publication:
    """Published under a key of its own."""
    return library.publish(image, image.artifact.forms[0], PASS, f"shelf/{image.reference}-i{image.number}-here")


def item(peer: Peer, name: str) -> Any:
    """An item as vCenter has it."""
    return next((one for one in peer.world.libraries.items.values() if one.name == name), None)


def test_the_newest_image_lies_under_the_references_name(store: tuple[Peer, str], opened: Any) -> None:
    """The same item with a new version of its content, with a token, described anew; an older image never goes back."""
    peer, _ = store
    bench, library = opened("ovf", f"content-library:{STORE_URL}?endpoint=vc&kind=ovf&current=yes")
    first = put(library, bench.image("ref", 1))
    made = item(peer, "ref")
    assert (made.content, "ref image 1 " in made.description) == (1, True)
    third = put(library, bench.image("ref", 3))
    assert item(peer, "ref") is made
    assert (made.content, "ref image 3 " in made.description) == (2, True)
    second = put(library, bench.image("ref", 2))
    assert (made.content, "ref image 3 " in made.description) == (2, True)
    assert {one.name for one in library.list()} == {first.name, second.name, third.name}
    library.withdraw(first)
    assert item(peer, "ref") is made
    library.withdraw(third)
    assert item(peer, "ref") is None


def test_a_withdrawal_that_was_cut_off_is_found_again(store: tuple[Peer, str], opened: Any) -> None:
    """The publication is there until the reference's item holds it no more, so whoever clears up knows of both."""
    peer, _ = store
    bench, library = opened("ovf", f"content-library:{STORE_URL}?endpoint=vc&kind=ovf&current=yes")
    made = put(library, bench.image("cut", 1))
    peer.rule("DELETE /rest/com/vmware/content/library/item/.*", "http", nth=2, status=400)
    with pytest.raises(GoldenError):
        library.withdraw(made)
    assert peer.world.rules.unmet() == []
    assert library.settle(made.key) == made
    library.withdraw(made)
    assert item(peer, "cut") is None


def test_the_newest_image_is_replaced_after_the_new_one_stood_its_test(store: tuple[Peer, str], opened: Any) -> None:
    """Where the new item is not made the old content stays; where the update does not succeed it does too."""
    peer, _ = store
    bench, library = opened("ovf", f"content-library:{STORE_URL}?endpoint=vc&kind=ovf&current=yes")
    put(library, bench.image("old", 1))
    for nth in (1, 2):
        peer.world.rules.clear()
        peer.rule("POST /rest/com/vmware/vcenter/ovf/library-item", "unsucceeded", nth=nth, text="no room")
        with pytest.raises(Exception, match="did not write the OVF item"):
            put(library, bench.image("old", 2))
        assert (item(peer, "old").content, "old image 1 " in item(peer, "old").description) == (1, True)
        assert [one.image for one in library.list()] == [1]
    put(library, bench.image("old", 2))
    assert (item(peer, "old").content, "old image 2 " in item(peer, "old").description) == (2, True)
    assert [one.image for one in library.list()] == [1, 2]


def test_an_item_of_the_references_name_that_is_not_goldens_stays(store: tuple[Peer, str], opened: Any) -> None:
    """Conflict, and nothing is published."""
    peer, moid = store
    bench, library = opened("ovf", f"content-library:{STORE_URL}?endpoint=vc&kind=ovf&current=yes")
    with rest(peer) as client:
        spec = {"library_id": moid, "name": "taken", "type": "ovf", "description": "mine"}
        theirs = client.post("/content/library/item", json={"create_spec": spec}).raise_for_status().json()["value"]
        with pytest.raises(Conflict, match="not golden's"):
            put(library, bench.image("taken", 1))
        assert item(peer, "taken").description == "mine"
        assert library.list() == ()
        library.settle("shelf/taken-i1-here")
        client.delete(f"/content/library/item/id:{theirs}").raise_for_status()


def test_a_template_item_that_people_check_out_and_in(store: tuple[Peer, str], opened: Any) -> None:
    """While it is out it is not withdrawn; what was checked in is not what was published, and verify says so."""
    peer, _ = store
    bench, library = opened("vmtx")
    made = put(library, bench.image("out", 1))
    out = f"{peer.url}/rest/vcenter/vm-template/library-items/{item(peer, made.name).id}/check-outs"
    place = {"resource_pool": peer.world.inventory.pool, "folder": peer.world.inventory.folder}
    with rest(peer) as client:
        spec = {"name": "work", "placement": place, "powered_on": False}
        reply = client.post(f"{out}?action=check-out", json={"spec": spec}).raise_for_status()
        machine = reply.json().get("value") if isinstance(reply.json(), dict) else reply.json()
        assert peer.machines()["work"] == machine
        with pytest.raises(Conflict, match="checked out"):
            library.withdraw(made)
        library.verify(made)
        with connected(peer) as soap:
            soap.wait(soap.machine(machine).PowerOnVM_Task())
            soap.wait(soap.machine(machine).PowerOffVM_Task())
        client.post(f"{out}/{machine}?action=check-in", json={"spec": {"message": "a patch"}}).raise_for_status()
    with pytest.raises(ProofFailed, match="not what was published") as caught:
        library.verify(made)
    assert "version 2 now" in (caught.value.details or "")


def test_subscribed_libraries_are_listed_with_their_state(store: tuple[Peer, str], opened: Any) -> None:
    """Those that follow: absent, synced, behind; and who publishes into one is told which way it goes."""
    peer, moid = store
    bench, library = opened("ovf")
    name = "far away"
    follower = add_library(peer, name, moid)
    add_library(peer, "of somebody else")
    first = put(library, bench.image("sub", 1))
    (seen,) = library.followers_of(first)
    assert (seen.name, seen.synced, seen.state) == (name, "", "absent")
    peer.world.libraries.sync(peer.world.libraries.libraries[follower])
    (seen,) = library.followers_of(first)
    assert (bool(seen.synced), seen.state) == (True, "synced")
    told = [one.sentence for one in PROVIDER.diagnose(bench.vcenter, Scope("look", bench.state))]
    assert [one for one in told if f"{name} follows {STORE}" in one and "asked last at" in one]
    held = item(peer, first.name)
    held.content += 1
    assert [one.state for one in library.followers_of(first)] == ["behind"]
    held.content -= 1
    with pytest.raises(NotAble, match="subscribed one"):
        opened("ovf", "content-library:far%20away?endpoint=vc")
    with rest(peer) as client:
        client.delete(f"/content/library/id:{follower}").raise_for_status()


@pytest.mark.parametrize("kind", URLS)
def test_names_and_versions_are_tags_and_people_are_told(store: tuple[Peer, str], opened: Any, kind: str) -> None:
    """Category golden; current and retired beside it; a sentence for people that warns of customization specs."""
    peer, _ = store
    bench, library = opened(kind)
    for seal, words in (("sysprep", "run sysprep on it again"), ("none", "until a customization spec")):
        reference = f"tag-{kind}-{seal}"
        made = put(library, bench.image(reference, 7, seal))
        thing = peer.machines()[made.name] if kind == "template" else item(peer, made.name).id
        assert tags(peer, thing) == {
            ("golden", reference),
            ("golden", f"{reference}@i7"),
            ("golden-state", "current"),
        }
        library.retire(made)
        assert ("golden-state", "retired") in tags(peer, thing)
        assert ("golden-state", "current") not in tags(peer, thing)
        assert words in note(peer, kind, made.name)
        assert [finding.severity.value for had, finding in library.abilities.warnings if had == seal] == ["warning"]
        library.withdraw(made)
        with rest(peer) as client:
            there = client.get("/cis/tagging/tag").raise_for_status().json()["value"] or []
            names = [client.get(f"/cis/tagging/tag/id:{one}").json()["value"]["name"] for one in there]
        assert not [name for name in names if name.startswith(reference)]


def tags(peer: Peer, moid: str) -> set[tuple[str, str]]:
    """(category, name) of what is on a thing."""
    with rest(peer) as client:
        kind = "VirtualMachine" if moid.startswith("vm-") else "com.vmware.content.library.Item"
        body = {"object_id": {"type": kind, "id": moid}}
        path = "/cis/tagging/tag-association?~action=list-attached-tags"
        found = client.post(path, json=body).raise_for_status().json()["value"] or []
        told = [client.get(f"/cis/tagging/tag/id:{one}").json()["value"] for one in found]
        names = {c: client.get(f"/cis/tagging/category/id:{c}").json()["value"]["name"] for c in
                 {one["category_id"] for one in told}}  # fmt: skip
        return {(names[one["category_id"]], one["name"]) for one in told}


def note(peer: Peer, kind: str, name: str) -> str:
    """What people read in vSphere's client."""
    if kind != "template":
        return str(item(peer, name).description)
    moid = peer.machines()[name]
    return peer.world.upstream.texts("VirtualMachine", moid, "config.annotation")["config.annotation"]


@pytest.mark.parametrize("kind", URLS)
def test_other_forms_are_refused_with_what_to_do(opened: Any, kind: str) -> None:
    """A file is not imported; an image of another vCenter is not there."""
    bench, library = opened(kind)
    image = bench.image(f"form-{kind}", 1)
    with pytest.raises(PolicyRefused, match="captured on its own vCenter") as caught:
        library.publish(image, Form("qcow2", "/x.qcow2", 1, "0" * 64), PASS, "shelf/x")
    assert "govc import.ova" in str(caught.value.hint)
    form = replace(image.artifact.forms[0], url="vsphere-template:5000aaaa-0000-0000-0000-000000000000")
    with pytest.raises(NotFound, match="is not on vsphere://"):
        library.publish(image, form, PASS, "shelf/x")
    assert library.list() == ()


@pytest.mark.parametrize("kind", URLS)
def test_a_server_that_speaks_the_new_form_only_is_spoken_to(tmp_path: Path, kind: str) -> None:
    """/api where /rest is not there any more: publish, verify, retire, withdraw."""
    with vcenter(tmp_path / "vcenter", times=Times(task=0.02), forms=("api",)) as peer:
        spec = {"name": STORE, "storage_backings": [{"type": "DATASTORE", "datastore_id": "datastore-1"}]}
        import httpx

        from golden_vsphere.trust import by_ca

        with httpx.Client(base_url=peer.url, verify=by_ca(str(peer.ca)), trust_env=False) as client:
            token = client.post("/api/session", auth=(peer.user, peer.password)).raise_for_status().json()
            client.headers["vmware-api-session-id"] = token
            client.post("/api/content/local-library", json=spec).raise_for_status()
        bench = shelf(peer, tmp_path, kind)
        library = bench.open()
        made = put(library, bench.image("new", 1))
        library.verify(made)
        assert library.retire(made).retired
        assert [one.retired for one in library.list()] == [True]
        library.withdraw(made)
        library.close()
        assert peer.world.libraries.items == {}
        assert not [one.call for one in peer.requests() if one.call.startswith("POST /rest/com/vmware/content")]


def test_an_esxi_host_has_no_libraries(tmp_path: Path) -> None:
    """It says so, and what to name instead."""
    with vcenter(tmp_path / "esx", esx=True) as peer:
        place = replace(endpoint(peer, tmp_path), url=f"vsphere://{peer.host}:{peer.port}/ha-datacenter")
        scope = Scope("look", tmp_path, endpoint=lambda _: place)
        for factory, url in ((TEMPLATE_LIBRARY, URLS["template"]), (CONTENT_LIBRARY, URLS["ovf"])):
            with pytest.raises(NotAble, match="single ESXi host") as caught:
                factory.open(Endpoint("shelf", url), scope, tmp_path)
            assert "vCenter that manages it" in str(caught.value.hint)


def test_a_wrong_ca_is_refused(store: tuple[Peer, str], tmp_path: Path) -> None:
    """Over REST as over SOAP: nothing is sent to a server that is not believed."""
    from golden_vsphere.address import parse
    from golden_vsphere.line import open_line
    from golden_vsphere.rest import Call, Rest, understood
    from golden_vsphere.trust import by_ca
    from tests.peers.vsphere.certificates import Authority

    Authority.new(tmp_path / "other.pem", "another CA")
    line = open_line(parse(endpoint(store[0], tmp_path)))
    line.context = by_ca(str(tmp_path / "other.pem"))
    channel = Rest(line)
    with pytest.raises(Refused, match="not to be trusted"), understood("asking"):
        channel.ask(Call("GET", "content/library"))
    channel.close()
    line.close()
