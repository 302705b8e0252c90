"""Benches of SCVMM's library for the library contract, and the images on the peer that it publishes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from golden.library import Library
from golden.model import Artifact, Form, Image, Mark, Publication, Role
from golden.plugins import open_library
from golden.provider import Endpoint, Scope
from golden.testing.library_contract import content_of, sample
from golden.waiting import Silent, Watcher
from golden_hyperv import marking
from golden_hyperv.images import FORM, SCHEME
from golden_hyperv.marking import Hardware, Record, State
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import SERVER, Vmm

URL = f"scvmm://{SERVER}/library/published?endpoint=hv"
HARDWARE = Hardware(2, 4 << 30, 2, secure_boot=True, secure_boot_template="MicrosoftWindows")


@dataclass(frozen=True)
class Streamed:
    """The library behind the host's VMM console, and images whose bytes golden has. Plain values only."""

    endpoint: Endpoint
    state: Path
    host: Path
    """The peer's folder."""
    url: str = URL
    options: dict[str, str] = field(default_factory=dict)
    name: str = "SCVMM's library"

    @property
    def vmm(self) -> Vmm:
        """The server, from behind."""
        return Vmm(self.host)

    def open(self, watcher: Watcher | None = None) -> Library:
        """One more connection, by the entry points and the endpoint of golden.toml."""

        def named(name: str) -> Endpoint:
            assert name == "hv"
            return self.endpoint

        place = Endpoint("shelf", self.url, self.options)
        return open_library(place, Scope("selftest", self.state, watcher or Silent(), named), self.state)

    def damage(self, publication: Publication) -> bool:
        """Other bytes in the share."""
        file = self.vmm.place(publication.where)
        file.chmod(0o644)
        file.write_bytes(b"!" + file.read_bytes()[1:])
        return True


@dataclass(frozen=True)
class OnTheHost(Streamed):
    """The same with images that lie on the host: VMM copies them, and no byte comes through golden."""

    def image(self, reference: str, number: int, seal: str = "sysprep", name: str = "") -> Image:
        """An image with its record, as golden's capture leaves it there; capture itself is tested elsewhere."""
        name = name or f"{reference}-i{number}"
        plain, content = sample(reference, number, FORM, seal), content_of(reference, number)
        folder = self.host / "drives/C/golden/images"
        folder.mkdir(parents=True, exist_ok=True)
        windows = f"C:\\golden\\images\\{name}.vhdx"
        digest = hashlib.sha256(content).hexdigest()
        mark = Mark(Role.IMAGE, "lab", reference, "here")
        record = Record(
            marking.IMAGE, name, digest[:16], State.READY, mark, "HV1", HARDWARE, (windows,), size=len(content),
            sha256=digest,
        )  # fmt: skip
        (folder / f"{name}.vhdx").write_bytes(content)
        (folder / f"{name}.vhdx").chmod(0o444)
        (folder / f"{name}.golden.json").write_text(record.text())
        form = Form(FORM, None, len(content), digest, url=SCHEME + windows)
        facts = replace(plain.proof.facts, os="windows", product="Windows Server 2022 Datacenter")
        return replace(plain, artifact=Artifact(record.token, name, (form,)), proof=replace(plain.proof, facts=facts))

    def underway(self, key: str) -> bool:
        """Whether VMM copies something now."""
        del key
        return any(job["status"] == "Running" for job in self.vmm.read()["jobs"])


def streamed(peer: Peer, folder: Path, endpoint: Endpoint, **more: object) -> Streamed:
    """Images whose bytes golden has."""
    return Streamed(endpoint, _made(folder), peer.folder, **more)  # type: ignore[arg-type]


def on_the_host(peer: Peer, folder: Path, endpoint: Endpoint, **more: object) -> OnTheHost:
    """Images that lie on the host."""
    return OnTheHost(endpoint, _made(folder), peer.folder, **more)  # type: ignore[arg-type]


def _made(folder: Path) -> Path:
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    return state
