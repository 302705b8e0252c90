"""VMware's guest operations as a way in: what a guest takes a while for, forgets, or refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.errors import GuestError, GuestSilent, Refused
from golden.guest.communicator import Communicator, Exit, LineLost
from golden.model import Machine, Mark, Origin, Role
from golden.provider import Hypervisor, Scope
from golden.waiting import Deadline, Waiting
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.world import Times

pytestmark = pytest.mark.slow

MARK = Mark(Role.CLONE, "job-1", "win2022", "here")
TEMP = "C:\\Windows\\Temp"
EXECUTE = "VirtualMachine.GuestOperations.Execute"
CMD = "C:\\Windows\\System32\\cmd.exe"


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A vCenter whose Tools forget exit codes after half a second."""
    with vcenter(tmp_path_factory.mktemp("guest") / "vcenter", times=Times(exit_code=0.5)) as peer:
        yield peer


@pytest.fixture(scope="module")
def running(forgetful: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hypervisor, Machine]]:
    """A running machine of golden's."""
    folder = tmp_path_factory.mktemp("golden")
    hypervisor = PROVIDER.open(endpoint(forgetful, folder / "secrets"), Scope("job-1", folder / "state"))
    seeded = forgetful.seed("windows")
    machine = hypervisor.adopt("base", Origin("machine", seeded.name), MARK, in_place=False)
    yield hypervisor, hypervisor.start(machine)
    hypervisor.destroy(machine)
    hypervisor.close()


@pytest.fixture
def line(forgetful: Peer, running: tuple[Hypervisor, Machine]) -> Iterator[Communicator]:
    """Into its guest, which answers."""
    forgetful.world.rules.clear()
    line = running[0].communicator(running[1])
    line.ready(Deadline(30))
    yield line
    forgetful.world.rules.clear()
    line.close()


def ended(line: Communicator, pid: int) -> Exit:
    """What a program came to."""
    return Waiting(Deadline(30), tick=0.05).until("a program to end", lambda: line.poll(pid))


def test_an_environment_is_added_to_the_guests_own(line: Communicator) -> None:
    """VMware would replace it; a program without TEMP and SystemRoot is of no use."""
    path = f"{TEMP}\\said.txt"
    argv = (CMD, "/d", "/c", f"echo %GOLDEN_X% %SystemRoot%> {path}")
    assert ended(line, line.start(argv, env={"GOLDEN_X": "here"})) == Exit(0)
    assert (line.read(path, 0, 100) or b"").split() == [b"here", b"C:\\Windows"]


def test_a_program_starts_in_the_folder_it_is_given(line: Communicator) -> None:
    """And a folder that is not there is the guest's refusal."""
    assert ended(line, line.start((CMD, "/d", "/c", "echo here> said-here.txt"), cwd=TEMP)) == Exit(0)
    assert line.read(f"{TEMP}\\said-here.txt", 0, 10) is not None
    with pytest.raises(GuestError, match="refused"):
        line.start((CMD, "/d", "/c", "exit"), cwd="C:\\no\\such\\folder")


def test_an_exit_code_that_is_forgotten_is_no_loss(line: Communicator) -> None:
    """The number is unknown then, and so is the code; the session reads it from a file of its own."""
    pid = line.start((CMD, "/d", "/c", "exit", "3"))
    assert ended(line, pid).code in (3, None)
    Waiting(Deadline(10)).until("Tools to forget it", lambda: line.poll(pid) == Exit(None))


def test_tools_that_are_not_quite_there_are_waited_for(forgetful: Peer, line: Communicator) -> None:
    """guestOperationsReady is true and the first calls are refused all the same."""
    forgetful.rule("ValidateCredentialsInGuest", "fault", kind="GuestOperationsUnavailable", times=2)
    line.ready(Deadline(30))
    assert forgetful.world.rules.unmet() == []


def test_tools_that_never_take_orders_are_silent(forgetful: Peer, line: Communicator) -> None:
    """Within the time that was given, and not as a traceback."""
    forgetful.rule("ValidateCredentialsInGuest", "fault", kind="GuestOperationsUnavailable", times=0)
    begun = time.monotonic()
    with pytest.raises(GuestSilent, match="takes no orders"):
        line.ready(Deadline(1))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("fault", "detail", "kind"),
    [
        ("OperationDisabledByGuest", {}, GuestError),
        ("GuestPermissionDenied", {}, GuestError),
        ("NoPermission", {"object": ("VirtualMachine", "vm-1"), "privilegeId": EXECUTE}, Refused),
        ("InvalidGuestLogin", {}, Refused),
        ("GuestOperationsUnavailable", {}, LineLost),
    ],
)  # fmt: skip
def test_what_refuses_a_program_is_told_apart(
    forgetful: Peer, line: Communicator, fault: str, detail: dict[str, object], kind: type[Exception]
) -> None:
    """The guest's word, vCenter's rights, the account, and what may pass by itself."""
    forgetful.rule("StartProgramInGuest", "fault", kind=fault, detail=detail)
    with pytest.raises(kind) as caught:
        line.start((CMD, "/d", "/c", "exit"))
    assert type(caught.value) is kind


def test_a_large_file_goes_in_pieces_with_their_hashes(forgetful: Peer, line: Communicator, tmp_path: Path) -> None:
    """Two chunks and a rest arrive whole; each piece but the first costs one program."""
    data = bytes(range(251)) * ((2 * line.traits.chunk + 1000) // 251)
    path, size = f"{TEMP}\\large", line.traits.chunk
    programs = len(forgetful.requests("StartProgramInGuest"))
    for start in range(0, len(data), size):
        line.write(path, start, data[start : start + size])
    assert len(forgetful.requests("StartProgramInGuest")) - programs == 2
    back, transfers = b"", len(forgetful.requests("InitiateFileTransferFromGuest"))
    while piece := line.read(path, len(back), size):
        back += piece
    assert back == data
    assert len(forgetful.requests("InitiateFileTransferFromGuest")) - transfers <= 2
