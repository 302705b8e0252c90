"""A daemon's own machines are adopted without being touched, and its storage pools take published images."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree as ET

import pytest

from golden.errors import Conflict, EndpointError, NotFound, PolicyRefused, ProofFailed
from golden.library import Library
from golden.model import (
    Artifact,
    CloneOptions,
    Form,
    GuestFacts,
    GuestState,
    Image,
    Mark,
    Origin,
    Role,
    SealProof,
    Snapshot,
)
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline
from golden_libvirt import POOL_LIBRARY, PROVIDER, connection, tools
from golden_libvirt.pool import Pool
from golden_libvirt.volume_disk import LOOK, by_path, open_volume
from tests.e2e import bench
from tests.e2e.libvirt_daemon import building, daemon, pool

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


RETIRING = """
import sys
from pathlib import Path
from golden.provider import Endpoint, Scope
from golden_libvirt import POOL_LIBRARY
here = Path(sys.argv[1])
library = POOL_LIBRARY.open(Endpoint("shelf", sys.argv[2]), Scope("job", here), here)
(publication,) = library.list()
while True:
    library.retire(publication)
"""


def test_a_publication_is_there_at_every_moment_while_it_is_retired(
    library: Library, image: Image, place: str, tmp_path: Path
) -> None:
    """So whoever retires may be killed at any time: the publication stays one, and settling leaves its volume alone."""
    form = image.artifact.forms[0]
    first = library.publish(image, form, content(form), "key")
    argv = (sys.executable, "-c", RETIRING, str(tmp_path), f"libvirt-pool:{place}")
    with subprocess.Popen(argv) as other:
        watched = Deadline(4)
        try:
            while watched.left:
                found = library.find("key")
                assert found is not None
                assert replace(found, retired=False) == first
        finally:
            other.kill()
    settled = library.settle("key")
    assert settled is not None
    library.verify(settled)
    assert library.retire(settled) == replace(first, retired=True)
    assert library.list() == (replace(first, retired=True),)


EMBEDDED = """
import sys
from pathlib import Path
from golden.provider import Endpoint, Scope
from golden.waiting import Silent
from golden_libvirt import POOL_LIBRARY
from golden_libvirt.embedded import Root
here = Path(sys.argv[1])
root = Root(here / "abcdef12", Silent())
line = root.line(here / "state")
for uri in ("qemu:///system", "qemu:///session"):
    shelf = Endpoint("shelf", f"libvirt-pool:{sys.argv[2]}?connect={uri}")
    library = POOL_LIBRARY.open(shelf, Scope("job", here), here)
    for publication in library.list():
        library.retire(publication)
        print(publication.name, len(line.native.listAllDomains(0)))
    library.close()
root.leave()
"""


def test_a_pool_is_reached_by_a_process_that_has_the_embedded_driver(
    library: Library, image: Image, place: str, tmp_path: Path
) -> None:
    """libvirt would send it to the embedded driver, which has no pools: a local daemon is asked at its socket."""
    form = image.artifact.forms[0]
    first = library.publish(image, form, content(form), "key")
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        argv = (sys.executable, "-c", EMBEDDED, folder, place)
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines() == [f"{first.name} 0"] * 2, ran.stderr
    assert library.find("key") == replace(first, retired=True)


@pytest.mark.thorough
def test_a_capture_on_the_embedded_driver_ends_in_a_pool(place: str, tmp_path: Path) -> None:
    """In one command: the process that ran the clone publishes what it captured."""
    project = bench.empty(tmp_path / "p")
    settings = (project.path / "golden.toml").read_text(encoding="utf-8")
    project.write("golden.toml", f'{settings}\n[libraries.shelf]\nurl = "libvirt-pool:{place}"\n')
    standin = bench.guest()
    project.does("adopt", "win2022", "--from", str(standin.disk), *bench.boot_options(standin))
    project.does("capture", "--answer-file", "answers.xml", "--to", "shelf")
    told = project.golden("list", "--library", "shelf", "-o", "json")
    assert [one["image"] for one in told.data["publications"]] == [1], told.said
    assert project.golden("doctor").code == 0


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


def test_transient_machines_are_in_nobodys_way(place: str, tmp_path: Path) -> None:
    """Somebody's machine without a definition is none of golden's; golden's own that lost its one still is."""
    line = connection.open_first("qemu:///system")
    disk = tmp_path / "theirs.qcow2"
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M")
    opened = PROVIDER.open(Endpoint("here", "qemu:///system", {"pool": place}), Scope("job", tmp_path))
    machine = opened.adopt(f"{place}-v1", Origin("disk", str(disk)), MARK, in_place=False)
    theirs = ET.fromstring(THEIRS.format(name=f"{place}-theirs", disk=disk))
    devices = theirs.find("devices")
    assert devices is not None
    theirs.remove(devices)
    native = line.native.createXML(ET.tostring(theirs, encoding="unicode"))
    try:
        opened.start(machine)
        line.native.lookupByName(machine.name).undefine()
        listed = [marked.name for marked in opened.list_marked()]
        assert machine.name in listed
        assert native.name() not in listed
        assert opened.find(native.name()) is None
        opened.destroy(machine)
        assert opened.find(machine.name) is None
        assert f"{machine.name}.disk0.qcow2" not in Pool(line, place).names()
    finally:
        for name in (native.name(), machine.name):
            with suppress(line.libvirt.libvirtError):
                line.native.lookupByName(name).destroy()
        line.close()
        opened.close()


def test_a_pool_that_is_not_there_says_how_to_make_it(tmp_path: Path, place: str) -> None:
    """Opening an endpoint with a pool that is not there names the command that makes one which outlives a restart."""
    name = f"{place}-new"
    endpoint = Endpoint("here", "qemu:///system", {"pool": name})
    with pytest.raises(NotFound) as refused:
        PROVIDER.open(endpoint, Scope("job", tmp_path))
    subprocess.run(str(refused.value.hint), shell=True, check=True, stdout=subprocess.DEVNULL)
    line = connection.open_first("qemu:///system")
    native = line.native.storagePoolLookupByName(name)
    try:
        PROVIDER.open(endpoint, Scope("job", tmp_path)).close()
        assert (native.isActive(), native.isPersistent(), native.autostart()) == (1, 1, 1)
    finally:
        native.destroy()
        native.delete()
        native.undefine()
        line.close()


def test_what_is_in_another_pool_is_not_taken_for_gone(tmp_path: Path, place: str) -> None:
    """With another pool in golden.toml nothing is forgotten: the error names the pool that things are in."""
    with frozen(place, tmp_path) as (right, snapshot), pool() as other:
        machine = right.clone(f"{place}-clone", snapshot, MARK, CloneOptions(linked=True))
        artifact = right.capture(f"{place}-image", machine, MARK)
        wrong = PROVIDER.open(Endpoint("here", "qemu:///system", {"pool": other}), Scope("job", tmp_path))
        for asked in (
            lambda: wrong.destroy(machine),
            lambda: wrong.find_image(artifact.name),
            lambda: wrong.discard_image(artifact),
            lambda: wrong.identity(snapshot),
            lambda: wrong.clone(f"{place}-other", snapshot, MARK, CloneOptions(linked=True)),
        ):
            with pytest.raises(Conflict) as refused:
                asked()
            assert f'pool = "{place}"' in (refused.value.hint or "")
        assert wrong.find_image(f"{place}-never") is None
        wrong.close()
        assert right.find(machine.name) == machine
        assert right.find_image(artifact.name) == artifact
        right.discard_image(artifact)
        right.destroy(machine)


def test_the_usual_pool_is_not_replaced_by_another_while_machines_are_in_it(tmp_path: Path, place: str) -> None:
    """An endpoint that names no pool goes to default where golden never was, not where it went with a restart."""
    line = connection.open_first("qemu:///system")
    if {"golden", "default"} & {one.name() for one in line.native.listAllStoragePools(0)}:
        pytest.skip("this host has such pools")
    endpoint, scope = Endpoint("here", "qemu:///system"), Scope("job", tmp_path)
    disk = tmp_path / "origin.qcow2"
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M")
    with pool("default"), pool("golden"):
        PROVIDER.open(endpoint, scope).close()
        native = line.native.storagePoolLookupByName("golden")
        definition = native.XMLDesc(0)
        opened = PROVIDER.open(endpoint, scope)
        machine = opened.adopt(f"{place}-usual", Origin("disk", str(disk)), MARK, in_place=False)
        opened.close()
        native.destroy()
        with pytest.raises(NotFound, match="golden"):
            PROVIDER.open(endpoint, scope)
        line.native.storagePoolCreateXML(definition, 0)
        opened = PROVIDER.open(endpoint, scope)
        opened.destroy(machine)
        opened.close()
        line.native.storagePoolLookupByName("golden").destroy()
        opened = PROVIDER.open(endpoint, scope)
        opened.close()
        line.native.storagePoolCreateXML(definition, 0)
    line.close()


def test_a_pool_that_cannot_be_started_is_not_replaced_by_another(tmp_path: Path, place: str) -> None:
    """What it lies on is not mounted: said so, with what to type, instead of going on beside it."""
    line = connection.open_first("qemu:///system")
    if {"golden", "default"} & {one.name() for one in line.native.listAllStoragePools(0)}:
        pytest.skip("this host has such pools")
    with pool("default"):
        folder = f"/var/lib/libvirt/{place}/unmounted"
        xml = f"<pool type='dir'><name>golden</name><target><path>{folder}</path></target></pool>"
        native = line.native.storagePoolDefineXML(xml, 0)
        try:
            with pytest.raises(EndpointError, match="golden cannot be started") as caught:
                PROVIDER.open(Endpoint("here", "qemu:///system"), Scope("job", tmp_path))
        finally:
            native.undefine()
            line.close()
    assert "pool-start golden" in str(caught.value.hint)


@contextmanager
def frozen(place: str, state: Path) -> Iterator[tuple[Hypervisor, Snapshot]]:
    """A frozen machine with one small disk in the pool, and what it was frozen through."""
    disk = state / "origin.qcow2"
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M")
    opened = PROVIDER.open(Endpoint("here", "qemu:///system", {"pool": place}), Scope("job", state))
    machine = opened.adopt(f"{place}-frozen", Origin("disk", str(disk)), MARK, in_place=False)
    snapshot = opened.freeze(machine, "v1")
    try:
        yield opened, snapshot
    finally:
        opened.drop_snapshot(snapshot)
        opened.destroy(machine)
        opened.close()


def test_golden_goes_on_while_somebody_elses_volume_is_built(
    place: str, tmp_path: Path, library: Library, image: Image
) -> None:
    """libvirt does not read a pool's folder meanwhile; looking, cloning, publishing and removing need not wait."""
    form = image.artifact.forms[0]
    with frozen(place, tmp_path) as (opened, snapshot):
        before, files = opened.identity(snapshot), opened.digest(snapshot)
        with building(place):
            assert opened.identity(snapshot) == before
            assert opened.digest(snapshot) == files
            assert (opened.free_space() or 0) > 0
            for linked in (True, False):
                machine = opened.clone(f"{place}-clone", snapshot, MARK, CloneOptions(linked=linked))
                assert machine.name in [marked.name for marked in opened.list_marked()]
                opened.destroy(machine)
            made = library.publish(image, form, content(form), "key")
            assert library.list() == (made,)
            library.withdraw(made)


def test_what_qemu_wrote_itself_is_waited_for_while_a_volume_is_built(place: str) -> None:
    """A file that libvirt has not seen yet is found once it reads the folder again; one that went is not there."""
    line = connection.open_first("qemu:///system")
    opened = Pool(line, place)
    opened.put_text("went", b"x")
    found = []
    search = threading.Thread(target=lambda: found.append(opened.find_written("late")))
    try:
        with building(place):
            Path(opened.folder, "late").write_bytes(b"x")
            Path(opened.folder, "went").unlink()
            search.start()
            assert "late" not in opened.names()
            assert opened.find("went") is None
            assert found == []
        search.join()
        assert [volume.name for volume in found] == ["late"]
    finally:
        opened.delete("late")
        line.close()


LOOKING = """
import sys
from golden_libvirt import connection, volume_disk
line = connection.open_first("qemu:///system")
volume, pool = volume_disk.by_path(line, sys.argv[1])
print(pool.name(), flush=True)
sys.stdin.readline()
print(volume.info()[1], flush=True)
pool.destroy()
"""


@contextmanager
def looking(disk: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process of golden's that looks at a file outside every pool until it is told to go on."""
    argv = (sys.executable, "-c", LOOKING, str(disk))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def test_two_processes_look_into_one_folder_and_a_killed_ones_look_is_swept(place: str) -> None:
    """Neither takes the pool away that the other sees the folder by; what a killed one left goes with the next look."""
    folder = Path("/var/lib/libvirt") / f"{place}-looked"
    folder.mkdir()
    base, disk = folder / "base.raw", folder / "disk.qcow2"
    base.write_bytes(b"golden".ljust(1 << 20))
    tools.run("making a disk", "qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "raw", str(disk))
    line = connection.open_first("qemu:///system")

    def looks() -> set[str]:
        names = (one.name() for one in line.native.listAllStoragePools(0))
        return {name for name in names if name.startswith(LOOK)}

    try:
        with looking(disk) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            theirs = other.stdout.readline().strip()
            volume, own = by_path(line, str(disk))
            assert volume.info()[1] == 1 << 20
            assert looks() == {theirs, own.name()}
            own.destroy()
            with open_volume(line, str(disk), "qcow2") as source:
                assert source.read_at(0, 6) == b"golden"
            assert looks() == {theirs}
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline().strip() == str(1 << 20)
            assert other.wait(20) == 0
        with looking(disk) as other:
            assert other.stdout is not None
            left = other.stdout.readline().strip()
            other.kill()
            other.wait()
            assert looks() == {left}
            _, own = by_path(line, str(disk))
            assert looks() == {own.name()}
            own.destroy()
    finally:
        line.close()
        shutil.rmtree(folder)
