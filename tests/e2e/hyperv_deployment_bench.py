"""Benches of the deployment services for the library contract, with real WIMs of a Windows that never was."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from golden.library import Library
from golden.model import Artifact, Form, Image, Mark, Publication, Role
from golden.plugins import open_library
from golden.provider import Endpoint, Scope
from golden.testing.library_contract import sample
from golden.waiting import Silent, Watcher
from golden_hyperv import marking
from golden_hyperv.images import FORM, SCHEME
from golden_hyperv.marking import Hardware, Record, State
from tests.peers.hyperv.deployment import Wds
from tests.peers.hyperv.host import trees, vhdx
from tests.peers.hyperv.providers import SERVER, SITE, World
from tests.unit.disk.disks import Windows

WDS_URL = "wds:Golden%20images?endpoint=hv"
MDT_URL = "mdt:C:/DeploymentShare?endpoint=hv"
CONFIGMGR_URL = f"configmgr:{SITE}?endpoint=hv"
PACKAGES = {"source": "\\\\files\\sources", "folder": "C:\\sources", "server": SERVER}


@cache
def _windows() -> bytes:
    """A WIM of the smallest tree that says what Windows it is."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Windows().tree(Path(folder) / "tree")
        target = Path(folder) / "windows.wim"
        subprocess.run(["wimcapture", tree, target, "base", "--no-acls"], check=True, stdout=subprocess.DEVNULL)
        return target.read_bytes()


@dataclass(frozen=True)
class WdsBench:
    """An image group of the host's WDS. Plain values only."""

    endpoint: Endpoint
    state: Path
    host: Path
    """The peer's folder."""
    url: str = WDS_URL
    options: dict[str, str] = field(default_factory=dict)
    name: str = "WDS"

    def open(self, watcher: Watcher | None = None) -> Library:
        """One more connection, by the entry points and the endpoint of golden.toml."""

        def named(name: str) -> Endpoint:
            assert name == "hv"
            return self.endpoint

        place = Endpoint("shelf", self.url, self.options)
        return open_library(place, Scope("selftest", self.state, watcher or Silent(), named), self.state)

    def content(self, reference: str, number: int) -> bytes:
        """The WIM, with another name for its image; kept, as the same has to come each time."""
        self.state.mkdir(parents=True, exist_ok=True)
        path = self.state / f"{reference}-{number}.wim"
        if not path.exists():
            new = path.with_suffix(".new")
            new.write_bytes(_windows())
            subprocess.run(["wiminfo", new, "1", f"{reference}-{number}"], check=True, stdout=subprocess.DEVNULL)
            new.rename(path)
        return path.read_bytes()

    def damage(self, publication: Publication) -> bool:
        """The image store's file is cut short."""
        wds = Wds(self.host)
        (found,) = [each for each in wds.read()["images"] if each["name"] == publication.name]
        path = wds.store(found["group"], found["file"])
        path.write_bytes(path.read_bytes()[:300])
        return True

    def left(self) -> list[str]:
        """What a clean end leaves: nothing."""
        deployments = self.host / "drives/C/golden/deployments"
        files = [each.name for each in deployments.iterdir()] if deployments.exists() else []
        state = json.loads((self.host / "wds.json").read_text())
        return files + [each["name"] for each in state["images"]]


class Made(WdsBench):
    """The same with images that lie on the host as VHDX: their WIMs are made there."""

    def image(self, reference: str, number: int) -> Image:
        """An image with its record, as golden's capture leaves it there; capture itself is tested elsewhere."""
        name, plain = f"{reference}-i{number}", sample(reference, number, FORM, "sysprep")
        folder = self.host / "drives/C/golden/images"
        folder.mkdir(parents=True, exist_ok=True)
        path, windows = folder / f"{name}.vhdx", f"C:\\golden\\images\\{name}.vhdx"
        if not path.exists():
            with tempfile.TemporaryDirectory() as place:
                tree = Path(place) / "tree"
                subprocess.run(["wimapply", self._windows(place), "1", tree], check=True, stdout=subprocess.DEVNULL)
                (tree / "number.txt").write_text(f"{reference} {number}")
                vhdx.create(path, 1 << 30, block=2 << 20)
                with vhdx.Disk(path, write=True) as disk:
                    trees.store(disk, tree)
            path.chmod(0o444)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        mark = Mark(Role.IMAGE, "lab", reference, "here")
        record = Record(
            marking.IMAGE, name, digest[:16], State.READY, mark, "HV1", Hardware(2, 4 << 30, 2), (windows,),
            size=len(content), sha256=digest,
        )  # fmt: skip
        (folder / f"{name}.golden.json").write_text(record.text())
        form = Form(FORM, None, len(content), digest, url=SCHEME + windows)
        return replace(plain, artifact=Artifact(record.token, name, (form,)))

    def _windows(self, place: str) -> Path:
        path = Path(place) / "base.wim"
        path.write_bytes(_windows())
        return path

    def underway(self, key: str) -> bool:
        """Whether WDS takes something in now."""
        del key
        return bool(Wds(self.host).read()["working"])


@dataclass(frozen=True)
class MdtBench(WdsBench):
    """A deployment share of MDT."""

    url: str = MDT_URL
    name: str = "MDT"

    @property
    def world(self) -> World:
        """The share, from behind."""
        return World(self.host, "mdt.json")

    def files(self) -> Path:
        """Where the WIMs lie in the end."""
        return self.host / "drives/C/DeploymentShare/Operating Systems"

    def damage(self, publication: Publication) -> bool:
        """Other bytes in the share."""
        (path,) = self.files().rglob(f"{publication.name}.wim")
        path.write_bytes(b"!" + path.read_bytes()[1:])
        return True

    def left(self) -> list[str]:
        """What a clean end leaves: nothing."""
        deployments = self.host / "drives/C/golden/deployments"
        files = [each.name for each in deployments.iterdir()] if deployments.exists() else []
        lying = [each.name for each in self.files().rglob("*")] if self.files().exists() else []
        return files + lying + [each["name"] for each in self.world.read()["images"]]


@dataclass(frozen=True)
class ConfigMgrBench(MdtBench):
    """A site of Configuration Manager."""

    url: str = CONFIGMGR_URL
    name: str = "ConfigMgr"
    options: dict[str, str] = field(default_factory=lambda: dict(PACKAGES))

    @property
    def world(self) -> World:
        """The site, from behind."""
        return World(self.host, "configmgr.json")

    def files(self) -> Path:
        """The folder of its packages."""
        return self.host / "drives/C/sources"


def installed(folder: Path, **settings: object) -> None:
    """All three, on one host."""
    Wds.install(folder, **settings)
    World.mdt(folder, **settings)
    World.configmgr(folder, **settings)
