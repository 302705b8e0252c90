"""The WinRM way in, against a guest's WinRM that speaks real WSMan, TLS, NTLM and PowerShell remoting."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from golden.app.ways_in import direct
from golden.errors import BadConfig, GuestError, GuestSilent, Refused
from golden.guest.communicator import Exit, LineLost
from golden.guest.session import Session
from golden.guest.winrm import WinrmAddress, WinrmCommunicator
from golden.guest.winrm_line import Line as PowerShellLine
from golden.settings import load
from golden.waiting import Deadline, Waiting
from golden.windows.dialect import SCRIPTS, WindowsDialect
from golden.windows.winrm import windows_over_winrm
from tests.peers.hyperv.client import connected
from tests.peers.hyperv.guest_winrm import GuestWinrm
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.test_machines import ready
from tests.peers.vsphere.certificates import Authority
from tests.unit.guest.sshd import Line, free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("winrm")]

TEMP = "C:\\Windows\\Temp"
HOSTILE = "v1'; Remove-Item C_ -Recurse # $(calc) \u00e9\u2019 `n %TEMP% ${x} & ^"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A hypervisor with one guest that runs."""
    with Peer(tmp_path_factory.mktemp("winrm") / "host", openssh=False) as made:
        yield made


@pytest.fixture(scope="module")
def guest(peer: Peer) -> str:
    """The guest's machine."""
    made = peer.seed("guest")
    with connected(peer) as run:
        assert not run("Start-VM", Name="guest").errors
    ready(peer, made.id)
    return made.id


@pytest.fixture(scope="module")
def server(peer: Peer, guest: str) -> Iterator[GuestWinrm]:
    """Its WinRM."""
    with GuestWinrm(peer, guest) as made:
        yield made


@pytest.fixture
def address(peer: Peer, server: GuestWinrm) -> WinrmAddress:
    return WinrmAddress(server.host, peer.guest_user, peer.guest_password, server.port, ca_file=peer.ca)


@pytest.fixture
def plain(address: WinrmAddress, server: GuestWinrm) -> WinrmAddress:
    """By HTTP."""
    return dataclasses.replace(address, port=server.http_port, tls=False, ca_file=None)


@pytest.fixture
def winrm(address: WinrmAddress) -> Iterator[WinrmCommunicator]:
    made = windows_over_winrm(address)
    made.ready(Deadline(20))
    yield made
    made.close()


def ended(winrm: WinrmCommunicator, pid: int) -> Exit:
    return Waiting(Deadline(20), tick=0.05).until("the program to end", lambda: winrm.poll(pid))


def cmd(*words: str) -> tuple[str, ...]:
    return ("C:\\Windows\\System32\\cmd.exe", "/d", "/c", *words)


def test_a_program_is_started_and_its_end_is_seen(winrm: WinrmCommunicator, peer: Peer, guest: str) -> None:
    """Its number is the guest's; afterwards Windows knows it no more, as a number that nobody gave out."""
    pid = winrm.start(cmd("echo", "done>", f"{TEMP}\\out.txt"))
    assert pid in [each["pid"] for each in peer.world.guest_processes(guest)]
    assert ended(winrm, pid) == Exit(None)
    assert winrm.read(f"{TEMP}\\out.txt", 0, 100) == b"done\r\n"
    assert winrm.poll(4_000_000) == Exit(None)


def test_arguments_environment_and_folder_arrive_as_given(winrm: WinrmCommunicator, peer: Peer, guest: str) -> None:
    """What a shell would take for its own is none: names travel as parameters, no text is made of them."""
    path = f"{TEMP}\\{HOSTILE}"
    winrm.write(path, 0, b"hostile")
    assert winrm.read(path, 0, 100) == b"hostile"
    assert (peer.guest(guest) / "Windows/Temp" / HOSTILE).read_bytes() == b"hostile"
    pid = winrm.start(cmd("exit", "3"), env={"V1": HOSTILE, "PATH": "C:\\own"}, cwd=TEMP)
    assert ended(winrm, pid) == Exit(None)
    given = peer.requests("New-CimInstance")[-1].given["Property"]
    assert f"V1={HOSTILE}, PATH=C:\\own, " in given
    assert "Path=C:\\Windows" not in given
    assert "SystemRoot=C:\\Windows" in given
    pid = winrm.start(("cmd.exe", "/d", "/c", "echo", HOSTILE))
    (line,) = [each["line"] for each in peer.world.guest_processes(guest) if each["pid"] == pid]
    assert HOSTILE in line


def test_reading_pieces(winrm: WinrmCommunicator) -> None:
    """From any place, beyond the end, and of no file at all; more than one piece holds is not given."""
    path, data = f"{TEMP}\\read.bin", os.urandom(3000)
    assert winrm.read(path, 0, 10) is None
    winrm.write(path, 0, data)
    assert winrm.read(path, 0, 5000) == data
    assert winrm.read(path, 1000, 500) == data[1000:1500]
    assert winrm.read(path, 3000, 10) == winrm.read(path, 1 << 33, 10) == b""


def test_writing_pieces(winrm: WinrmCommunicator) -> None:
    """At offset 0 the file is made anew; a whole piece of random bytes goes and comes as it is."""
    path, data = f"{TEMP}\\written.bin", os.urandom(winrm.traits.chunk)
    winrm.write(path, 0, b"x" * 100)
    winrm.write(path, 0, data)
    winrm.write(path, len(data), b"end")
    assert winrm.read(path, 0, len(data) + 9) == data
    assert winrm.read(path, len(data), 9) == b"end"
    winrm.write(path, 0, b"")
    assert winrm.read(path, 0, 9) == b""


def test_what_the_guest_refuses_is_said(winrm: WinrmCommunicator) -> None:
    """A program, a folder and a path that are not there; the line holds."""
    with pytest.raises(GuestError, match="no such program") as met:
        winrm.start(("C:\\none.exe",))
    assert "returned 9" in str(met.value.details)
    with pytest.raises(GuestError, match="the guest refused writing"):
        winrm.write("C:\\none\\file", 0, b"data")
    with pytest.raises(GuestError, match="the guest refused writing"):
        winrm.write("C:\\a\x01|b", 0, b"data")
    winrm.ready(Deadline(10))


def test_a_program_outlives_the_session_and_the_service(
    server: GuestWinrm, address: WinrmAddress, winrm: WinrmCommunicator, peer: Peer, guest: str
) -> None:
    """The service is killed with all its sessions; another line finds the program by its number."""
    pid = winrm.start(("C:\\Windows\\System32\\ping.exe", "-n", "30", "127.0.0.1"))
    server.kill()
    with pytest.raises(LineLost):
        winrm.poll(pid)
    server.start()
    other = windows_over_winrm(address)
    other.ready(Deadline(20))
    assert other.poll(pid) is None
    assert peer.world.guest_kill(guest, pid)
    assert ended(other, pid) == Exit(None)
    other.close()
    winrm.ready(Deadline(20))
    assert winrm.poll(pid) == Exit(None)


def test_the_next_call_finds_a_cut_line_again(address: WinrmAddress, server: GuestWinrm) -> None:
    """Wherever it breaks: the call is lost or done, and the next one is done."""
    line = Line(server.port)
    winrm = windows_over_winrm(dataclasses.replace(address, port=line.port))
    winrm.ready(Deadline(20))
    path, lost = f"{TEMP}\\cut", 0
    for after in (1, 600, 2500, 6000, 9000):
        line.breaks_after = after
        try:
            winrm.write(path, 0, b"first" * 400)
        except LineLost:
            lost += 1
        line.breaks_after = None
        winrm.ready(Deadline(20))
        winrm.write(path, 0, b"again")
        assert winrm.read(path, 0, 100) == b"again"
    assert lost >= 3
    winrm.close()
    line.close()


def test_an_answer_that_does_not_come_is_a_lost_line(peer: Peer, winrm: WinrmCommunicator) -> None:
    """Before the guest did it and after; the session that was left behind is taken away by the next one."""
    for do in ("drop-before", "drop-after"):
        deleted = len(peer.requests("WSMan.Delete"))
        peer.rule("WSMan.Command", do, named="administrator")
        with pytest.raises(LineLost):
            winrm.poll(4)
        winrm.ready(Deadline(20))
        assert len(peer.requests("WSMan.Delete")) - deleted == 1
    assert peer.unmet() == []


def test_a_guest_that_takes_too_long_is_a_lost_line(peer: Peer, address: WinrmAddress) -> None:
    """It is not waited for without end, and the next call is a new session."""
    line = PowerShellLine(address)
    asked = (SCRIPTS / "winrm_poll.ps1").read_text(), "asking for a process"
    peer.rule("Get-Process", "delay", seconds=3.0)
    begun = time.monotonic()
    with pytest.raises(LineLost, match="no answer within 1 s"):
        line.run(*asked, 1.0, {"Process": "4"})
    assert time.monotonic() - begun < 2.5
    assert not line.run(*asked, 20.0, {"Process": "4"})["Running"]
    line.close()
    assert peer.unmet() == []


def test_many_calls_need_one_session(peer: Peer, winrm: WinrmCommunicator) -> None:
    """Each of their commands is closed, so that the guest's quota of them is not used up; the end deletes it."""
    before = len(peer.requests("WSMan.Create"))
    closed = len(peer.requests("WSMan.Signal"))
    for _ in range(5):
        assert winrm.poll(4_000_000) == Exit(None)
    assert len(peer.requests("WSMan.Create")) == before
    assert len(peer.requests("WSMan.Signal")) - closed == 5
    deleted = len(peer.requests("WSMan.Delete"))
    winrm.close()
    assert len(peer.requests("WSMan.Delete")) - deleted == 1


def test_a_wrong_password_is_tried_once(server: GuestWinrm, address: WinrmAddress) -> None:
    """Refused at once, without the password in it; another line of this process does not knock with it again."""
    line = Line(server.port)
    wrong = dataclasses.replace(address, port=line.port, password="wr0ng-password")
    first = windows_over_winrm(wrong)
    with pytest.raises(Refused, match="refuses the login") as met:
        first.ready(Deadline(20))
    line.close()
    with pytest.raises(Refused, match="refuses the login") as again:
        windows_over_winrm(wrong).ready(Deadline(20))
    assert again.value.details == "it refused this password before"
    with pytest.raises(Refused):
        first.poll(4)
    assert "wr0ng" not in f"{met.value} {met.value.details} {met.value.hint} {wrong!r} {first.address}"


def test_only_a_certificate_that_somebody_vouches_for_is_believed(address: WinrmAddress, tmp_path: Path) -> None:
    """Another authority, the system's, another thumbprint; the right thumbprint needs no authority."""
    Authority.new(tmp_path / "other.pem", "another CA")
    for change in ({"ca_file": tmp_path / "other.pem"}, {"ca_file": None}):
        with pytest.raises(Refused, match="is not trusted") as met:
            windows_over_winrm(dataclasses.replace(address, **change)).ready(Deadline(20))
    shown = str(met.value.hint).partition('thumbprint = "')[2].rstrip('"')
    right = windows_over_winrm(dataclasses.replace(address, ca_file=None, thumbprint=shown))
    right.ready(Deadline(20))
    right.close()
    with pytest.raises(Refused, match=r"not the one in golden\.toml") as wrong:
        windows_over_winrm(dataclasses.replace(address, ca_file=None, thumbprint="0" * 64)).ready(Deadline(20))
    assert shown in str(wrong.value.details)


def test_a_file_that_holds_no_authority_is_said(address: WinrmAddress, tmp_path: Path) -> None:
    """It is not there, or is no PEM."""
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("none.pem", "empty.pem"):
        with pytest.raises(BadConfig, match="cannot be used"):
            windows_over_winrm(dataclasses.replace(address, ca_file=tmp_path / name)).ready(Deadline(20))


def test_tls_where_there_is_none(address: WinrmAddress, server: GuestWinrm) -> None:
    """The port of plain HTTP."""
    with pytest.raises(Refused, match="does not speak TLS"):
        windows_over_winrm(dataclasses.replace(address, port=server.http_port)).ready(Deadline(20))


class Tap(Line):
    """A line that keeps what goes over it."""

    def __init__(self, port: int) -> None:
        self.seen = bytearray()
        super().__init__(port)

    def _copy(self, source: object, target: object) -> None:
        tap = self

        class Kept:
            def recv(self, size: int) -> bytes:
                data: bytes = source.recv(size)  # type: ignore[attr-defined]
                tap.seen += data
                return data

            def close(self) -> None:
                source.close()  # type: ignore[attr-defined]

        super()._copy(Kept(), target)  # type: ignore[arg-type]


def test_over_http_everything_is_encrypted(plain: WinrmAddress) -> None:
    """Neither the password nor a word of what is said can be read on the wire."""
    tap = Tap(plain.port)
    winrm = windows_over_winrm(dataclasses.replace(plain, port=tap.port))
    winrm.ready(Deadline(20))
    winrm.write(f"{TEMP}\\secret", 0, b"a word that nobody reads")
    assert winrm.read(f"{TEMP}\\secret", 0, 100) == b"a word that nobody reads"
    winrm.close()
    tap.close()
    seen = bytes(tap.seen)
    assert b"multipart/encrypted" in seen
    assert b"Envelope" not in seen
    assert plain.password.encode() not in seen
    assert b"Basic" not in seen


def test_a_refused_login_is_one_login(plain: WinrmAddress) -> None:
    """Its two messages of Negotiate go over the wire, and no more."""
    tap = Tap(plain.port)
    winrm = windows_over_winrm(dataclasses.replace(plain, port=tap.port, password="wr0ng"))
    with pytest.raises(Refused, match="refuses the login"):
        winrm.ready(Deadline(20))
    tap.close()
    assert bytes(tap.seen).count(b"Authorization: Negotiate") == 2


class Open(BaseHTTPRequestHandler):
    """A server that answers without encryption, or that takes Basic alone."""

    protocol_version = "HTTP/1.1"
    asked: list[str] = []  # noqa: RUF012

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(self.headers.get("Authorization", ""))
        basic = getattr(self.server, "basic")  # noqa: B009
        body = b"" if basic else b"<html>hello</html>"
        self.send_response(401 if basic else 200)
        self.send_header("WWW-Authenticate", 'Basic realm="WSMAN"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(("basic", "said"), [(True, "no way to log in"), (False, "answers without encryption")])
def test_what_is_not_encrypted_is_refused(plain: WinrmAddress, basic: bool, said: str) -> None:
    """Basic is never answered, and an open answer is not believed."""
    Open.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Open)
    setattr(server, "basic", basic)  # noqa: B010
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with pytest.raises(Refused, match=said):
            windows_over_winrm(dataclasses.replace(plain, port=server.server_address[1])).ready(Deadline(20))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert Open.asked == [""]


def test_the_environments_proxy_is_not_asked(address: WinrmAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor its bundle of authorities."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/none.pem")
    winrm = windows_over_winrm(address)
    winrm.ready(Deadline(20))
    winrm.close()


def test_nobody_there_is_silence(address: WinrmAddress) -> None:
    """A closed port is waited for, and the reason is told."""
    winrm = windows_over_winrm(dataclasses.replace(address, port=free_port()))
    with pytest.raises(GuestSilent, match="no login over WinRM") as met:
        winrm.ready(Deadline(1.5))
    assert "refused" in str(met.value.details)


def test_a_guest_that_comes_up_is_waited_for(server: GuestWinrm, address: WinrmAddress) -> None:
    """Its service starts later than the wait."""
    server.kill()
    late = threading.Timer(1.0, server.start)
    late.start()
    winrm = windows_over_winrm(address)
    begun = time.monotonic()
    winrm.ready(Deadline(30))
    assert time.monotonic() - begun > 0.9
    late.join()
    winrm.close()


def test_a_session_over_it(address: WinrmAddress, tmp_path: Path, server: GuestWinrm) -> None:
    """Push and pull with their hash, a program with exit code and output, and a line that breaks under it."""
    line = Line(server.port)
    winrm = windows_over_winrm(dataclasses.replace(address, port=line.port))
    session = Session(winrm, WindowsDialect(), "winrm-job", logs=tmp_path / "logs").open(Deadline(60))
    there = tmp_path / "there.bin"
    there.write_bytes(os.urandom(1_500_000))
    target = f"{session.folder}\\there.bin"
    line.breaks_after = 900_000
    assert session.push(there, target, Deadline(60)) == hashlib.sha256(there.read_bytes()).hexdigest()
    assert line.broken == 1
    line.cut()
    assert session.pull(target, tmp_path / "back.bin", Deadline(60))
    assert (tmp_path / "back.bin").read_bytes() == there.read_bytes()
    script = f"{session.folder}\\own.cmd"
    winrm.write(script, 0, b"@echo off\r\necho hello\r\nexit /b 7\r\n")
    ran = session.run(session.dialect.interpreter(script), "a program", Deadline(60))
    assert (ran.code, ran.out.strip()) == (7, "hello")
    session.close(Deadline(60))
    line.close()


def test_a_guest_that_restarts(winrm: WinrmCommunicator, tmp_path: Path) -> None:
    """The line is lost with the guest and found again with it; another boot is proved by its mark."""
    session = Session(winrm, WindowsDialect(), "restart-job", logs=tmp_path / "logs").open(Deadline(60))
    mark = session.boot_mark(Deadline(60))
    session.restart(Deadline(60))
    assert session.boot_mark(Deadline(60)) != mark
    session.close(Deadline(60))


def test_as_golden_toml_says_it(
    server: GuestWinrm, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the words of [references.NAME.guest] to a guest that answers, over HTTPS and over HTTP."""
    monkeypatch.setenv("GUEST_PASSWORD", peer.guest_password)
    (tmp_path / "ca.pem").write_bytes(peer.ca.read_bytes())
    common = f'communicator = "winrm"\nhost = "127.0.0.1"\naccount = "{peer.guest_user}"\n'
    common += 'password_env = "GUEST_PASSWORD"\n'
    ways = (f'port = {server.port}\nca_file = "ca.pem"\n', f'port = {server.http_port}\nscheme = "http"\n')
    for way in ways:
        (tmp_path / "golden.toml").write_text(f"[references.win.guest]\n{common}{way}")
        settings = load(tmp_path)
        line = direct("win", settings.guests["win"], settings.base)
        line.ready(Deadline(20))
        assert line.read("C:\\Windows\\explorer.exe", 0, 10) is not None
        line.close()
