"""Files to a host and back: whole or not at all, compared by hash, whatever their names."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golden.errors import TimedOut
from golden.waiting import Deadline, Waiting
from golden_hyperv.faults import has_no_room
from golden_hyperv.remoting import LinkLost, RemoteError, Secret, Session, SshLogin, WsmanLogin, open_session
from golden_hyperv.remoting.bulk import PIECE
from tests.peers.hyperv.peer import Peer

pytestmark = pytest.mark.slow

DATA = random.Random(7).randbytes(2 * PIECE + 4321)
NAMES = ["plain.bin", "it's $(odd) é [x] `n ; & %TEMP%.bin"]


def in_pieces(peer: Peer) -> Session:
    return open_session(WsmanLogin(peer.host, peer.port, peer.user, Secret(peer.password), ca_file=str(peer.ca)))


def by_side(peer: Peer) -> Session:
    """A session of WSMan whose bytes go by SFTP."""
    login = WsmanLogin(peer.host, peer.port, peer.user, Secret(peer.password), ca_file=str(peer.ca))
    return open_session(login, sftp=ssh(peer))


def by_ssh(peer: Peer) -> Session:
    return open_session(ssh(peer))


def ssh(peer: Peer) -> SshLogin:
    known = str(peer.known_hosts)
    return SshLogin(peer.host, peer.ssh_port, peer.ssh_user, key_file=str(peer.ssh_key), known_hosts=known)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer(tmp_path_factory.mktemp("hyperv") / "hv", delegated=True) as peer:  # Shares can be reached.
        yield peer


@pytest.fixture(scope="module", params=[in_pieces, by_side, by_ssh])
def session(request: pytest.FixtureRequest, peer: Peer) -> Iterator[Session]:
    session = request.param(peer)
    yield session
    session.close()


@pytest.fixture
def folder(peer: Peer, request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """An empty folder, as the host names it and as it is."""
    name = f"C:\\golden\\{abs(hash(request.node.name))}"
    place = peer.drive(name)
    place.mkdir()
    yield name, place
    assert not [one.name for one in place.iterdir() if ".part" in one.name], "something was left beside a file"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_arrives_and_comes_back_as_it_was(session: Session, folder: tuple[str, Path], name: str) -> None:
    """The hash is of what is there; progress is told to the end."""
    windows, place = folder
    seen: list[tuple[int, int]] = []
    path = f"{windows}\\{name}"
    digest = session.put(io.BytesIO(DATA), path, told=lambda done, total: seen.append((done, total)))
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert [one.read_bytes() for one in place.iterdir()] == [DATA]
    assert seen[-1] == (len(DATA), len(DATA))
    assert session.get(path) == DATA
    assert b"".join(session.pieces(path, 5, PIECE + 1)) == DATA[5 : PIECE + 6]


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1])
def test_files_of_any_size_arrive(session: Session, folder: tuple[str, Path], size: int) -> None:
    """Empty ones and those that end where a piece ends."""
    windows, place = folder
    session.put(io.BytesIO(DATA[:size]), f"{windows}\\x")
    assert (place / "x").read_bytes() == DATA[:size]
    assert session.get(f"{windows}\\x") == DATA[:size]
    assert session.get(f"{windows}\\x", size, 10) == b""
    assert session.get(f"{windows}\\x", size + 5) == b""
    assert session.get(f"{windows}\\x", 0, 0) == b""


def test_a_file_that_is_there_is_replaced_whole(session: Session, folder: tuple[str, Path]) -> None:
    """Nobody sees half of the new one: it is written beside the old one."""
    windows, place = folder
    (place / "x").write_bytes(b"old")
    there: list[bytes] = []
    session.put(io.BytesIO(DATA), f"{windows}\\x", told=lambda *_: there.append((place / "x").read_bytes()))
    assert set(there) == {b"old"}
    assert (place / "x").read_bytes() == DATA


def test_a_file_that_changed_on_the_way_is_refused(session: Session, folder: tuple[str, Path]) -> None:
    """The host compares what lies there with what was sent; the old file stays, the new one goes."""
    windows, place = folder
    (place / "x").write_bytes(b"old")

    def spoil(done: int, total: int) -> None:
        if done == total:
            (part,) = place.glob("x.*.part")
            Waiting(Deadline(20), tick=0.01).until("all of it to be written", lambda: part.read_bytes() == DATA)
            with part.open("r+b") as file:
                file.write(b"spoiled")

    with pytest.raises(RemoteError) as met:
        session.put(io.BytesIO(DATA), f"{windows}\\x", told=spoil)
    assert met.value.is_a("GoldenHashDiffers")
    assert [one.read_bytes() for one in place.iterdir()] == [b"old"]


def test_a_folder_that_is_not_there_is_told(session: Session, folder: tuple[str, Path]) -> None:
    """For writing and for reading; the session goes on."""
    windows, _ = folder
    with pytest.raises(RemoteError) as met:
        session.put(io.BytesIO(b"x"), f"{windows}\\nowhere\\x")
    assert "NotFoundException" in met.value.fqid
    with pytest.raises(RemoteError) as met:
        session.get(f"{windows}\\nothing")
    assert "FileNotFoundException" in met.value.fqid
    assert not session.is_lost


def test_a_deadline_ends_a_transfer_and_nothing_stays(session: Session, folder: tuple[str, Path]) -> None:
    """The old file is untouched."""
    windows, place = folder
    (place / "x").write_bytes(b"old")
    deadline = Deadline(0.2)

    def slow(*_: int) -> None:
        Waiting(Deadline(20), tick=0.01).until("the time to be over", lambda: deadline.left <= 0)

    with pytest.raises(TimedOut):
        session.put(io.BytesIO(DATA), f"{windows}\\x", told=slow, deadline=deadline)
    assert [one.read_bytes() for one in place.iterdir()] == [b"old"]
    assert not session.is_lost


@pytest.mark.parametrize("how", [in_pieces, by_side, by_ssh])
def test_a_line_that_breaks_leaves_the_old_file(tmp_path: Path, how: Callable[[Peer], Session]) -> None:
    """What was begun lies beside it under a name of its own, and the next attempt does not stumble over it."""
    with Peer(tmp_path / "hv") as peer:
        assert peer.ssh is not None
        session = how(peer)
        place = peer.drive("C:\\golden\\x")
        place.write_bytes(b"old")
        with pytest.raises(LinkLost):
            session.put(io.BytesIO(DATA), "C:\\golden\\x", told=lambda *_: (peer.kill_server(), peer.ssh.stop()))
        assert place.read_bytes() == b"old"
        session.close()
        peer.start_server()
        peer.ssh.start()
        again = how(peer)
        again.put(io.BytesIO(DATA), "C:\\golden\\x")
        assert place.read_bytes() == DATA
        again.close()


def test_quotas_of_the_host_are_read(session: Session) -> None:
    """For preflight: what a shell may use, by Windows' own names."""
    quotas = session.quotas()
    if session.transport == "ssh":
        assert quotas == {}  # WinRM's, and this is not WinRM.
        return
    assert int(quotas["MaxShellsPerUser"]) > 0
    assert int(quotas["MaxMemoryPerShellMB"]) > 0


def test_bytes_go_by_sftp_where_there_is_one(session: Session, peer: Peer, folder: tuple[str, Path]) -> None:
    """By the session itself only where there is none, and to shares, which SFTP cannot name."""
    windows, _ = folder
    before = len(peer.requests("SFTP.put"))
    session.put(io.BytesIO(b"x"), f"{windows}\\x")
    by_session = session.transport == "wsman" and session._files._line is None
    assert len(peer.requests("SFTP.put")) == before + (not by_session)
    before = len(peer.requests("SFTP.put"))
    session.put(io.BytesIO(DATA), "\\\\files\\library\\x")
    assert session.get("\\\\files\\library\\x", 7, 9) == DATA[7:16]
    assert len(peer.requests("SFTP.put")) == before


def test_a_full_disk_is_told_and_nothing_stays(peer: Peer, folder: tuple[str, Path]) -> None:
    """Writes whose answers nobody waits for are looked at in the end."""
    windows, place = folder
    session = by_side(peer)
    (place / "x").write_bytes(b"old")
    peer.rule("SFTP.put", "disk-full")
    with pytest.raises(RemoteError, match=r"disk|took 0 of") as met:
        session.put(io.BytesIO(DATA), f"{windows}\\x")
    assert has_no_room(met.value)
    assert not peer.unmet()
    peer.clear_rules()
    assert [one.read_bytes() for one in place.iterdir()] == [b"old"]
    session.close()
