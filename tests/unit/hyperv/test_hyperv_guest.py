"""PowerShell Direct as a way into a guest: files and programs, by the host's service or without it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.errors import GuestError
from golden.guest.communicator import Communicator, LineLost
from golden.model import Machine, Mark, Origin, Role
from golden.provider import Hypervisor, Scope
from golden.waiting import Deadline, Waiting
from golden_hyperv import PROVIDER
from golden_hyperv.guest import BLIND
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv guest")]

MARK = Mark(Role.CLONE, "job-1", "win2022", "here")
FOLDER = "C:\\Windows\\Temp"


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A host whose services have German names."""
    with Peer(tmp_path_factory.mktemp("guest") / "host", language="de-DE", openssh=False) as peer:
        peer.seed("origin")
        yield peer


@pytest.fixture(scope="module")
def hypervisor(german: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hypervisor]:
    """A connection to it."""
    folder = tmp_path_factory.mktemp("state")
    one = PROVIDER.open(endpoint(german, folder / "secrets"), Scope("job-1", folder))
    yield one
    one.close()


@pytest.fixture(scope="module")
def machine(hypervisor: Hypervisor) -> Machine:
    """One that is on."""
    return hypervisor.start(hypervisor.adopt("guest", Origin("machine", "origin"), MARK, in_place=False))


@pytest.fixture
def line(german: Peer, hypervisor: Hypervisor, machine: Machine) -> Communicator:
    """A new line into it."""
    german.clear_rules()
    one = hypervisor.communicator(machine)
    one.ready(Deadline(60))
    return one


def test_a_large_piece_goes_by_the_hosts_own_service(german: Peer, line: Communicator) -> None:
    """At any offset, found by id in any language; nothing is left on the host or in the guest."""
    data, path = os.urandom(1 << 20), f"{FOLDER}\\large"
    copies = len(german.requests("Copy-VMFile"))
    line.write(path, 0, data)
    line.write(path, len(data), data[:300_000])
    assert line.read(path, 0, 2 << 20) == data + data[:300_000]
    assert len(german.requests("Copy-VMFile")) - copies == 2
    left = [one.name for one in german.drive("C:\\golden\\machines\\guest").iterdir()]
    assert not [name for name in left if name.endswith(".piece")]
    assert line.read(f"{path}.golden", 0, 1) is None


def test_where_the_host_has_openssh_large_pieces_go_over_it(tmp_path: Path) -> None:
    """Of an endpoint over WSMan, too, where golden.toml says so."""
    with Peer(tmp_path / "host") as peer:
        peer.seed("origin")
        told = {"ssh_port": str(peer.ssh_port), "ssh_user": peer.ssh_user, "ssh_key_file": str(peer.ssh_key)}
        reached = endpoint(peer, tmp_path / "secrets", ssh_known_hosts_file=str(peer.known_hosts), **told)
        one = PROVIDER.open(reached, Scope("job-1", tmp_path))
        machine = one.start(one.adopt("guest", Origin("machine", "origin"), MARK, in_place=False))
        line = one.communicator(machine)
        line.ready(Deadline(60))
        data = os.urandom(1 << 20)
        peer.rule("SFTP.put", "delay", named="guest")
        line.write(f"{FOLDER}\\large", 0, data)
        assert line.read(f"{FOLDER}\\large", 0, 2 << 20) == data
        assert peer.unmet() == []
        one.close()


def test_without_the_service_it_goes_in_the_call(german: Peer, line: Communicator) -> None:
    """Slower, and the same bytes."""
    german.rule("Copy-VMFile", "error", text="Der Dienst antwortet nicht.", times=0)
    data, path = os.urandom(400_000), f"{FOLDER}\\slow"
    line.write(path, 0, data)
    line.write(path, len(data), data)
    assert line.read(path, 0, 1 << 20) == data * 2


def test_a_service_that_is_off_is_not_tried(german: Peer, hypervisor: Hypervisor, machine: Machine) -> None:
    """It is asked for by its id."""
    (vm,) = (one for one in german.world.machines() if one["name"] == "guest")
    german.world.change(
        vm["id"], services=dict.fromkeys(vm["services"], False) | {"84eaae65-2f2e-45f5-9bb5-0e857dc8eb47": True}
    )
    copies = len(german.requests("Copy-VMFile"))
    line = hypervisor.communicator(machine)
    data = os.urandom(200_000)
    line.write(f"{FOLDER}\\off", 0, data)
    assert line.read(f"{FOLDER}\\off", 0, 1 << 20) == data
    assert len(german.requests("Copy-VMFile")) == copies
    german.world.change(vm["id"], services=vm["services"])


def test_a_broken_session_is_a_lost_line_and_then_none(german: Peer, line: Communicator) -> None:
    """The next call has a new session."""
    path = f"{FOLDER}\\again"
    line.write(path, 0, b"before")
    german.rule("Invoke-Command", "drop-after")
    with pytest.raises(LineLost):
        line.write(path, 0, b"after")
    line.ready(Deadline(60))
    assert line.read(path, 0, 100) == b"after"


def test_what_a_broken_transfer_left_on_the_host_is_taken_away(german: Peer, line: Communicator) -> None:
    """The session goes before the piece has its name; the machine's folder holds its own files alone again."""
    folder = german.drive("C:\\golden\\machines\\guest")
    before = sorted(one.name for one in folder.iterdir())
    german.rule("Get-FileHash", "drop-before", named=r"\.part$")
    with pytest.raises(LineLost):
        line.write(f"{FOLDER}\\broken", 0, os.urandom(1 << 20))
    assert not german.unmet()
    assert sorted(one.name for one in folder.iterdir()) == before


@pytest.mark.parametrize("then", ["large", "small"])
def test_a_piece_whose_arrival_was_not_told_is_taken_away(german: Peer, line: Communicator, then: str) -> None:
    """It lies beside its file in the guest; whatever is written there next sweeps it."""
    path = f"{FOLDER}\\untold-{then}"
    german.rule("Copy-VMFile", "drop-after")
    with pytest.raises(LineLost):
        line.write(path, 0, os.urandom(1 << 20))
    assert not german.unmet()
    (vm,) = (one for one in german.world.machines() if one["name"] == "guest")
    folder = german.guest(vm["id"]) / "Windows/Temp"
    assert [one for one in folder.iterdir() if one.name.startswith(f"untold-{then}.golden-")]
    data = os.urandom(1 << 20 if then == "large" else 1000)
    line.write(path, 0, data)
    assert line.read(path, 0, 2 << 20) == data
    assert [one.name for one in folder.iterdir() if one.name.startswith(f"untold-{then}")] == [f"untold-{then}"]


def test_arguments_go_as_they_are(line: Communicator) -> None:
    """Quotes, spaces and what a shell would take for its own; none is one."""
    path = f"{FOLDER}\\v1'; Remove-Item $(calc) \u00e9\u2019"
    line.write(path, 0, b"hostile")
    assert line.read(path, 0, 100) == b"hostile"
    pid = line.start(("cmd.exe", "/d", "/c", "exit", "3"))
    ended = Waiting(Deadline(60)).until("the program to end", lambda: line.poll(pid))
    assert ended.code is None
    with pytest.raises(GuestError, match="cannot start"):
        line.start(("C:\\no such folder\\program.exe",))


@pytest.mark.thorough
def test_without_a_heartbeat_the_guest_is_tried_now_and_then(
    german: Peer, hypervisor: Hypervisor, machine: Machine
) -> None:
    """Its service may be off: golden logs in blindly, rarely enough that no account is locked."""
    (vm,) = (one for one in german.world.machines() if one["name"] == "guest")
    off = {**vm["services"], "84eaae65-2f2e-45f5-9bb5-0e857dc8eb47": False}
    german.world.change(vm["id"], services=off)
    line, before = hypervisor.communicator(machine), len(german.requests("Invoke-Command"))
    begun = time.monotonic()
    line.ready(Deadline(120))
    assert BLIND - 1 <= time.monotonic() - begun <= BLIND + 20
    assert len(german.requests("Invoke-Command")) - before == 1
    german.world.change(vm["id"], services=vm["services"])


def test_no_password_is_written_anywhere(german: Peer, line: Communicator, tmp_path: Path) -> None:
    """Neither the host's nor the guest's, in the host's logs."""
    for path in german.folder.glob("*.log*"):
        text = path.read_bytes()
        assert german.password.encode() not in text and german.guest_password.encode() not in text
    assert german.guest_password.encode() not in (german.folder / "requests.jsonl").read_bytes()
    assert german.guest_password not in repr(line)
