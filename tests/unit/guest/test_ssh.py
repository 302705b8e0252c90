"""The SSH way in, against a real OpenSSH server on loopback."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from golden.errors import BadConfig, GuestError, GuestSilent, NotAble, NotFound, Refused
from golden.guest.communicator import Exit, LineLost
from golden.guest.session import Session
from golden.guest.ssh import SshAddress, SshCommunicator, far_shell
from golden.linux.dialect import SCRIPTS, LinuxDialect, encode_lines
from golden.waiting import Deadline, Waiting
from tests.unit.guest.sshd import SSHD, Line, Sshd, free_port, make_key

pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="needs Debian's openssh-server"),
    pytest.mark.xdist_group("ssh"),  # They share an account, and with it the folder that golden keeps there.
]

POSIX = far_shell("posix", SCRIPTS / "start.sh", encode_lines)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One server for all tests here; what golden kept in the account's home is taken away again."""
    kept = Path.home() / ".golden"
    was_there = kept.exists()
    sshd = Sshd(tmp_path_factory.mktemp("sshd") / "server", free_port()).configure().start()
    yield sshd
    sshd.stop()
    if not was_there:
        shutil.rmtree(kept, ignore_errors=True)


@pytest.fixture
def line(server: Sshd) -> Iterator[Line]:
    """A line to the server that can be cut."""
    made = Line(server.port)
    server.know(server.folder / "known_hosts", made.port)
    yield made
    made.close()


@pytest.fixture
def address(server: Sshd, line: Line) -> SshAddress:
    return SshAddress(
        host="127.0.0.1",
        user=server.user,
        known_hosts=server.folder / "known_hosts",
        port=line.port,
        key_file=server.folder / "user_key",
    )


@pytest.fixture
def ssh(address: SshAddress) -> Iterator[SshCommunicator]:
    communicator = SshCommunicator(address, POSIX)
    communicator.ready(Deadline(20))
    yield communicator
    communicator.close()


def ended(ssh: SshCommunicator, pid: int) -> Exit:
    return Waiting(Deadline(20), tick=0.05).until("the program to end", lambda: ssh.poll(pid))


def sh(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def test_a_started_program_ends_with_its_code(ssh: SshCommunicator) -> None:
    """poll says None while a program runs and its exit code afterwards, as often as it is asked."""
    pid = ssh.start(sh("sleep 0.5; exit 7"))
    assert ssh.poll(pid) is None
    assert ended(ssh, pid) == Exit(7)
    assert ssh.poll(pid) == Exit(7)


def test_arguments_environment_and_folder_arrive_as_given(ssh: SshCommunicator, tmp_path: Path) -> None:
    """No character of an argument, of a variable's value or of the folder's name means anything to a shell."""
    folder = tmp_path / "it's a $(folder)"
    folder.mkdir()
    words = ("", "a b", "it's", '"', "$HOME", "`id`", "\\", "new\nline\n", "*", "--", ";&|<>!", "grün")
    pid = ssh.start((*sh('printf "%s\\0" "$@" "$VALUE" >out'), "sh", *words), env={"VALUE": "x'y\n"}, cwd=str(folder))
    assert ended(ssh, pid) == Exit(0)
    assert (folder / "out").read_text().split("\0")[:-1] == [*words, "x'y\n"]


def test_a_missing_program_is_an_exit_code(ssh: SshCommunicator) -> None:
    """A program that is not there gives what sh gives, 127."""
    assert ended(ssh, ssh.start(("/no/such/program",))) == Exit(127)


def test_a_number_nobody_knows_is_forgotten(ssh: SshCommunicator) -> None:
    """A number that this boot of the guest never gave out has ended with an unknown code."""
    assert ssh.poll(4_000_000) == Exit(None)


def test_a_killed_program_has_ended(ssh: SshCommunicator, tmp_path: Path) -> None:
    """A program whose whole session is killed leaves no code and does not look as if it ran for ever."""
    pid = ssh.start(sh("sleep 60"))
    os.killpg(pid, 9)
    assert ended(ssh, pid) == Exit(None)


def test_a_program_goes_on_when_the_line_is_lost(ssh: SshCommunicator, line: Line, tmp_path: Path) -> None:
    """A program outlives the line it was started on, and another connection finds its exit code."""
    pid = ssh.start(sh(f"sleep 1; echo done >'{tmp_path}/out'; exit 9"))
    line.cut()
    ssh.close()
    other = SshCommunicator(ssh.address, POSIX)
    other.ready(Deadline(10))
    assert ended(other, pid) == Exit(9)
    assert (tmp_path / "out").read_text() == "done\n"
    other.close()


def test_a_start_on_a_breaking_line_is_a_lost_line(ssh: SshCommunicator, line: Line) -> None:
    """Wherever the line breaks while a program is being started: the line is lost, or there is a number."""
    for after in range(200, 3400, 400):
        while True:
            try:
                ssh.ready(Deadline(10))
                break
            except LineLost:
                continue
        line.breaks_after = after
        try:
            assert ssh.start(sh("exit 0")) > 0
        except LineLost:
            continue
        finally:
            line.breaks_after = None


def test_the_next_call_finds_the_line_again(ssh: SshCommunicator, line: Line, tmp_path: Path) -> None:
    """After a lost line the next call connects again by itself."""
    (tmp_path / "file").write_bytes(b"here")
    line.cut()
    for _ in range(2):
        try:
            assert ssh.read(str(tmp_path / "file"), 0, 100) == b"here"
            break
        except LineLost:
            continue
    else:
        pytest.fail("the line did not come back")


def test_reading_pieces(ssh: SshCommunicator, tmp_path: Path) -> None:
    """read gives at most what was asked for, nothing at the end, and None where there is no file."""
    (tmp_path / "file").write_bytes(b"0123456789")
    path = str(tmp_path / "file")
    assert ssh.read(path, 0, 4) == b"0123"
    assert ssh.read(path, 8, 100) == b"89"
    assert ssh.read(path, 10, 100) == b""
    assert ssh.read(path, 99, 100) == b""
    assert ssh.read(f"{path}.not", 0, 1) is None
    assert ssh.read("/proc/sys/kernel/random/boot_id", 0, 100) == Path("/proc/sys/kernel/random/boot_id").read_bytes()


def test_writing_pieces(ssh: SshCommunicator, tmp_path: Path) -> None:
    """write at 0 makes the file anew; elsewhere it leaves the rest alone."""
    path = str(tmp_path / "it's a file")
    ssh.write(path, 0, b"0123456789")
    ssh.write(path, 4, b"XX")
    assert Path(path).read_bytes() == b"0123XX6789"
    ssh.write(path, 0, b"new")
    assert Path(path).read_bytes() == b"new"
    ssh.write(path, 0, b"")
    assert Path(path).read_bytes() == b""


def test_what_the_guest_refuses_is_said(ssh: SshCommunicator, tmp_path: Path) -> None:
    """A folder that is not there, or one in place of a file, is an error that names the path."""
    with pytest.raises(GuestError, match="no/such"):
        ssh.write(str(tmp_path / "no" / "such"), 0, b"x")
    with pytest.raises(GuestError, match=tmp_path.name):
        ssh.write(str(tmp_path), 0, b"x")


def test_an_unknown_host_key_is_refused_with_what_to_type(address: SshAddress, tmp_path: Path) -> None:
    """A server that the file does not know is Refused at once, with its fingerprint and the command."""
    (tmp_path / "empty").touch()
    ssh = SshCommunicator(dataclasses.replace(address, known_hosts=tmp_path / "empty"), POSIX)
    with pytest.raises(Refused, match="host key") as caught:
        ssh.ready(Deadline(20))
    assert "SHA256:" in str(caught.value.details)
    assert f"ssh-keyscan -p {address.port} 127.0.0.1 >> {tmp_path}/empty" in str(caught.value.hint)
    assert (tmp_path / "empty").read_bytes() == b"", "golden never adds to the file"


def test_a_changed_host_key_is_refused(address: SshAddress, server: Sshd, tmp_path: Path) -> None:
    """A server with another key than the known one is Refused at once, with both fingerprints."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    (tmp_path / "known").write_text(f"[127.0.0.1]:{address.port} {other}\n")
    ssh = SshCommunicator(dataclasses.replace(address, known_hosts=tmp_path / "known"), POSIX)
    started = time.monotonic()
    with pytest.raises(Refused, match="not the one") as caught:
        ssh.ready(Deadline(20))
    assert str(caught.value.details).count("SHA256:") == 2
    assert "ssh-keygen -R" in str(caught.value.hint)
    assert time.monotonic() - started < 5


def test_a_wrong_key_is_refused_at_once(address: SshAddress, tmp_path: Path) -> None:
    """A login that is refused is not tried until the deadline."""
    ssh = SshCommunicator(dataclasses.replace(address, key_file=make_key(tmp_path / "stranger")), POSIX)
    started = time.monotonic()
    with pytest.raises(Refused, match="login"):
        ssh.ready(Deadline(30))
    assert time.monotonic() - started < 10


def test_missing_and_broken_files_are_named(address: SshAddress, tmp_path: Path) -> None:
    """A missing known_hosts or key file, and a key file that is none, are errors that name the file."""
    (tmp_path / "junk").write_text("not a key")
    for change, error in (
        ({"known_hosts": tmp_path / "nowhere"}, NotFound),
        ({"key_file": tmp_path / "nowhere"}, NotFound),
        ({"key_file": tmp_path / "junk"}, BadConfig),
        ({"key_file": None}, (BadConfig, Refused)),
    ):
        with pytest.raises(error) as caught:
            SshCommunicator(dataclasses.replace(address, **change), POSIX).ready(Deadline(20))
        assert str(caught.value)


def test_a_closed_port_is_waited_for_and_then_named(address: SshAddress) -> None:
    """Nobody listening is normal until the deadline, and then GuestSilent with the last reason."""
    ssh = SshCommunicator(dataclasses.replace(address, port=free_port()), POSIX)
    with pytest.raises(GuestSilent, match="no login") as caught:
        ssh.ready(Deadline(1.5))
    assert "does not answer" in str(caught.value.details)


def test_a_server_that_starts_late_is_found(address: SshAddress, tmp_path: Path) -> None:
    """A guest that still boots is waited for."""
    import threading

    late = Sshd(tmp_path / "late", free_port()).configure()
    ssh = SshCommunicator(
        SshAddress("127.0.0.1", late.user, late.folder / "known_hosts", late.port, late.folder / "user_key"), POSIX
    )
    timer = threading.Timer(1.0, late.start)
    timer.start()
    try:
        ssh.ready(Deadline(20))
    finally:
        timer.join()
        ssh.close()
        late.stop()


def test_a_windows_shell_is_refused_clearly() -> None:
    """Windows' OpenSSH quotes otherwise; golden says so instead of guessing."""
    with pytest.raises(NotAble, match="powershell"):
        far_shell("powershell", SCRIPTS / "start.sh", encode_lines)


def test_secrets_are_not_shown(address: SshAddress) -> None:
    """Neither password nor passphrase can be seen in a representation."""
    shown = repr(dataclasses.replace(address, password="hunter2", passphrase="opensesame"))
    assert "hunter2" not in shown
    assert "opensesame" not in shown


def test_what_an_earlier_boot_left_is_cleared(address: SshAddress) -> None:
    """Records of programs that a restart ended are taken away by the next connection."""
    earlier = Path.home() / ".golden" / "00000000-0000-0000-0000-000000000000"
    earlier.mkdir(parents=True)
    (earlier / "7.started").touch()
    ssh = SshCommunicator(address, POSIX)
    ssh.ready(Deadline(10))
    assert not earlier.exists()
    ssh.close()


def test_an_encrypted_key_needs_its_passphrase(address: SshAddress, server: Sshd, tmp_path: Path) -> None:
    """A key with a passphrase logs in with it, and without it the file is named."""
    locked = tmp_path / "locked"
    shutil.copy(server.folder / "user_key", locked)
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(locked)], check=True)
    with pytest.raises(BadConfig, match="locked"):
        SshCommunicator(dataclasses.replace(address, key_file=locked), POSIX).ready(Deadline(10))
    ssh = SshCommunicator(dataclasses.replace(address, key_file=locked, passphrase="open sesame"), POSIX)
    ssh.ready(Deadline(10))
    ssh.close()


def test_nothing_stays_in_the_account_when_all_has_ended(address: SshAddress) -> None:
    """Closing takes away what golden kept for programs whose end was told; a running one keeps its record."""
    ssh = SshCommunicator(address, POSIX)
    quick, slow = ssh.start(sh("true")), ssh.start(sh("sleep 1; exit 2"))
    ended(ssh, quick)
    ssh.close()
    kept = {path.name for path in (Path.home() / ".golden").glob("*/*/*")}
    assert f"{slow}.started" in kept
    assert f"{quick}.code" not in kept
    assert ended(ssh, slow) == Exit(2)


def test_lines_of_one_account_do_not_disturb_each_other(address: SshAddress) -> None:
    """Lines open and end while others start programs: each program is started, polled and ended as if alone."""

    def one(number: int) -> list[Exit]:
        found = []
        for _ in range(8):
            line = SshCommunicator(address, POSIX)
            found.append(ended(line, line.start(sh(f"exit {number}"))))
            line.close()
        return found

    with ThreadPoolExecutor(3) as many:
        assert list(many.map(one, range(3))) == [[Exit(number)] * 8 for number in range(3)]


def opened(ssh: SshCommunicator, tmp_path: Path) -> Session:
    dialect = LinuxDialect(str(tmp_path / "work"))
    return Session(ssh, dialect, "job1", logs=tmp_path / "logs").open(Deadline(20))


def test_a_session_works_over_ssh(ssh: SshCommunicator, tmp_path: Path) -> None:
    """Everything built on the waist works over SSH: exit code, outputs, boot mark."""
    session = opened(ssh, tmp_path)
    ran = session.run(sh("echo out; echo err >&2; exit 3"), "talking", Deadline(20))
    assert (ran.code, ran.out, ran.err) == (3, "out\n", "err\n")
    assert session.boot_mark(Deadline(20)) == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    session.close(Deadline(20))
    assert not Path(session.folder).exists()


def test_ten_megabytes_go_both_ways_through_a_line_that_breaks(
    ssh: SshCommunicator, line: Line, tmp_path: Path
) -> None:
    """A 10 MB file arrives whole and comes back whole although the line breaks in the middle of each way."""
    session = opened(ssh, tmp_path)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(10_000_000))
    line.breaks_after = 4_000_000
    digest = session.push(source, f"{session.folder}/target", Deadline(60))
    assert line.broken == 1
    assert digest == hashlib.sha256((tmp_path / "work/job1/target").read_bytes()).hexdigest()
    line.breaks_after = 4_000_000
    assert session.pull(f"{session.folder}/target", tmp_path / "back", Deadline(60))
    assert line.broken == 2
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
