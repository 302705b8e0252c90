"""A daemon's own machines are adopted without being touched, and its storage pools take published images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from golden.errors import GoldenError, NotFound, PolicyRefused, ProofFailed
from golden.library import Library
from golden.model import Artifact, Form, GuestFacts, GuestState, Image, Mark, Origin, Role, SealProof
from golden.provider import Endpoint, Scope
from golden_libvirt import POOL_LIBRARY, PROVIDER, connection, tools
from tests.e2e.libvirt_daemon import daemon, pool

pytestmark = [pytest.mark.slow, pytest.mark.daemon]

MARK = Mark(Role.VERSION, "job", "reference", "installation")
THEIRS = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type machine='q35'>hvm</type></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>
<target dev='vda' bus='virtio'/></disk></devices></domain>"""


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A storage pool's name."""
    with daemon(), pool() as name:
        yield name


@pytest.fixture
def library(place: str, tmp_path: Path) -> Iterator[Library]:
    """The pool as a library."""
    endpoint = Endpoint("shelf", f"libvirt-pool:{place}?connect=qemu:///system")
    opened = POOL_LIBRARY.open(endpoint, Scope("job", tmp_path), tmp_path)
    yield opened
    for publication in opened.list():
        opened.withdraw(publication)
    opened.close()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """An image of one small disk."""
    disk = tmp_path / "i1.qcow2"
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M")
    content = disk.read_bytes()
    form = Form("qcow2", str(disk), len(content), hashlib.sha256(content).hexdigest())
    proof = SealProof("sysprep", "disk", GuestFacts("windows", GuestState.SEALED), (), "2026-01-01T00:00:00+00:00")
    return Image("win2022", 1, 1, "sysprep", Artifact("i1", "i1", (form,)), proof, "2026-01-01T00:00:00+00:00")


@contextmanager
def content(form: Form) -> Iterator[BinaryIO]:
    """The form's bytes."""
    with Path(str(form.path)).open("rb") as file:
        yield file


def test_publishing_is_once_a_key_verified_retired_and_withdrawn(library: Library, image: Image) -> None:
    """The same key is the same publication; its bytes are checked; retired it stays; withdrawn it is gone."""
    form = image.artifact.forms[0]
    first = library.publish(image, form, content(form), "key")
    assert library.publish(image, form, content(form), "key") == first
    assert library.list() == (first,)
    library.verify(first)
    assert library.retire(first).retired
    assert library.find("key") == replace(first, retired=True)
    library.withdraw(first)
    library.withdraw(first)
    assert library.find("key") is None
    with pytest.raises(NotFound):
        library.verify(first)


def test_a_changed_volume_is_proof_failed(library: Library, image: Image) -> None:
    """A volume that somebody wrote to is not what was published."""
    form = image.artifact.forms[0]
    made = library.publish(image, form, content(form), "key")
    with Path(made.where).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    with pytest.raises(ProofFailed):
        library.verify(made)


def test_what_does_not_belong_there_leaves_nothing(library: Library, image: Image) -> None:
    """Another form is refused by policy, other bytes than captured by proof; nothing is listed afterwards."""
    form = image.artifact.forms[0]
    with pytest.raises(PolicyRefused):
        library.publish(image, replace(form, format="vmdk"), content(form), "a")
    with pytest.raises(ProofFailed):
        library.publish(image, replace(form, sha256="0" * 64), content(form), "b")
    assert library.list() == ()
    assert library.settle("b") is None


def test_a_machine_of_the_daemons_is_adopted_and_left_as_it_was(place: str, tmp_path: Path) -> None:
    """A machine by its name, its disk outside every pool: copied by the daemon, the original untouched."""
    folder = Path("/var/lib/libvirt") / f"{place}-theirs"
    folder.mkdir()
    disk, name = folder / "theirs.qcow2", f"{place}-theirs"
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M")
    before = disk.read_bytes()
    line = connection.open_first("qemu:///system")
    native = line.native.defineXML(THEIRS.format(name=name, disk=disk))
    opened = PROVIDER.open(Endpoint("here", "qemu:///system", {"pool": place}), Scope("job", tmp_path))
    try:
        found = opened.examine(Origin("machine", name))
        assert (found.disks, found.problems, found.virtual_size) == ((str(disk),), (), 16 << 20)
        assert opened.find(name) is None
        machine = opened.adopt(f"{place}-v1", Origin("machine", name), MARK, in_place=False)
        with opened.open_disk(machine) as source:
            assert source.size == 16 << 20
        native.create()
        running = opened.examine(Origin("machine", name))
        assert "machine-running" in [problem.id for problem in running.problems]
        native.destroy()
        opened.destroy(machine)
        assert disk.read_bytes() == before
    finally:
        native.undefine()
        line.close()
        opened.close()
        disk.unlink()
        folder.rmdir()


def test_a_pool_that_is_not_there_says_how_to_make_it(tmp_path: Path, place: str) -> None:
    """Opening an endpoint or library with a pool that is not there names the command that makes it."""
    with pytest.raises(GoldenError) as refused:
        PROVIDER.open(Endpoint("here", "qemu:///system", {"pool": "no-such"}), Scope("job", tmp_path))
    assert "virsh -c qemu:///system pool-create-as no-such" in (refused.value.hint or "")
