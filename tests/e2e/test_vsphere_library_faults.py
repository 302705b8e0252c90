"""Bad luck while golden publishes to vCenter: made once, told plainly, nothing left, and passwords nowhere."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from golden.errors import Conflict, EndpointError, GoldenError, Refused
from golden.library import Library
from golden.model import Image, Publication
from golden.waiting import Deadline, Waiting
from tests.e2e.vsphere_bench import endpoint
from tests.e2e.vsphere_library_bench import CALLS, STORE, URLS, Shelf, add_library, rest, shelf
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.world import Times

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere library faults")]

KEY = "shelf/win2022-i1-here"
TAG = "POST /rest/com/vmware/cis/tagging/tag"
FINISH = {"template": "MarkAsTemplate", "ovf": "PATCH /rest/com/vmware/content/library/item/.*"}
FINISH["vmtx"] = FINISH["ovf"]
PASS = nullcontext()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One vCenter with a content library."""
    with vcenter(tmp_path_factory.mktemp("vsphere") / "vcenter", times=Times(task=0.05)) as peer:
        add_library(peer, STORE)
        yield peer


@pytest.fixture(params=URLS)
def bench(request: pytest.FixtureRequest, shared: Peer, tmp_path: Path) -> Iterator[Shelf]:
    """A library of each kind; afterwards nothing lies there, whatever a test has done."""
    made = shelf(shared, tmp_path, request.param)
    yield made
    shared.world.rules.clear()
    library = made.open()
    for one in library.list():
        library.withdraw(one)
    library.close()
    assert things(shared) == []


@pytest.fixture
def image(bench: Shelf) -> Image:
    """An image that was captured on the peer."""
    return bench.image(f"w{bench.seeded()}", 1)


def publish(bench: Shelf, image: Image, key: str = KEY) -> Publication:
    """By a connection of its own."""
    library = bench.open()
    try:
        return library.publish(image, image.artifact.forms[0], PASS, key)  # type: ignore[arg-type]
    finally:
        library.close()


def things(peer: Peer) -> list[str]:
    """Everything on vCenter that a publish has made: items, and machines or templates by their names' ends."""
    from golden_vsphere.publishing import short

    tail = short(KEY)
    items = [item.name for item in peer.world.libraries.items.values()]
    return items + [name for name in peer.machines() if name.endswith(tail)]


def finished(bench: Shelf, image: Image) -> None:
    """Published once, whole, and found by everybody."""
    library = bench.open()
    try:
        (one,) = library.list()
        assert (one.key, one.reference) == (KEY, image.reference)
        library.verify(one)
        assert bench.peer is not None
        assert len([name for name in bench.peer.machines() if name == one.name]) == (bench.kind != "ovf")
        assert [item.name for item in bench.peer.world.libraries.items.values()] == (
            [] if bench.kind == "template" else [one.name]
        )
    finally:
        library.close()


@pytest.mark.parametrize("deed", ["drop-before", "drop-after"])
@pytest.mark.parametrize("where", ["make", "tag", "finish"])
def test_a_lost_answer_is_no_second_thing(bench: Shelf, image: Image, where: str, deed: str) -> None:
    """The connection breaks before or after the call: there is one publication in the end, by the same publish."""
    assert bench.peer is not None
    call = {"make": CALLS[bench.kind], "tag": TAG, "finish": FINISH[bench.kind]}[where]
    bench.peer.rule(call, deed)
    publish(bench, image)
    assert bench.peer.world.rules.unmet() == []
    finished(bench, image)


@pytest.mark.parametrize("bench", ["vmtx", "ovf"], indirect=True)
def test_a_gateway_that_gives_up_is_no_second_thing(bench: Shelf, image: Image) -> None:
    """504 at once, and vCenter goes on for seconds: what was ordered is waited for, and ordered once."""
    assert bench.peer is not None
    before = len(bench.peer.requests(CALLS[bench.kind]))
    bench.peer.rule(CALLS[bench.kind], "gateway", status=504, seconds=5)
    publish(bench, image)
    assert bench.peer.world.rules.unmet() == []
    # An OVF is asked for again with its token, which is how its id is known.
    assert len(bench.peer.requests(CALLS[bench.kind])) - before == (1 if bench.kind == "vmtx" else 2)
    finished(bench, image)


@pytest.mark.parametrize("bench", ["vmtx"], indirect=True)
def test_what_a_killed_golden_had_ordered_is_waited_for(bench: Shelf, image: Image) -> None:
    """Another golden orders nothing while vCenter still copies for it; what comes of that is cleared."""
    assert bench.peer is not None
    bench.peer.rule(CALLS[bench.kind], "gateway", status=400, seconds=5)
    with pytest.raises(EndpointError):
        publish(bench, image)
    publish(bench, image)
    finished(bench, image)


@pytest.mark.parametrize("bench", ["ovf"], indirect=True)
def test_one_publication_is_looked_at_in_few_round_trips(bench: Shelf, image: Image) -> None:
    """However many items there are: by its name. Only a list of all reads all."""
    assert bench.peer is not None
    made = publish(bench, image)
    with rest(bench.peer) as client:
        spec = {"library_id": next(iter(bench.peer.world.libraries.items.values())).library, "type": "ovf"}
        ids = [
            client.post("/content/library/item", json={"create_spec": {**spec, "name": f"other-{n}"}}).json()["value"]
            for n in range(20)
        ]
        library = bench.open()
        for act in (lambda: library.verify(made), lambda: publish_with(library, bench, image)):
            before = len(bench.peer.requests())
            act()
            asked = [one.call for one in bench.peer.requests()[before:] if "content" in one.call]
            assert len(asked) <= 4, asked
        library.close()
        for one in ids:
            client.delete(f"/content/library/item/id:{one}").raise_for_status()


def publish_with(library: Library, bench: Shelf, image: Image) -> Publication:
    """Again, by an open connection."""
    del bench
    return library.publish(image, image.artifact.forms[0], PASS, KEY)  # type: ignore[arg-type]


def test_a_session_that_is_over_is_made_anew(bench: Shelf, image: Image) -> None:
    """In the middle of the work, over SOAP and REST; the call that was refused is carried out once."""
    assert bench.peer is not None
    bench.peer.rule(CALLS[bench.kind], "expire")
    bench.peer.rule(FINISH[bench.kind], "expire")
    publish(bench, image)
    assert bench.peer.world.rules.unmet() == []
    finished(bench, image)


@pytest.mark.parametrize("bench", ["ovf"], indirect=True)
def test_an_answer_that_did_not_succeed_is_told(bench: Shelf, image: Image) -> None:
    """HTTP 200 with ``succeeded: false`` inside is an error with vCenter's words; the next publish works."""
    assert bench.peer is not None
    bench.peer.rule(CALLS["ovf"], "unsucceeded", text="The disk of the source cannot be read.")
    with pytest.raises(EndpointError, match="did not write the OVF item") as caught:
        publish(bench, image)
    assert "The disk of the source cannot be read." in str(caught.value.details)
    assert things(bench.peer) == []
    publish(bench, image)
    finished(bench, image)


LACKING = {
    "template": "VirtualMachine.Provisioning.MarkAsTemplate",
    "ovf": "ContentLibrary.AddLibraryItem",
    "vmtx": "ContentLibrary.AddLibraryItem",
}


def test_a_missing_right_is_named_before_anything_is_made(bench: Shelf, image: Image, tmp_path: Path) -> None:
    """With the object it is missing on."""
    assert bench.peer is not None
    right = LACKING[bench.kind]
    poor = bench.peer.account("poor@vsphere.local", "p00r-s3cret", {right: ()})
    (tmp_path / "poor").write_text("p00r-s3cret")
    options = {"user": poor.user, "password_file": str(tmp_path / "poor")}
    lame = Shelf(bench.kind, endpoint(bench.peer, tmp_path / "secrets", **options), bench.state, bench.journal)
    with pytest.raises(Refused, match="lacks 1 privilege") as caught:
        publish(lame, image)
    assert right in str(caught.value.details)
    assert "p00r-s3cret" not in f"{caught.value.brief}{caught.value.details}{caught.value.hint}"
    assert things(bench.peer) == []


@pytest.mark.parametrize("bench", ["template"], indirect=True)
def test_no_permission_in_the_middle_leaves_nothing_finished(bench: Shelf, image: Image) -> None:
    """vCenter refuses what it said was allowed: told, and settled by the next one."""
    assert bench.peer is not None
    bench.peer.rule("MarkAsTemplate", "fault", kind="NoPermission", detail={"privilegeId": LACKING["template"]})
    with pytest.raises(Refused, match="MarkAsTemplate"):
        publish(bench, image)
    library = bench.open()
    assert library.list() == ()
    assert library.settle(KEY) is None
    library.close()
    assert things(bench.peer) == []
    publish(bench, image)
    finished(bench, image)


def test_a_name_that_is_somebody_elses_is_left_alone(bench: Shelf, image: Image) -> None:
    """Conflict; what lies there is not touched, and neither is it settled away."""
    from golden_vsphere.publishing import name_of

    assert bench.peer is not None
    name = name_of(image, KEY)
    first = publish(bench, image)
    with rest(bench.peer) as client:
        if bench.kind == "template":
            bench.peer.world.upstream.change(  # the note is gone: as if somebody had made it by hand
                "VirtualMachine", bench.peer.machines()[name], {"config.extraConfig": NO_OPTIONS}
            )
        else:
            item = next(iter(bench.peer.world.libraries.items))
            spec = {"update_spec": {"description": "mine"}}
            client.patch(f"/content/library/item/id:{item}", json=spec).raise_for_status()
    with pytest.raises(Conflict, match="not golden's"):
        publish(bench, image)
    library = bench.open()
    assert library.settle(KEY) is None
    library.withdraw(first)
    library.close()
    assert name in things(bench.peer)
    away(bench.peer, name)


NO_OPTIONS = '<val xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="ArrayOfOptionValue"></val>'


def away(peer: Peer, name: str) -> None:
    """What a test has put there."""
    for item in [one for one in peer.world.libraries.items.values() if one.name == name]:
        with rest(peer) as client:
            client.delete(f"/content/library/item/id:{item.id}").raise_for_status()
    if (moid := peer.machines().get(name)) is not None:
        peer.world.upstream.carry("VirtualMachine", moid, "Destroy_Task")


def _publish(bench: Shelf, image: Image) -> None:
    publish(bench, image)


def test_killed_anywhere_it_is_settled_and_published_again(bench: Shelf, image: Image) -> None:
    """kill -9 after each so many requests: nothing looks finished that is not, and the next publish makes it once."""
    assert bench.peer is not None
    context = multiprocessing.get_context("spawn")
    for step in range(1, 13):
        before = len(bench.peer.journal.entries())
        child = context.Process(target=_publish, args=(bench, image))
        child.start()
        wanted = before + 4 + 4 * step

        def so_far(wanted: int = wanted, child: multiprocessing.process.BaseProcess = child) -> bool:
            assert bench.peer is not None
            return len(bench.peer.journal.entries()) >= wanted or not child.is_alive()

        Waiting(Deadline(60), tick=0.002).until("the child to get so far", so_far)
        child.kill()
        child.join()
        library = bench.open()
        for one in library.list():
            library.verify(one)
        if step % 2:
            library.settle(KEY)
        library.close()
        publish(bench, image)
        finished(bench, image)
        library = bench.open()
        library.withdraw(library.list()[0])
        library.close()
        assert things(bench.peer) == []


def test_passwords_are_nowhere(bench: Shelf, image: Image, capfd: pytest.CaptureFixture[str]) -> None:
    """Not in what was asked for, not in what golden wrote, not in an error, not in a repr."""
    assert bench.peer is not None
    library = bench.open()
    bench.peer.rule(CALLS[bench.kind], "http", status=400)
    told = repr(library)
    try:
        told += repr(library.publish(image, image.artifact.forms[0], PASS, KEY))  # type: ignore[arg-type]
    except GoldenError as error:
        told += f"{error!r}{error.brief}{error.details}{error.hint}{error.__cause__!r}"
    told += repr(vars(library)) + "".join(capfd.readouterr()) + bench.journal.read_text()
    library.close()
    for file in bench.state.rglob("*"):
        told += file.read_text() if file.is_file() else ""
    assert bench.peer.password not in told
