"""golden itself, as a user types it, from a machine on a Hyper-V host to an SCVMM library and back."""

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

from tests.e2e.hyperv_library_bench import URL
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import Vmm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv publishing")]

TOML = """
[endpoints.hv]
url = "{peer.url}"
user = "{peer.user}"
password_env = "HV_PASSWORD"
ca_file = "{peer.ca}"

[references.win2022.guest]
account = "{peer.guest_user}"
password_env = "GUEST_PASSWORD"
"""


@dataclass(frozen=True)
class Project:
    """A folder with a golden.toml."""

    folder: Path
    peer: Peer

    def run(self, *typed: str) -> subprocess.CompletedProcess[str]:
        """A command as it ends; no password is in what it says."""
        environment = {**os.environ, "HV_PASSWORD": self.peer.password, "GUEST_PASSWORD": self.peer.guest_password}
        ran = subprocess.run(
            [sys.executable, "-m", "golden", *typed],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        for secret in (self.peer.password, self.peer.guest_password):
            assert secret not in ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran

    def golden(self, *typed: str) -> Any:
        """What a command that succeeds answers."""
        ran = self.run(*typed, "-o", "json")
        assert ran.returncode == 0, ran.stderr + ran.stdout
        return json.loads(ran.stdout)["data"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A host with a user's machine, a VMM server, and a project that knows the host."""
    with Peer(tmp_path / "host") as peer:
        Vmm.install(peer)
        peer.seed("win2022-source")
        folder = tmp_path / "project"
        folder.mkdir()
        (folder / "golden.toml").write_text(TOML.format(peer=peer))
        yield Project(folder, peer)


@pytest.mark.thorough  # the demo does the same job by the same commands, and publishes; what is left is in scvmm_items
def test_a_machine_becomes_a_template_and_the_next_image_takes_its_place(project: Project) -> None:
    """
    golden library add, publish, again the same, --seal none with its warning; the image before is disabled; the library
    lists both; verify reads them back; gc takes neither; no password lies anywhere.
    """
    vmm = Vmm(project.peer.folder)
    project.golden("library", "add", "vmm", URL)
    project.golden("adopt", "win2022", "--from", "win2022-source", "--os", "windows")
    project.golden("capture", "win2022")
    first = project.golden("publish", "win2022@i1", "--to", "vmm")
    assert first["warnings"] == []
    assert project.golden("publish", "win2022@i1", "--to", "vmm")["publications"] == first["publications"]
    unsealed = project.golden("capture", "win2022", "--seal", "none", "--to", "vmm")
    assert [(one["library"], one["id"]) for one in unsealed["warnings"]] == [("vmm", "not-generalized")]
    listed = project.golden("list", "--library", "vmm")
    told = {one["image"]: one["retired"] for one in listed["publications"]}
    assert (told, listed["forms"], listed["warnings"][0]["seal"]) == ({1: True, 2: False}, ["vhdx"], "none")
    state = vmm.read()
    enabled = {one["name"]: one["enabled"] for one in state["templates"].values()}
    assert {name.split("-")[1]: on for name, on in enabled.items()} == {"i1": False, "i2": True}
    assert {one["family"] for one in state["disks"].values()} == {"win2022"}
    (template,) = [one for one in state["templates"].values() if one["enabled"]]
    assert (template["generation"], template["customized"]) == (2, False)
    project.golden("verify", "--deep")
    project.golden("gc")
    assert sorted(one["image"] for one in project.golden("list", "--library", "vmm")["publications"]) == [1, 2]
    for secret in (project.peer.password, project.peer.guest_password):
        for file in project.folder.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()
        assert secret not in (project.peer.folder / "requests.jsonl").read_text()


def test_what_is_wrong_with_the_library_is_told(project: Project) -> None:
    """A URL that cannot be, an unknown share, VMM away: exit code, a sentence, and what to type."""
    wrong = project.run("library", "add", "vm", "scvm://vmm01/library")
    assert (wrong.returncode, "scvmm:" in wrong.stderr) == (2, True)
    project.golden("library", "add", "vmm", URL.replace("/library/", "/libary/"))
    unknown = project.run("list", "--library", "vmm")
    assert (unknown.returncode, "\\\\files\\library" in unknown.stderr) == (13, True)
    project.golden("library", "remove", "vmm")
    project.golden("library", "add", "vmm", URL)
    Vmm(project.peer.folder).set(answers=False)
    away = project.run("list", "--library", "vmm", "-o", "json")
    error = json.loads(away.stdout)["error"]
    assert (away.returncode, error["id"], "port 8100" in error["hint"]) == (10, "unreachable", True)
