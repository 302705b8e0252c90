"""golden itself, as a user types it, from a machine on vCenter to three libraries of it and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vsphere_library_bench import STORE, add_library
from tests.peers.vsphere.peer import Peer, vcenter

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere publishing")]

LIBRARIES = ("templates", "store", "vmtx")
TOML = """
[endpoints.vc]
url = "vsphere://{host}:{port}/DC0/golden"
user = "{user}"
password_env = "VC_PASSWORD"
ca_file = "{ca}"
host_ca_file = "{host_ca}"

[libraries.templates]
url = "vcenter-template:templates/windows?endpoint=vc"

[libraries.store]
url = "content-library:{store}?endpoint=vc&kind=ovf&current=yes"

[libraries.vmtx]
url = "content-library:{store}?endpoint=vc&kind=vmtx"

[references.win2022.guest]
account = "{guest}"
password_env = "GUEST_PASSWORD"
"""


@dataclass(frozen=True)
class Project:
    """A folder with a golden.toml."""

    folder: Path
    peer: Peer

    def golden(self, *typed: str) -> Any:
        """What a command that succeeds answers."""
        environment = {**os.environ, "VC_PASSWORD": self.peer.password, "GUEST_PASSWORD": self.peer.guest_password}
        ran = subprocess.run(
            [sys.executable, "-m", "golden", *typed, "-o", "json"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        for secret in (self.peer.password, self.peer.guest_password):
            assert secret not in ran.stdout + ran.stderr
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)["data"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A vCenter with a user's machine and a content library."""
    with vcenter(tmp_path / "vcenter") as peer:
        add_library(peer, STORE)
        peer.seed("win2022-source", disks=(1,))
        told = {"host": peer.host, "port": peer.port, "user": peer.user, "ca": peer.ca, "host_ca": peer.host_ca}
        folder = tmp_path / "project"
        folder.mkdir()
        text = TOML.format(**told, guest=peer.guest_user, store=STORE.replace(" ", "%20"))
        (folder / "golden.toml").write_text(text)
        yield Project(folder, peer)


def test_an_image_goes_to_three_libraries_and_the_next_one_takes_its_place(project: Project) -> None:
    """
    Published thrice, again is the same; the second image, which is not sealed, is current everywhere and the first is
    retired and still there; verify reads them back; no password is in anything that was written.
    """
    to = [word for name in LIBRARIES for word in ("--to", name)]
    project.golden("adopt", "win2022", "--from", "win2022-source", "--os", "windows")
    project.golden("capture", "win2022")
    first = project.golden("publish", "win2022@i1", *to)["publications"]
    assert [one["library"] for one in first] == list(LIBRARIES)
    assert project.golden("publish", "win2022@i1", *to)["publications"] == first
    project.golden("capture", "win2022", "--seal", "none", *to)
    peer = project.peer
    there = {item.name: item.kind for item in peer.world.libraries.items.values()} | dict.fromkeys(
        peer.machines(), "machine"
    )
    for one in first:
        assert one["name"] in there
    images = {one["number"]: one for one in project.golden("log", "win2022")["images"]}
    told = {number: {p["library"]: p["retired"] for p in one["publications"]} for number, one in images.items()}
    assert told == {1: dict.fromkeys(LIBRARIES, True), 2: dict.fromkeys(LIBRARIES, False)}
    (newest,) = (item for item in peer.world.libraries.items.values() if item.name == "win2022")
    assert (newest.content, "image 2 of version 1, seal none" in newest.description) == (2, True)
    project.golden("verify", "--deep")
    assert project.golden("gc") is not None
    for secret in (peer.password, peer.guest_password):
        for file in project.folder.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()
        assert secret not in peer.journal.file.read_text()
