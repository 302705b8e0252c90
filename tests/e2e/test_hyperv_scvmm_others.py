"""What others have in VMM and its shares is left alone: what stands on golden's disk, copies, files of its name."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from golden.errors import Conflict, EndpointError, Unreachable
from golden.library import UseWitness
from golden.model import Image, Publication
from golden.testing.library_contract import content_of, sample
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_library_bench import OnTheHost, on_the_host, streamed
from tests.e2e.test_hyperv_scvmm_faults import KEY, Told, left, publish
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import SHARE, Vmm, indexed

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv scvmm others")]

WHERE = f"{SHARE}\\published\\win2022-i1.vhdx"
DENIED = {"times": 0, "category": "PermissionDenied", "kind": "AccessDenied", "text": "Access is denied"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host with a VMM server."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "host") as made:
        yield made


@pytest.fixture
def peer(host: Peer) -> Iterator[Peer]:
    """Its shares are empty, its VMM is new, and nothing goes wrong."""
    for file in [*(host.folder / "shares").rglob("*.vhdx"), *host.drive("C:\\golden\\publishing").glob("*")]:
        file.unlink()
    Vmm.install(host)
    yield host
    host.clear_rules()


@pytest.fixture
def bench(peer: Peer, tmp_path: Path) -> OnTheHost:
    """Its library."""
    return on_the_host(peer, tmp_path, endpoint(peer, tmp_path / "secrets"))


@pytest.fixture
def image(bench: OnTheHost) -> Image:
    """An image on the host."""
    return bench.image("win2022", 1)


def disk_of(bench: OnTheHost, made: Publication) -> dict[str, Any]:
    """What VMM has of a publication's disk."""
    found = bench.vmm.known(made.where)
    assert found is not None
    return found


def withdraw(bench: OnTheHost, made: Publication) -> None:
    """By a connection of its own."""
    library = bench.open()
    try:
        library.withdraw(made)
    finally:
        library.close()


@pytest.mark.parametrize(
    ("table", "kind"), [("templates", "Template"), pytest.param("machines", "VM", marks=pytest.mark.thorough)]
)
def test_a_disk_that_others_stand_on_is_not_taken_away(
    bench: OnTheHost, peer: Peer, image: Image, table: str, kind: str
) -> None:
    """An administrator made a template, or a machine, from golden's disk: Conflict names it, and nothing is removed."""
    made = publish(bench, image)
    disk = disk_of(bench, made)
    own = bench.vmm.uses(table, "Finance server", disk["id"])
    with pytest.raises(Conflict, match="others in VMM stand on it, Finance server") as caught:
        withdraw(bench, made)
    assert f"{kind} Finance server uses win2022-i1.vhdx" in str(caught.value.details)
    assert "another disk" in str(caught.value.hint)
    state = bench.vmm.read()
    assert state[table][own]["disk"] == disk["id"]
    assert {one["name"] for one in state["templates"].values()} >= {made.name}
    assert bench.vmm.place(made.where).exists()
    library = bench.open()
    assert [one.key for one in library.list()] == [KEY]
    assert isinstance(library, UseWitness)
    assert library.users_of(made) == ("Finance server",)
    library.close()
    with bench.vmm.changed() as state:
        state[table][own]["disk"] = ""
    withdraw(bench, made)
    assert bench.vmm.files() == []
    assert [one["name"] for one in bench.vmm.read()[table].values()] == ["Finance server"]


def test_a_copy_of_the_template_is_its_makers(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """It has golden's note in its description and a disk of its own: it outlives the withdrawal and the settling."""
    made = publish(bench, image)
    other = f"{SHARE}\\own\\finance.vhdx"
    bench.vmm.place(other).parent.mkdir(exist_ok=True)
    bench.vmm.place(other).write_bytes(b"mine")
    with bench.vmm.changed() as state:
        own = indexed(state, bench.vmm, other)["id"]
        (template,) = state["templates"].values()
    described = template["description"]
    copy = bench.vmm.uses("templates", "Finance server", own, description=described)
    withdraw(bench, made)
    assert list(bench.vmm.read()["templates"]) == [copy]
    assert bench.vmm.files() == ["files/library/own/finance.vhdx"]
    publish(bench, image)
    with bench.vmm.changed() as state:  # As if it had been cut off before its note was finished.
        (again,) = [one["description"] for id_, one in state["templates"].items() if id_ != copy]
        for each in state["disks"].values():
            if each["path"] == made.where:
                each["description"] = again.replace(each["id"], "")
    library = bench.open()
    assert (library.settle(KEY), library.list()) == (None, ())
    library.close()
    assert list(bench.vmm.read()["templates"]) == [copy]


def somebodys(bench: OnTheHost) -> Path:
    """A file of somebody's where golden's would lie, that VMM has not looked at yet."""
    file = bench.vmm.place(WHERE)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"mine")
    return file


def untouched(bench: OnTheHost, peer: Peer, file: Path) -> None:
    """The file is what it was, and nothing of golden's is there, neither now nor after settling."""
    library = bench.open()
    assert (library.settle(KEY), library.list()) == (None, ())
    library.close()
    assert file.read_bytes() == b"mine"
    assert [name for name in left(peer) if "win2022-i1.vhdx" not in name] == []


def denies(peer: Peer, *calls: str) -> None:
    """golden's account may not do these."""
    for call in calls:
        peer.rule(call, "error", **DENIED)


@pytest.mark.parametrize(
    ("denied", "error"),
    [
        pytest.param((), Conflict, id="share"),
        pytest.param(("New-PSDrive",), Conflict, id="refresh", marks=pytest.mark.thorough),
        pytest.param(("New-PSDrive", "Read-SCLibraryShare"), EndpointError, id="neither", marks=pytest.mark.thorough),
    ],
)
def test_a_file_that_vmm_does_not_know_yet_is_not_taken_for_goldens(
    bench: OnTheHost, peer: Peer, image: Image, denied: tuple[str, ...], error: type[Exception]
) -> None:
    """
    Somebody copied a file of that name into the share. It is seen through the share, or by having VMM look; where
    golden may do neither, VMM refuses the import, and what lies there is not golden's to take away.
    """
    file = somebodys(bench)
    denies(peer, *denied)
    with pytest.raises(error):
        publish(bench, image)
    peer.clear_rules()
    untouched(bench, peer, file)


def test_what_could_not_be_seen_is_not_removed_when_it_is(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """golden could neither open the share nor have VMM look before the import, and can afterwards: the file stays."""
    file = somebodys(bench)
    denies(peer, "New-PSDrive")
    peer.rule("Read-SCLibraryShare", "error", times=2, category="PermissionDenied", kind="X", text="Access is denied")
    told = Told()
    with pytest.raises(EndpointError):
        publish(bench, image, watcher=told)
    assert any("somebody else's; it stays" in each for each in told.said)
    peer.clear_rules()
    untouched(bench, peer, file)


@contextmanager
def meanwhile(act: Callable[[], object], image: Image) -> Iterator[BinaryIO]:
    """The image's bytes, before which something happens."""
    act()
    yield io.BytesIO(content_of(image.reference, image.number))


def test_a_file_that_comes_while_the_image_is_sent_is_left_alone(bench: OnTheHost, peer: Peer, tmp_path: Path) -> None:
    """Between the look and the import hours may pass: it is looked again, and what lies there now is somebody's."""
    shelf, image = streamed(peer, tmp_path, bench.endpoint), sample("win2022", 1, "vhdx", "sysprep")
    where: list[Path] = []

    def put() -> None:
        (staged,) = peer.drive("C:\\golden\\publishing").glob("*.golden.json")
        target = staged.read_text().split('"target": "')[1].split('"')[0].replace("\\\\", "\\")
        where.append(bench.vmm.place(target))
        where[0].parent.mkdir(exist_ok=True)
        where[0].write_bytes(b"mine")
        with bench.vmm.changed() as state:
            indexed(state, bench.vmm, target)

    library = shelf.open()
    with pytest.raises(Conflict, match="is there already"):
        library.publish(image, image.artifact.forms[0], meanwhile(put, image), KEY)
    library.close()
    assert where[0].read_bytes() == b"mine"
    assert list(peer.drive("C:\\golden\\publishing").iterdir()) == []


class Killed(BaseException):
    """golden ends here."""


def test_what_came_after_a_cut_off_publish_is_not_goldens(bench: OnTheHost, peer: Peer, tmp_path: Path) -> None:
    """golden was killed before it asked VMM for anything: whatever lies at that path later is not taken away."""
    shelf, image = streamed(peer, tmp_path, bench.endpoint), sample("win2022", 1, "vhdx", "sysprep")

    def killed() -> None:
        raise Killed

    library = shelf.open()
    with pytest.raises(Killed):
        library.publish(image, image.artifact.forms[0], meanwhile(killed, image), KEY)
    library.close()
    (note,) = peer.drive("C:\\golden\\publishing").glob("*.golden.json")
    target = note.read_text().split('"target": "')[1].split('"')[0].replace("\\\\", "\\")
    file = bench.vmm.place(target)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"mine")
    library = shelf.open()
    assert library.settle(KEY) is None
    library.close()
    assert file.read_bytes() == b"mine"
    assert list(peer.drive("C:\\golden\\publishing").iterdir()) == []


def test_a_job_that_cannot_be_asked_for_is_not_over(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """Whether VMM still copies is not known where its jobs cannot be listed: nothing is taken away then."""
    bench.vmm.set(seconds=0.2)
    peer.rule("Import-SCLibraryPhysicalResource", "drop-before", times=2)
    with pytest.raises(Unreachable):
        publish(bench, image)
    (note,) = peer.drive("C:\\golden\\publishing").glob("*.golden.json")
    peer.rule("Get-SCJob", "error", times=0, category="ReadError", kind="1602", text="The service did not respond")
    library = bench.open()
    with pytest.raises(Unreachable):
        library.settle(KEY)
    assert note.exists()
    peer.clear_rules()
    assert library.settle(KEY) is None
    library.close()
    assert left(peer) == []


def test_records_that_go_while_they_are_listed_are_no_error(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """One that is named and cannot be read any more; and what cut-off writes left beside a record goes with it."""
    notes = peer.drive("C:\\golden\\publishing")
    notes.mkdir(parents=True, exist_ok=True)
    (notes / "gone.golden.json").symlink_to("nowhere")
    made = publish(bench, image)
    bench.vmm.set(seconds=0.2)
    peer.rule("Import-SCLibraryPhysicalResource", "drop-before", times=2)
    second = bench.image("win2022", 2)
    with pytest.raises(Unreachable):
        publish(bench, second, key="shelf/win2022-i2-here")
    (note,) = [one for one in notes.glob("*.golden.json") if not one.is_symlink()]
    for tail in ("0011.new", "2233.old"):
        (notes / f"{note.name}.{tail}").write_text("{}")
    library = bench.open()
    assert library.settle("shelf/win2022-i2-here") is None
    library.close()
    assert [one.name for one in notes.iterdir()] == ["gone.golden.json"]
    (notes / "gone.golden.json").unlink()
    withdraw(bench, made)
