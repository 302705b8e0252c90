"""A project folder on the simulated vCenter, with golden typed in it, and what must be true of both afterwards."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyVmomi import vim

from golden.model import CloneOptions, Role, Snapshot
from golden.provider import Scope
from golden_vsphere import PROVIDER
from tests.e2e.bench import MATERIAL, Before, Desk, Going
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.client import connected
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.world import Times

SOURCE = "win2022-master"
TOML = """
[endpoints.vc]
url = "vsphere://{host}:{port}/DC0/golden"
user = "{user}"
password_file = "vc-password"
ca_file = "{ca}"
host_ca_file = "{host_ca}"
isolated_network = "VM Network"

[libraries.templates]
url = "vcenter-template:templates/golden?endpoint=vc"
"""
GUEST = """
[references.{name}.guest]
account = "{user}"
password_file = "guest-password"
"""


@dataclass(frozen=True)
class VsphereDesk(Desk):
    """A desk, and the vCenter it works on."""

    peer: Peer

    def cut_power(self) -> None:
        """Every machine that is on goes off at once, as where a host fails."""
        with connected(self.peer) as client:
            for moid in self.running():
                client.wait(client.machine(moid).PowerOffVM_Task())

    def running(self) -> list[str]:
        """Names of machines that are on."""
        up = self.peer.world.upstream
        there = self.peer.world.inventory.machines()
        return [moid for moid in there if up.texts(VM, moid, "runtime.powerState")["runtime.powerState"] == "poweredOn"]

    def called(self, call: str) -> int:
        """How often golden has called something at vCenter."""
        return self.peer.journal.file.read_bytes().count(b'"%s"' % call.encode())

    def kill_in(self, going: Going, call: str, nth: int = 1) -> None:
        """kill -9 golden while vCenter carries the n-th such call out; the order has gone through."""
        before = self.called(call)
        going.until(lambda: self.called(call) >= before + nth, f"calling {call}")
        going.kill()

    def names(self) -> Counter[str]:
        """Names of all machines and templates at vCenter, and how often each is there."""
        up = self.peer.world.upstream
        return Counter(up.texts(VM, moid, "name")["name"] for moid in self.peer.world.inventory.machines())

    def folders(self) -> list[str]:
        """Names of all folders of machines at vCenter."""
        with connected(self.peer) as client:
            view = client.content.viewManager.CreateContainerView(client.content.rootFolder, [vim.Folder], True)
            return [client.read(one, "name")["name"] for one in client.read(view, "view")["view"]]

    def destroy(self, name: str) -> None:
        """Somebody takes a machine or template away behind golden's back."""
        with connected(self.peer) as client:
            client.wait(client.machine(self.peer.machines()[name]).Destroy_Task())

    def note(self, name: str, kind: str) -> None:
        """vCenter notes an event of a machine's power."""
        with connected(self.peer) as client:
            moid = self.peer.machines()[name]
            argument = vim.event.VmEventArgument(name=name, vm=client.machine(moid))
            host = vim.event.HostEventArgument(name="", host=vim.HostSystem("host-1", None))
            more = {"sourceHost": host} if kind == "VmRestartedOnAlternateHostEvent" else {}
            event = getattr(vim.event, kind)(
                key=0,
                chainId=0,
                createdTime=datetime.now(UTC),
                userName="",
                vm=argument,
                host=host,
                template=False,
                **more,
            )
            client.content.eventManager.PostEvent(event)

    def leaked(self) -> str:
        """The name of a clone with this project's mark, of a job of its that is over, and nothing needs it."""
        (version, *_) = self.log()["versions"]
        point = Snapshot(version["snapshot"]["machine"], version["snapshot"]["name"])
        opened = PROVIDER.open(endpoint(self.peer, self.path.parent / "secrets"), Scope("look", self.path.parent))
        try:
            theirs = opened.find(point.machine)
            assert theirs is not None
            assert theirs.mark is not None
            mark = replace(theirs.mark, role=Role.CLONE)
            return opened.clone("golden-jlostxx-a1-clone", point, mark, CloneOptions()).name
        finally:
            opened.close()

    def assert_clean(self, *references: str) -> None:
        """Nothing is wrong, half-done or on; golden has at vCenter what the catalog names, each once, and no more."""
        told = self.golden("doctor", "-o", "json")
        assert told.code == 0, told.said
        assert [f for f in told.data["findings"] if f["severity"] == "error"] == []
        assert self.open_jobs() == []
        assert self.running() == []
        logs = [self.log(name) for name in references]
        wanted = Counter([SOURCE])
        for log in logs:
            wanted.update({version["snapshot"]["machine"] for version in log["versions"]})
            wanted.update(image["name"] for image in log["images"])
            wanted.update(one["name"] for image in log["images"] for one in image["publications"])
        assert self.names() == wanted
        self.does("gc")
        assert self.names() == wanted

    def assert_secret(self, said: str = "") -> None:
        """No password is in anything that golden wrote or said, nor in vCenter's log of requests."""
        texts = [said.encode(), self.peer.journal.file.read_bytes()]
        files = [path for path in self.path.rglob("*") if path.is_file() and not path.name.endswith("-password")]
        for secret in (self.peer.password, self.peer.guest_password):
            assert not [text for text in texts if secret.encode() in text]
            assert not [path for path in files if secret.encode() in path.read_bytes()]


def check(
    place: VsphereDesk, was: Before, *others: str, versions: int = 0, images: int = 0, reference: str = "win2022"
) -> dict[str, Any]:
    """
    So many more versions and images than before, those before as they were, and nothing else but what the other
    references of the project have. The lineage.
    """
    log: dict[str, Any] = place.log(reference)
    assert len(log["versions"]) == len(was.versions) + versions
    assert len(log["images"]) == len(was.images) + images
    for version in log["versions"]:
        assert version["state"] == "VIRGIN"
        assert was.versions.get(version["number"], version["disks"]) == version["disks"]
    place.assert_clean(reference, *others)
    place.does("verify", reference, "--deep")
    return log


@contextmanager
def vsphere_desk(
    folder: Path, *references: str, times: Times | None = None, esx: bool = False
) -> Iterator[VsphereDesk]:
    """
    A project whose references were adopted from a machine of the user's; golden.toml names win2022 in any case. With
    ``esx`` on a single ESXi host.
    """
    with vcenter(folder / "vcenter", times=times, esx=esx) as peer:
        project = folder / "project"
        (project / "drivers").mkdir(parents=True)
        told = {"host": peer.host, "port": peer.port, "user": peer.user, "ca": peer.ca, "host_ca": peer.host_ca}
        sections = [GUEST.format(name=name, user=peer.guest_user) for name in references or ("win2022",)]
        text = TOML.format(**told) + "".join(sections)
        (project / "golden.toml").write_text(text.replace("/DC0/golden", "") if esx else text)
        for name, secret in (("vc-password", peer.password), ("guest-password", peer.guest_password)):
            (project / name).write_text(secret + "\n")
        shutil.copyfile(MATERIAL / "answers.xml", project / "answers.xml")
        for path in MATERIAL.glob("goldennet.*"):
            shutil.copyfile(path, project / "drivers" / path.name)
        place = VsphereDesk(project, peer)
        peer.seed(SOURCE, disks=(1,))
        for name in references:
            place.does("adopt", name, "--from", SOURCE, "--os", "windows")
        yield place
