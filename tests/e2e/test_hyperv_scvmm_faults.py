"""Bad luck while golden publishes to SCVMM: made once, told plainly, nothing left, others' things left alone."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from golden.errors import Conflict, EndpointError, NotAble, NotFound, ProofFailed, Refused, Unreachable
from golden.model import Image, Publication
from golden.testing.library_contract import BrokenSource, bytes_of, sample
from golden.waiting import Deadline, Waiting
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_library_bench import OnTheHost, Streamed, on_the_host, streamed
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import SHARE, Vmm, indexed

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv scvmm faults")]

KEY = "shelf/win2022-i1-here"
CALM = {"answers": True, "full": False, "seconds": 0.0, "blind": False, "longest": 0}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host with a VMM server."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "host") as made:
        Vmm.install(made)
        yield made


@pytest.fixture
def bench(peer: Peer, tmp_path: Path) -> Iterator[OnTheHost]:
    """Its library; afterwards nothing lies there, in the share or on the host."""
    made = on_the_host(peer, tmp_path, endpoint(peer, tmp_path / "secrets"))
    yield made
    peer.clear_rules()
    made.vmm.set(**CALM, accounts={peer.user: [peer.password, "Administrator"]})
    library = made.open()
    for one in library.list():
        library.withdraw(one)
    library.close()
    assert left(peer) == []


@pytest.fixture
def image(bench: OnTheHost) -> Image:
    """An image on the host."""
    return bench.image("win2022", 1)


def left(peer: Peer) -> list[str]:
    """Everything that a publish makes: files in the shares, objects of VMM's, notes on the host."""
    vmm, notes = Vmm(peer.folder), peer.drive("C:\\golden\\publishing")
    state = vmm.read()
    objects = [each["name"] for table in ("disks", "templates") for each in state[table].values()]
    return vmm.files() + objects + ([each.name for each in notes.iterdir()] if notes.exists() else [])


def publish(bench: Streamed, image: Image, key: str = KEY, watcher: object = None) -> Publication:
    """By a connection of its own."""
    library = bench.open(watcher)  # type: ignore[arg-type]
    try:
        return library.publish(image, image.artifact.forms[0], bytes_of(image), key)
    finally:
        library.close()


def finished(bench: Streamed, image: Image) -> Publication:
    """Published once, whole, found by everybody, and nothing is left on the host."""
    library = bench.open()
    try:
        (one,) = library.list()
        assert (one.key, one.reference) == (KEY, image.reference)
        library.verify(one)
    finally:
        library.close()
    state = bench.vmm.read()
    assert (len(bench.vmm.files()), len(state["disks"]), len(state["templates"])) == (1, 1, 1)
    notes = bench.host / "drives/C/golden/publishing"
    assert list(notes.iterdir()) == []
    return one


@contextmanager
def breaking() -> Iterator[BinaryIO]:
    """A file that ends in an error after its first piece."""

    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise BrokenSource("the line broke")
            return super().read(1000 if size is None or size < 0 else min(size, 1000))

    yield Breaks(bytes(5000))


class Told:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Not of interest."""

    def doing(self, what: str) -> None:
        """Remember."""
        self.said.append(what)

    def progress(self, what: str, done: int, total: int) -> None:
        """Not of interest."""


COMMANDS = ("Import-SCLibraryPhysicalResource", "Set-SCVirtualHardDisk", "New-SCVMTemplate", "Set-SCVMTemplate")


@pytest.mark.parametrize("deed", [pytest.param("drop-before", marks=pytest.mark.thorough), "drop-after"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_lost_answer_is_no_second_thing(bench: OnTheHost, peer: Peer, image: Image, command: str, deed: str) -> None:
    """The session breaks before or after VMM did it: there is one publication in the end, by the same publish."""
    peer.rule(command, deed)
    publish(bench, image)
    assert peer.unmet() == []
    finished(bench, image)


def _publish(bench: OnTheHost, image: Image) -> None:
    publish(bench, image)


@pytest.mark.parametrize(
    "step", [step if step % 3 == 1 else pytest.param(step, marks=pytest.mark.thorough) for step in range(12)]
)
def test_killed_anywhere_it_is_settled_and_published_again(
    bench: OnTheHost, peer: Peer, image: Image, step: int
) -> None:
    """kill -9 after so many commands: nothing looks finished that is not, and the next publish makes it once."""
    bench.vmm.set(seconds=0.3)
    child = multiprocessing.get_context("spawn").Process(target=_publish, args=(bench, image))
    before = asked(peer)
    child.start()

    def so_far() -> bool:
        return asked(peer) > before + 8 + 2 * step or not child.is_alive()

    Waiting(Deadline(60), tick=0.005).until("the child to get so far", so_far)
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


def asked(peer: Peer) -> int:
    """How many of VMM's commands have been carried out."""
    return sum("-SC" in request.call for request in peer.requests())


def test_the_host_may_lose_all_its_sessions(bench: OnTheHost, peer: Peer, image: Image, tmp_path: Path) -> None:
    """kill -9 of the WinRM service while VMM copies: the half file is taken away, and it is published."""
    bench.vmm.set(seconds=2.0)
    child = multiprocessing.get_context("spawn").Process(target=_publish, args=(bench, image))
    child.start()
    Waiting(Deadline(60), tick=0.01).until("the import", lambda: bench.underway(KEY))
    bench.vmm.set(seconds=0.0)
    peer.restart_server()
    with bench.vmm.changed() as state:
        for job in state["jobs"]:
            job["status"] = "Failed" if job["status"] == "Running" else job["status"]
    child.join(60)
    if child.exitcode != 0:
        publish(bench, image)
    finished(bench, image)


def test_a_server_that_does_not_answer_is_told(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """The VMM service is down: exit 10 with what to look at; and in the middle of a publish nothing looks finished."""
    bench.vmm.set(answers=False)
    with pytest.raises(Unreachable, match=r"vmm01\.example\.com does not answer") as caught:
        bench.open()
    assert "port 8100" in str(caught.value.hint)
    bench.vmm.set(answers=True)
    library = bench.open()
    bench.vmm.set(answers=False)
    with pytest.raises(Unreachable):
        library.publish(image, image.artifact.forms[0], bytes_of(image), KEY)
    library.close()
    with pytest.raises(Unreachable, match=r"nowhere\.example\.com"):
        replace(bench, url="scvmm://nowhere.example.com/library?endpoint=hv").open()


def test_a_full_share_is_told_and_nothing_stays(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """No room in the library share: Refused with the words of VMM's job; half the file is taken away; then it works."""
    bench.vmm.set(full=True)
    with pytest.raises(Refused, match="no room in the library share library") as caught:
        publish(bench, image)
    assert "0x80070070" in str(caught.value.details)
    assert "job Import library physical resource" in str(caught.value.details)
    assert left(peer) == []
    bench.vmm.set(full=False)
    publish(bench, image)
    finished(bench, image)


def test_an_unknown_share_names_those_there_are(bench: OnTheHost, peer: Peer) -> None:
    """NotFound with the paths of all; a share that two servers have wants one named, and is found on it."""
    with pytest.raises(NotFound, match="no library share libary") as caught:
        replace(bench, url="scvmm://vmm01/libary?endpoint=hv").open()
    assert SHARE in str(caught.value.details)
    bench.vmm.share("\\\\other\\library")
    try:
        with pytest.raises(Conflict, match="2 library servers") as twice:
            bench.open()
        assert "\\\\other\\library" in str(twice.value.details)
        for server in ("files", "files.example.com"):
            replace(bench, options={"library_server": server}).open().close()
    finally:
        with bench.vmm.changed() as state:
            state["shares"] = state["shares"][:1]


def test_a_host_without_the_console_is_told(tmp_path: Path) -> None:
    """NotAble that says what to install where."""
    from tests.peers.hyperv.registry import commands

    hidden = tuple(each.name for each in commands().values() if "-SC" in each.name)
    with Peer(tmp_path / "host", hidden=hidden) as peer:
        with pytest.raises(NotAble, match="no PowerShell module VirtualMachineManager") as caught:
            on_the_host(peer, tmp_path, endpoint(peer, tmp_path / "secrets")).open()
        assert "VMM console" in str(caught.value.hint)


def test_an_account_without_a_role_is_refused(bench: OnTheHost, peer: Peer, image: Image, tmp_path: Path) -> None:
    """Neither a stranger nor one who may only look: Refused, with where to name another account; nothing is made."""
    bench.vmm.set(accounts={"LAB\\vmm": ["sesame-1", "Administrator"], peer.user: [peer.password, "ReadOnlyAdmin"]})
    with pytest.raises(Refused, match="denies it to golden's account") as caught:
        publish(bench, image)
    assert "libraries.shelf" in str(caught.value.hint)
    assert left(peer) == []
    (tmp_path / "vmm-password").write_text("sesame-1\n")
    account = {"user": "LAB\\vmm", "password_file": "../vmm-password"}
    peer.account("LAB\\vmm", "sesame-1")
    publish(replace(bench, options=account), image)
    bench.vmm.set(accounts={})
    with pytest.raises(Refused) as stranger:
        bench.open()
    assert peer.password not in f"{stranger.value!r}{stranger.value.details}{stranger.value.hint}"
    bench.vmm.set(accounts={peer.user: [peer.password, "Administrator"]})
    finished(bench, image)


def test_an_endpoint_without_a_password_needs_an_account_for_vmm(
    bench: OnTheHost, peer: Peer, image: Image, tmp_path: Path
) -> None:
    """Who logs in by certificate has nothing to show to VMM: Refused with what to type; with an account it works."""
    known = {key: value for key, value in bench.endpoint.options.items() if key not in ("user", "password_file")}
    ways = {"auth": "certificate", "certificate_file": "client.pem", "certificate_key_file": "client.pem"}
    for key in ("certificate_file", "certificate_key_file"):
        ways[key] = str(peer.folder / ways[key])
    shelf = replace(bench, endpoint=replace(bench.endpoint, options={**known, **ways}))
    with pytest.raises(Refused, match="denies it to golden's account") as caught:
        shelf.open()
    assert 'user = "DOMAIN' in str(caught.value.hint)
    account = {"user": peer.user, "password_file": str(tmp_path / "secrets/password")}
    publish(replace(shelf, options=account), image)
    finished(bench, image)


def test_a_share_that_golden_cannot_read_is_compared_by_what_vmm_tells(
    bench: OnTheHost, peer: Peer, image: Image
) -> None:
    """The second hop is refused even with a credential: it says so, publishes, and still notices another file."""
    peer.rule(
        "New-PSDrive", "error", times=0, category="PermissionDenied", kind="AccessDenied", text="Access is denied"
    )
    told = Told()
    made = publish(bench, image, watcher=told)
    assert any("cannot be read by golden's account: Access is denied" in each for each in told.said)
    library = bench.open()
    library.verify(made)
    file = bench.vmm.place(made.where)
    file.write_bytes(file.read_bytes() + b"!")
    with pytest.raises(ProofFailed, match="not what was published"):
        library.verify(made)
    library.close()


def test_half_a_file_that_vmm_does_not_know_is_taken_away(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """The refresher does not index it: golden takes it out of the share itself, or says where it lies."""
    bench.vmm.set(full=True, blind=True)
    with pytest.raises(Refused):
        publish(bench, image)
    assert left(peer) == []
    peer.rule(
        "New-PSDrive", "error", times=0, category="PermissionDenied", kind="AccessDenied", text="Access is denied"
    )
    told = Told()
    with pytest.raises(Refused):
        publish(bench, image, watcher=told)
    (file,) = bench.vmm.files()
    assert any("half a file lies at \\\\files\\library" in each for each in told.said)
    (bench.host / "shares" / file).unlink()


def test_a_description_that_is_cut_short_is_no_publication(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """Where VMM keeps less of the note than it was given it could never be found again: told, and taken away."""
    bench.vmm.set(longest=120)
    with pytest.raises(EndpointError, match="does not keep the description"):
        publish(bench, image)
    assert left(peer) == []


def test_a_file_that_is_somebody_elses_is_left_alone(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """Conflict before anything is begun; settling and withdrawing do not touch it."""
    where = f"{SHARE}\\published\\win2022-i1.vhdx"
    file = bench.vmm.place(where)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"mine")
    with bench.vmm.changed() as state:
        indexed(state, bench.vmm, where)
    with pytest.raises(Conflict, match="is there already"):
        publish(bench, image)
    library = bench.open()
    assert (library.settle(KEY), library.list(), file.read_bytes()) == (None, (), b"mine")
    library.close()
    file.unlink()
    bench.vmm.set(disks={})


def test_a_copy_made_in_the_library_is_its_makers(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """Somebody copies golden's disk with its description: it is listed once, and the copy outlives the withdrawal."""
    made = publish(bench, image)
    copied = f"{SHARE}\\published\\copy.vhdx"
    bench.vmm.place(copied).write_bytes(b"copy")
    with bench.vmm.changed() as state:
        of = next(iter(state["disks"].values()))
        entry = indexed(state, bench.vmm, copied)
        state["disks"][entry["id"]] = {**entry, "description": of["description"]}
    library = bench.open()
    assert library.list() == (made,)
    library.withdraw(made)
    assert (library.list(), bench.vmm.files()) == ((), ["files/library/published/copy.vhdx"])
    library.close()
    bench.vmm.place(copied).unlink()
    bench.vmm.set(disks={})


def test_a_template_that_was_taken_away_is_made_again(bench: OnTheHost, peer: Peer, image: Image) -> None:
    """Without its template it is no publication any more; the same publish makes it whole again."""
    publish(bench, image)
    bench.vmm.set(templates={})
    library = bench.open()
    assert library.list() == ()
    library.close()
    publish(bench, image)
    finished(bench, image)


def test_a_source_that_breaks_leaves_nothing_on_the_host(bench: OnTheHost, peer: Peer, tmp_path: Path) -> None:
    """golden's own file cannot be read to its end, or is another than recorded: nothing is left where it was staged."""
    shelf = streamed(peer, tmp_path, bench.endpoint)
    image = sample("win2022", 1, "vhdx", "sysprep")
    form = image.artifact.forms[0]
    library = shelf.open()
    with pytest.raises(BrokenSource):
        library.publish(image, form, breaking(), KEY)
    assert left(peer) == []
    with pytest.raises(ProofFailed, match="not what was recorded"):
        library.publish(image, replace(form, size=form.size + 1), bytes_of(image), KEY)
    assert left(peer) == []
    library.publish(image, form, bytes_of(image), KEY)
    library.close()
    finished(shelf, image)


def test_what_a_broken_transfer_left_is_taken_away(bench: OnTheHost, peer: Peer, tmp_path: Path) -> None:
    """The session goes before the file has its name: what was sent is found by the record, and goes with it."""
    shelf, image = streamed(peer, tmp_path, bench.endpoint), sample("win2022", 1, "vhdx", "sysprep")
    peer.rule("Get-FileHash", "drop-before", named=r"\.part$", times=2)  # The host comes back once, and is gone again.
    with pytest.raises(Unreachable):
        publish(shelf, image)
    assert [name for name in left(peer) if name.endswith(".part")]
    library = shelf.open()
    assert library.settle(KEY) is None
    library.close()
    assert left(peer) == []


def test_a_host_without_room_for_the_image_is_told(tmp_path: Path) -> None:
    """Where the bytes come through golden they lie on the host for a while: Refused before one of them is sent."""
    with Peer(tmp_path / "host", free=100_000) as peer:
        Vmm.install(peer)
        shelf = streamed(peer, tmp_path, endpoint(peer, tmp_path / "secrets"))
        with pytest.raises(Refused, match="no room for the image, until VMM has it"):
            publish(shelf, sample("win2022", 1, "vhdx", "sysprep"))
        assert left(peer) == []


def test_passwords_are_nowhere(bench: OnTheHost, peer: Peer, image: Image, capfd: pytest.CaptureFixture[str]) -> None:
    """Not in what was asked for, not in what golden wrote, not in an error, not in a repr, not in VMM's own records."""
    library = bench.open()
    told = repr(library)
    peer.rule("New-SCVMTemplate", "error", kind="2912", category="ReadError", text="An internal error has occurred")
    with pytest.raises(EndpointError, match="VMM refuses it with error 2912") as caught:
        library.publish(image, image.artifact.forms[0], bytes_of(image), KEY)
    error = caught.value
    told += f"{error!r}{error.brief}{error.details}{error.hint}{error.__cause__!r}"
    told += repr(library.publish(image, image.artifact.forms[0], bytes_of(image), KEY))
    told += repr(vars(library)) + "".join(capfd.readouterr()) + (peer.folder / "requests.jsonl").read_text()
    library.close()
    for file in [*bench.state.rglob("*"), *(peer.folder / "drives").rglob("*.json"), *peer.folder.glob("*.log")]:
        told += file.read_text(errors="replace") if file.is_file() else ""
    told += str(bench.vmm.read()["disks"]) + str(bench.vmm.read()["templates"]) + str(bench.vmm.read()["jobs"])
    assert peer.password not in told
    finished(bench, image)
