"""Deployment services under misfortune: lost answers, the wrong WIM, no room, no role, names that look like code."""

from __future__ import annotations

import fcntl
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from golden.errors import (
    Conflict,
    EndpointError,
    GoldenError,
    NotAble,
    NotFound,
    PolicyRefused,
    ProofFailed,
    Refused,
    Tampered,
    Unreachable,
)
from golden.library import Library
from golden.model import GuestFacts, GuestState, Image, Publication
from golden.testing.library_contract import bytes_of, sample
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_deployment_bench import ConfigMgrBench, Made, MdtBench, WdsBench, installed
from tests.peers.hyperv.deployment import GROUP, Wds
from tests.peers.hyperv.peer import Peer

THOROUGH = pytest.mark.thorough
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv deployment")]

MISFORTUNES = ("drop-after", "kill-after", *(pytest.param(do, marks=THOROUGH) for do in ("drop-before", "kill-before")))
HOSTILE = "v1'; Remove-Item C_ -Recurse # $(calc) & é"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host for the module."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "host") as peer:
        yield peer


@pytest.fixture
def peer(shared: Peer) -> Iterator[Peer]:
    """The host, with the role as it was installed, and nothing that goes wrong."""
    shared.clear_rules()
    Wds.install(shared.folder, groups=[GROUP, HOSTILE])
    yield shared
    shared.clear_rules()


@contextmanager
def coming_back(peer: Peer) -> Iterator[None]:
    """Where WinRM's process is killed, it is there again after a moment, as Windows restarts it."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            if peer.server is not None and not peer.server.is_alive():
                peer.restart_server()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        if peer.server is not None and not peer.server.is_alive():
            peer.restart_server()


@pytest.fixture
def bench(peer: Peer, tmp_path: Path) -> WdsBench:
    """An image group of it."""
    return WdsBench(endpoint(peer, tmp_path / "secrets"), tmp_path / "state", peer.folder)


@pytest.fixture
def library(bench: WdsBench) -> Iterator[Library]:
    """A connection."""
    opened = bench.open()
    yield opened
    opened.close()


def image_of(bench: WdsBench, number: int = 1, **facts: str) -> Image:
    """An image whose WIM is real."""
    plain = sample("win2022", number, "wim", "sysprep", bench)
    return replace(plain, proof=replace(plain.proof, facts=GuestFacts("windows", GuestState.SEALED, **facts)))


def publish(library: Library, bench: WdsBench, image: Image) -> Publication:
    """Under its key."""
    return library.publish(image, image.artifact.forms[0], bytes_of(image, bench), f"shelf/{image.number}")


@pytest.mark.parametrize("do", MISFORTUNES)
@pytest.mark.parametrize(
    "call", ["Import-WdsInstallImage", "Get-WindowsImage", "Export-WdsInstallImage", "Get-WdsInstallImage"]
)
def test_a_lost_answer_costs_nothing(peer: Peer, bench: WdsBench, library: Library, call: str, do: str) -> None:
    """What was asked for and not answered is looked for; there is one image in the end, finished."""
    image = image_of(bench)
    peer.rule(call, do)
    with coming_back(peer):
        published = publish(library, bench, image)
    assert peer.unmet() == []
    assert library.list() == (published,)
    assert [each["name"] for each in Wds(peer.folder).read()["images"]] == [published.name]
    library.withdraw(published)
    assert bench.left() == []


@pytest.mark.parametrize("kind", [WdsBench, ConfigMgrBench])
def test_what_a_broken_transfer_left_is_taken_away(peer: Peer, tmp_path: Path, kind: type[WdsBench]) -> None:
    """The session goes before the file has its name: what was sent is found by the record, wherever it was sent to."""
    installed(peer.folder)
    bench = kind(endpoint(peer, tmp_path / "secrets"), tmp_path / "state", peer.folder)
    library, image = bench.open(), image_of(bench)
    peer.rule("Get-FileHash", "drop-before", named=r"\.part$", times=2)  # The host comes back once, and is gone again.
    with pytest.raises(Unreachable):
        publish(library, bench, image)
    assert [name for name in bench.left() if name.endswith(".part")]
    assert library.settle("shelf/1") is None
    library.close()
    assert bench.left() == []


def test_a_wim_of_another_guest_is_refused_and_nothing_is_left(bench: WdsBench, library: Library) -> None:
    """Architecture, edition and build have to be those of the guest that was captured."""
    for wrong in ({"architecture": "arm64"}, {"edition": "Enterprise"}, {"build": "26100"}):
        with pytest.raises(ProofFailed, match="not of the guest") as met:
            publish(library, bench, image_of(bench, **wrong))
        assert next(iter(wrong.values())) in (met.value.details or "")
        assert bench.left() == []
    right = image_of(bench, architecture="x86_64", edition="ServerStandard", build="20348")
    library.withdraw(publish(library, bench, right))


def test_what_is_no_wim_is_refused_and_nothing_is_left(bench: WdsBench, library: Library) -> None:
    """The host's own words, and no half publication."""
    image = sample("win2022", 1, "wim", "sysprep")
    with pytest.raises(GoldenError) as met:
        library.publish(image, image.artifact.forms[0], bytes_of(image), "shelf/1")
    assert met.value.details
    assert bench.left() == []
    assert library.list() == ()


def test_a_store_without_room_is_refused_and_nothing_is_left(peer: Peer, bench: WdsBench, library: Library) -> None:
    """HRESULT 0x80070070, wherever it comes from."""
    Wds.install(peer.folder, full=True)
    with pytest.raises((Refused, EndpointError), match=r"room|did not work"):
        publish(library, bench, image_of(bench))
    assert bench.left() == []


def test_what_is_brought_is_waited_for_while_somebody_reads_it(peer: Peer, bench: WdsBench, library: Library) -> None:
    """A scanner or a backup has the WIM open for a moment: it goes a moment later, published or not."""
    peer.rule("File.Delete", "delay", named=r"\.wim$", seconds=1)
    published = publish(library, bench, image_of(bench))
    assert peer.unmet() == [] and library.list() == (published,)
    assert [one.name for one in (bench.host / "drives/C/golden/deployments").iterdir()] == ["wds-" + _record(published)]
    library.withdraw(published)
    peer.rule("File.Delete", "delay", named=r"\.wim$", seconds=1)
    with pytest.raises(ProofFailed, match="not of the guest"):
        publish(library, bench, image_of(bench, architecture="arm64"))
    assert peer.unmet() == [] and bench.left() == []


def test_what_is_published_stays_where_nobody_can_clear_up(peer: Peer, bench: WdsBench, library: Library) -> None:
    """Once the record says that it is ready only leftovers remain: a warning, and settling takes them away."""
    peer.rule("Get-Item", "error", named=r"\.lock$", times=2, text="Verweigert. (0x80070005)")
    published = publish(library, bench, image_of(bench))
    folder = bench.host / "drives/C/golden/deployments"
    assert library.list() == (published,) and list(folder.glob("*.lock"))
    assert library.settle("shelf/1") == published  # It does not go yet.
    assert peer.unmet() == [] and list(folder.glob("*.lock"))
    assert library.settle("shelf/1") == published and not list(folder.glob("*.lock"))
    library.withdraw(published)
    assert bench.left() == []


def test_a_record_that_was_written_counts_whatever_came_after(peer: Peer, bench: WdsBench, library: Library) -> None:
    """What the write that says "ready" leaves beside it is no error; a record cut off half-way is one all the same."""
    peer.rule("File.Delete", "delay", named=r"\.old$", seconds=1)
    published = publish(library, bench, image_of(bench))
    assert peer.unmet() == [] and library.list() == (published,)
    folder = bench.host / "drives/C/golden/deployments"
    (record,) = folder.glob("*.golden.json")
    record.replace(next(iter(folder.glob("*.old")), Path(f"{record}.0011.old")))
    assert library.list() == (published,)
    assert publish(library, bench, image_of(bench)) == published
    library.retire(published)
    library.withdraw(published)
    assert bench.left() == []


def test_a_record_that_cannot_be_read_is_no_absence(bench: WdsBench, library: Library) -> None:
    """It is named to whoever asks for that publication; others go on."""
    one, other = (publish(library, bench, image_of(bench, number)) for number in (1, 2))
    record = bench.host / "drives/C/golden/deployments" / f"wds-{_record(one)}"
    text = record.read_text()
    record.write_text("\0" * len(text))
    for asked in (lambda: library.settle("shelf/1"), lambda: library.withdraw(one), lambda: library.verify(one)):
        with pytest.raises(Tampered, match=record.name):
            asked()
    assert library.list() == (other,)
    record.write_text(text)
    for each in (one, other):
        library.withdraw(each)
    assert bench.left() == []


def test_a_lock_that_cannot_be_looked_at_is_no_work(bench: WdsBench, library: Library) -> None:
    """Whoever asks is told why at once, and does not wait for hours for work that nobody does."""
    published = publish(library, bench, image_of(bench))
    (record,) = (bench.host / "drives/C/golden/deployments").glob("*.golden.json")
    lock = record.with_name(record.name.replace(".golden.json", ".lock"))
    lock.touch()
    lock.chmod(0o444)
    with pytest.raises(GoldenError) as met:
        library.withdraw(published)
    assert "is denied" in (met.value.details or "")
    lock.chmod(0o644)
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        letting_go = threading.Timer(1, fcntl.flock, (file, fcntl.LOCK_UN))
        letting_go.start()
        library.withdraw(published)
        letting_go.join()
    assert bench.left() == []


def test_somebody_elses_image_of_that_name_stays(peer: Peer, bench: WdsBench, library: Library) -> None:
    """golden has no record of it: Conflict, and it is not touched."""
    image = image_of(bench)
    published = publish(library, bench, image)
    for record in (bench.host / "drives/C/golden/deployments").glob("*.golden.json"):
        record.unlink()
    with pytest.raises(Conflict, match="not this publication") as met:
        publish(library, bench, image)
    assert met.value.hint
    assert [each["name"] for each in Wds(peer.folder).read()["images"]] == [published.name]


def test_what_cannot_be_asked_for_is_not_absent(peer: Peer, bench: WdsBench, library: Library) -> None:
    """WDS does not answer: told, and neither record nor image goes; afterwards all is as it was."""
    published = publish(library, bench, image_of(bench))
    peer.rule("Get-WdsInstallImage", "error", times=0, kind="HRESULT 0x800706ba", text="The RPC server is unavailable.")
    for asked in (library.list, lambda: library.settle("shelf/1"), lambda: library.withdraw(published)):
        with pytest.raises(EndpointError) as met:
            asked()
        assert "RPC server" in (met.value.details or "")
    peer.clear_rules()
    assert library.settle("shelf/1") == published
    assert library.list() == (published,)
    library.withdraw(published)
    assert bench.left() == []


@pytest.mark.parametrize("absent", ["ObjectNotFound", "NotSpecified"])
def test_an_image_is_absent_whatever_wds_calls_that(peer: Peer, bench: WdsBench, library: Library, absent: str) -> None:
    """Its error for it is not documented: what the list of all images does not have is not there."""
    Wds.install(peer.folder, absent=absent)
    published = publish(library, bench, image_of(bench))
    with Wds(peer.folder).changed() as state:
        state["images"].clear()
    assert library.list() == ()
    library.withdraw(published)
    assert bench.left() == []


def test_a_removal_whose_answer_was_lost_is_a_removal(peer: Peer, bench: WdsBench, library: Library) -> None:
    """It is looked for before it is asked for again."""
    published = publish(library, bench, image_of(bench))
    peer.rule("Remove-WdsInstallImage", "drop-after")
    library.withdraw(published)
    assert peer.unmet() == []
    assert bench.left() == []


def test_what_cut_off_writes_left_goes_with_the_record(bench: WdsBench, library: Library) -> None:
    """A record that is listed and gone when it is read is no error, either."""
    published = publish(library, bench, image_of(bench))
    folder = bench.host / "drives/C/golden/deployments"
    (record,) = folder.glob("*.golden.json")
    for tail in ("0011.new", "2233.old"):
        (folder / f"{record.name}.{tail}").write_text("{}")
    (folder / "gone.golden.json").symlink_to("nowhere")
    assert library.list() == (published,)
    library.withdraw(published)
    assert [one.name for one in folder.iterdir()] == ["gone.golden.json"]
    (folder / "gone.golden.json").unlink()
    assert bench.left() == []


def test_an_image_that_somebody_took_away_is_published_again(peer: Peer, bench: WdsBench, library: Library) -> None:
    """What the service has not is neither found nor listed, whatever the record says."""
    image = image_of(bench)
    published = publish(library, bench, image)
    with Wds(peer.folder).changed() as state:
        state["images"].clear()
    assert library.list() == ()
    with pytest.raises(NotFound):
        library.verify(published)
    publish(library, bench, image)
    assert len(library.list()) == 1
    library.withdraw(published)
    assert bench.left() == []


def test_a_retired_image_is_not_offered_any_more(peer: Peer, bench: WdsBench, library: Library) -> None:
    """Disable-WdsInstallImage; the newer one stays as it is."""
    old, new = (publish(library, bench, image_of(bench, number)) for number in (1, 2))
    library.retire(old)
    state = {each["name"]: each["enabled"] for each in Wds(peer.folder).read()["images"]}
    assert state == {old.name: False, new.name: True}
    for one in (old, new):
        library.withdraw(one)
    assert bench.left() == []


def test_names_that_look_like_code_are_names(peer: Peer, bench: WdsBench) -> None:
    """A group's name travels as a value: it is the group, and nothing of it is run."""
    library = replace(bench, url=f"wds:{quote(HOSTILE)}?endpoint=hv").open()
    published = publish(library, bench, image_of(bench))
    assert [each["group"] for each in Wds(peer.folder).read()["images"]] == [HOSTILE]
    assert published.where.startswith(HOSTILE)
    assert bench.open().list() == ()
    library.withdraw(published)
    library.close()
    assert bench.left() == []


@pytest.mark.parametrize(
    ("spoil", "url", "error", "saying"),
    [
        (lambda peer: (peer.folder / "wds.json").unlink(), None, NotAble, "Install-WindowsFeature WDS"),
        (lambda _: None, "wds:Nobody?endpoint=hv", NotFound, "New-WdsInstallImageGroup -Name 'Nobody'"),
    ],
    ids=["no role", "no group"],
)
def test_a_place_that_is_not_there_is_told_when_it_is_opened(
    peer: Peer, bench: WdsBench, spoil: Callable[[Peer], object], url: str | None, error: type[GoldenError], saying: str
) -> None:
    """Before anything is sent, with what to type on that host."""
    spoil(peer)
    with pytest.raises(error) as met:
        replace(bench, url=url or bench.url).open()
    assert saying in (met.value.hint or "")


def test_other_forms_are_refused_with_how_to_make_one(bench: WdsBench, library: Library) -> None:
    """A VHDX is not taken here."""
    image = sample("win2022", 1, "vhdx", "sysprep")
    with pytest.raises(PolicyRefused) as met:
        library.publish(image, image.artifact.forms[0], _nothing(), "shelf/1")
    assert "--form wim" in (met.value.hint or "")


@contextmanager
def _nothing() -> Iterator[io.BytesIO]:
    yield io.BytesIO()


@pytest.mark.parametrize("do", MISFORTUNES)
@pytest.mark.parametrize("call", ["Mount-VHD", "New-WindowsImage", "Dismount-VHD"])
def test_a_wim_is_made_on_the_host_whatever_is_lost(peer: Peer, bench: WdsBench, call: str, do: str) -> None:
    """The disk is attached read-only, let go of again, and has the bytes it had; nothing stays behind."""
    made = Made(bench.endpoint, bench.state, bench.host)
    image = made.image("win2022", 1)
    disk = bench.host / "drives/C/golden/images/win2022-i1.vhdx"
    before = disk.read_bytes()
    library = made.open()
    peer.rule(call, do)
    with coming_back(peer):
        published = library.publish(image, image.artifact.forms[0], _nothing(), "shelf/1")
    assert peer.unmet() == []
    assert library.list() == (published,)
    library.verify(published)
    assert disk.read_bytes() == before
    assert (bench.host / "mounts.json").read_text() == "[]"
    assert [each.name for each in (bench.host / "drives/C/golden/deployments").iterdir()] == [
        "wds-" + _record(published)
    ]
    library.withdraw(published)
    library.close()
    assert bench.left() == []


def test_an_image_of_another_host_is_refused(bench: WdsBench) -> None:
    """Where the record of the image is not on this host, no WIM can be made of it there."""
    made = Made(bench.endpoint, bench.state, bench.host)
    image = made.image("win2022", 7)
    for record in (bench.host / "drives/C/golden/images").glob("*.golden.json"):
        record.unlink()
    library = made.open()
    with pytest.raises(NotFound, match="is not on") as met:
        library.publish(image, image.artifact.forms[0], _nothing(), "shelf/7")
    assert "endpoint" in (met.value.hint or "")
    library.close()
    assert bench.left() == []


@pytest.mark.parametrize(
    ("kind", "call"), [(MdtBench, "Import-MDTOperatingSystem"), (ConfigMgrBench, "New-CMOperatingSystemImage")]
)
@pytest.mark.parametrize("do", ["drop-before", "drop-after"])
def test_mdt_and_configmgr_lose_no_image_with_an_answer(
    peer: Peer, bench: WdsBench, kind: type[MdtBench], call: str, do: str
) -> None:
    """One image in the end; retired it is switched off or says so; withdrawn nothing of it is left."""
    installed(peer.folder)
    other = kind(bench.endpoint, bench.state, bench.host)
    library, image = other.open(), image_of(other)
    peer.rule(call, do)
    published = library.publish(image, image.artifact.forms[0], bytes_of(image, other), "shelf/1")
    assert len(other.world.read()["images"]) == 1
    library.retire(published)
    (left,) = other.world.read()["images"]
    assert left.get("enable") == "False" or left["description"].startswith("Not current any more.")
    library.withdraw(published)
    library.close()
    assert other.left() == []


@pytest.mark.parametrize(
    ("kind", "moved"), [(MdtBench, {"folder": "Servers"}), (ConfigMgrBench, {"name": "Our Windows Server"})]
)
def test_an_image_that_somebody_moved_or_renamed_is_the_same_one(
    peer: Peer, bench: WdsBench, kind: type[MdtBench], moved: dict[str, str]
) -> None:
    """It is known by its files: found, retired and taken away wherever it stands, and never its files alone."""
    installed(peer.folder)
    other = kind(bench.endpoint, bench.state, bench.host)
    library, image = other.open(), image_of(other)
    published = library.publish(image, image.artifact.forms[0], bytes_of(image, other), "shelf/1")
    with other.world.changed() as state:
        state["images"][0].update(moved)
    assert library.list() == (published,)
    assert library.settle("shelf/1") == published
    library.verify(published)
    library.retire(published)
    (left,) = other.world.read()["images"]
    assert moved.items() <= left.items()
    assert left.get("enable") == "False" or left["description"].startswith("Not current any more.")
    library.withdraw(published)
    library.close()
    assert other.left() == []


def test_files_that_something_else_in_a_share_has_stay(peer: Peer, bench: WdsBench) -> None:
    """Somebody made another item of a folder below: Conflict names it, and the folder stays until it is gone."""
    installed(peer.folder)
    other = MdtBench(bench.endpoint, bench.state, bench.host)
    library, image = other.open(), image_of(other)
    published = library.publish(image, image.artifact.forms[0], bytes_of(image, other), "shelf/1")
    with other.world.changed() as state:
        (made,) = state["images"]
        state["images"].append({**made, "name": "Theirs", "source": f"{made['source']}\\more"})
    with pytest.raises(Conflict, match="Theirs") as met:
        library.withdraw(published)
    assert met.value.hint and list(other.files().rglob(f"{published.name}.wim"))
    with other.world.changed() as state:
        state["images"].clear()
    library.withdraw(published)
    library.close()
    assert other.left() == []


@pytest.mark.parametrize("kind", [MdtBench, ConfigMgrBench])
def test_a_program_that_is_not_there_is_told_when_it_is_opened(
    peer: Peer, bench: WdsBench, kind: type[MdtBench]
) -> None:
    """Without its module nothing is sent; the hint says that another place can be named."""
    installed(peer.folder)
    other = kind(bench.endpoint, bench.state, bench.host)
    with pytest.raises(NotAble) as met:
        replace(other, options={**other.options, "module": "C:\\nowhere\\x.psd1"}).open()
    assert "module" in (met.value.hint or "")


def test_the_folder_of_packages_has_to_be_there(peer: Peer, bench: WdsBench) -> None:
    """Before anything is sent."""
    installed(peer.folder)
    other = ConfigMgrBench(bench.endpoint, bench.state, bench.host)
    with pytest.raises(NotFound, match="no folder"):
        replace(other, options={**other.options, "folder": "C:\\elsewhere"}).open()
    share = MdtBench(bench.endpoint, bench.state, bench.host, url="mdt:C:/Elsewhere?endpoint=hv")
    with pytest.raises(NotFound, match="not a deployment share"):
        share.open()


def _record(publication: Publication) -> str:
    return hashlib.sha256(publication.key.encode()).hexdigest()[:8] + ".golden.json"
