"""Benches of vCenter's libraries for the library contract, and the images on the peer that they publish."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from golden.library import Library
from golden.model import Artifact, Image, Machine, Mark, Origin, Publication, Role
from golden.plugins import open_library
from golden.provider import Endpoint, Scope
from golden.testing.library_contract import LONG_AGO, sample
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.peer import Peer

STORE = "golden store"
URLS = {
    "template": "vcenter-template:templates/published?endpoint=vc",
    "ovf": f"content-library:{STORE.replace(' ', '%20')}?endpoint=vc&kind=ovf",
    "vmtx": f"content-library:{STORE.replace(' ', '%20')}?endpoint=vc&kind=vmtx",
}
CALLS = {
    "template": "CloneVM_Task",
    "ovf": "POST /rest/com/vmware/vcenter/ovf/library-item",
    "vmtx": "POST /rest/vcenter/vm-template/library-items",
}
"""What a publish of each kind asks for in the middle of its work."""


@contextmanager
def rest(peer: Peer) -> Iterator[httpx.Client]:
    """A session of the test's own, to put libraries there and to look into them."""
    context = ssl.create_default_context(cafile=str(peer.ca))
    with httpx.Client(base_url=f"{peer.url}/rest/com/vmware", verify=context, trust_env=False) as client:
        reply = client.post("/cis/session", auth=(peer.user, peer.password)).raise_for_status()
        client.headers["vmware-api-session-id"] = reply.json()["value"]
        yield client


def add_library(peer: Peer, name: str, follows: str = "", *, on_demand: bool = False) -> str:
    """A local content library, or one that follows another; its id."""
    spec: dict[str, Any] = {"name": name, "storage_backings": [{"type": "DATASTORE", "datastore_id": "datastore-1"}]}
    if follows:
        url = f"https://peer/cls/vcsp/lib/{follows}/lib.json"
        spec["subscription_info"] = {"subscription_url": url, "on_demand": on_demand}
    with rest(peer) as client:
        kind = "subscribed-library" if follows else "local-library"
        return str(client.post(f"/content/{kind}", json={"create_spec": spec}).raise_for_status().json()["value"])


@dataclass
class Shelf:
    """
    One library on the peer, and images that were really captured there. Only the plain values go to another process.
    """

    kind: str
    vcenter: Endpoint
    state: Path
    journal: Path
    url: str = ""
    peer: Peer | None = field(default=None, compare=False)
    _captured: dict[str, Artifact] = field(default_factory=dict)
    _lock: threading.Lock | None = None
    _seen: int = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "peer": None, "_captured": {}}

    @property
    def name(self) -> str:
        """With the results."""
        return f"vCenter's {self.kind}"

    def open(self) -> Library:
        """One more connection, by the entry points and the endpoint of golden.toml."""

        def named(name: str) -> Endpoint:
            assert name == "vc"
            return self.vcenter

        place = Endpoint("shelf", self.url or URLS[self.kind])
        return open_library(place, Scope("selftest", self.state, endpoint=named), self.state)

    def image(self, reference: str, number: int, seal: str = "sysprep") -> Image:
        """An image that golden captured on the peer; one capture serves all images of a reference."""
        if reference not in self._captured:
            self._captured[reference] = capture(self.vcenter, self.state, self.seeded(), f"{reference}-i1")
        artifact = self._captured[reference]
        image = sample(reference, number, artifact.forms[0].format, seal)
        facts = replace(image.proof.facts, os="windows")
        return replace(image, artifact=artifact, proof=replace(image.proof, facts=facts), created=LONG_AGO)

    def seeded(self) -> str:
        """A machine of a user's."""
        assert self.peer is not None
        name = f"user-{len(self.peer.machines())}"
        self.peer.seed(name, disks=(1,))
        return name

    def underway(self, key: str) -> bool:
        """Whether the call in the middle was answered since this was asked last."""
        del key
        lines = self.journal.read_text(encoding="utf-8").splitlines()
        fresh, self._seen = [json.loads(line)["call"] for line in lines[self._seen :]], len(lines)
        return CALLS[self.kind] in fresh

    def damage(self, publication: Publication) -> bool:
        """Other bytes in the item's file, or on the template's disk."""
        assert self.peer is not None
        if self.kind == "ovf":
            items = self.peer.world.libraries.items.values()
            item = next(one for one in items if one.name == publication.name)
            disk = next(item.folder.glob("*.vmdk"))
            disk.write_bytes(disk.read_bytes() + b"!")
            return True
        write_to_disk(self.peer, publication.name)
        return True


def shelf(peer: Peer, folder: Path, kind: str, url: str = "") -> Shelf:
    """A library of one kind; a content library has to be there."""
    return Shelf(kind, endpoint(peer, folder / "secrets"), folder / "state", peer.journal.file, url, peer)


def capture(vcenter: Endpoint, state: Path, where: str, name: str) -> Artifact:
    """What golden's own capture leaves on vCenter, of a user's machine."""
    hypervisor = PROVIDER.open(vcenter, Scope("lab", state))
    try:
        machine: Machine = hypervisor.adopt(
            f"{name}-m", Origin("machine", where), Mark(Role.VERSION, "lab", name, "here"), in_place=False
        )
        artifact = hypervisor.capture(name, machine, Mark(Role.IMAGE, "lab", name, "here"))
        hypervisor.destroy(machine)
        return artifact
    finally:
        hypervisor.close()


def write_to_disk(peer: Peer, name: str) -> None:
    """What the first write to a template's disk does to what vCenter tells of it: the content id is another one."""
    import xml.etree.ElementTree as ET

    from tests.peers.vsphere.disks import disks, part
    from tests.peers.vsphere.wire import tag

    moid = peer.machines()[name]
    devices = peer.world.disks.devices(moid)
    for disk in disks(devices):
        backing = part(disk, "backing")
        found = backing.find(tag("contentId"))
        if found is None:
            place = (
                [each.tag for each in backing].index(tag("uuid")) + 1
                if backing.find(tag("uuid")) is not None
                else len(backing)
            )
            found = ET.Element(tag("contentId"))
            backing.insert(place, found)
        found.text = "0badcafe" * 4
    peer.world.disks.put(moid, devices)
