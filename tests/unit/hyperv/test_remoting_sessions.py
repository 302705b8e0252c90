"""Sessions with the host to test against, by each transport: pipelines, streams, errors, time-outs, losses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pypsrp.powershell import RunspacePool
from pypsrp.wsman import WSMan

from golden.errors import TimedOut
from golden.waiting import Deadline
from golden_hyperv.remoting import (
    Command,
    Credential,
    LinkLost,
    Progress,
    RemoteError,
    Secret,
    Session,
    SshLogin,
    Warned,
    WsmanLogin,
    open_session,
)
from golden_hyperv.remoting import shells as named
from golden_hyperv.remoting.events import Event, Information
from tests.peers.hyperv.peer import Peer
from tests.unit.guest.sshd import Line
from tests.unit.hyperv.test_remoting_values import HOSTILE

pytestmark = pytest.mark.slow

Open = Callable[[Peer], Session]


def by_https(peer: Peer, run: str = "job-1") -> Session:
    login = WsmanLogin(peer.host, peer.port, peer.user, Secret(peer.password), ca_file=str(peer.ca))
    return open_session(login, run=run)


def by_http(peer: Peer) -> Session:
    return open_session(WsmanLogin(peer.host, peer.http_port, peer.user, Secret(peer.password), tls=False))


def by_ssh(peer: Peer) -> Session:
    return open_session(
        SshLogin(peer.host, peer.ssh_port, peer.ssh_user, key_file=str(peer.ssh_key), known_hosts=str(peer.known_hosts))
    )


def told(value: object) -> Command:
    return Command("Write-Output", {"InputObject": value})


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Shared by what leaves it as it was."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "hv") as peer:
        yield peer


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Peer]:
    """For what ends it."""
    with Peer(tmp_path / "hv") as peer:
        yield peer


@pytest.fixture(scope="module", params=[by_https, by_http, by_ssh], ids=["https", "http", "ssh"])
def session(request: pytest.FixtureRequest, peer: Peer) -> Iterator[Session]:
    session = request.param(peer)
    yield session
    session.close()


def test_a_session_knows_its_host(session: Session) -> None:
    """Version, edition and Windows' build, without a further call."""
    expected = {"wsman": ((5, 1), "Desktop"), "ssh": ((7, 4), "Core")}[session.transport]
    assert (session.table.version[:2], session.table.edition) == expected
    assert "10.0." in session.table.os
    assert session.name.startswith("golden/")


def test_hostile_text_comes_back_as_it_was(session: Session) -> None:
    """A name is data, whatever it looks like."""
    assert session.invoke(told(HOSTILE)) == [HOSTILE]


def test_a_value_larger_than_many_envelopes_comes_back_as_it_was(session: Session) -> None:
    """It is cut into fragments on the way there and back."""
    text = "é-x" * 400_000
    assert session.invoke(told(text)) == [text]


def test_objects_flow_from_command_to_command(session: Session) -> None:
    """One pipeline: only what the last command gives comes back."""
    (found,) = session.invoke(
        Command("Get-Command", {"Name": ["Select-Object"]}),
        Command("Select-Object", {"Property": ["Name", "CommandType"]}),
    )
    assert dict(found) == {"Name": "Select-Object", "CommandType": "Cmdlet"}


def test_streams_come_while_the_pipeline_runs(session: Session) -> None:
    """In the order things happened, before it is over."""
    seen: list[tuple[Event, float]] = []
    begun = time.monotonic()
    for command in (
        Command("Write-Warning", {"Message": "careful"}),
        Command("Write-Information", {"MessageData": "by the way"}),
        Command("Write-Progress", {"Activity": "Copying", "Status": "half", "PercentComplete": 50}),
    ):
        session.invoke(
            command,
            Command("Start-Sleep", {"Milliseconds": 1}),
            watch=lambda event: seen.append((event, time.monotonic() - begun)),
        )
    assert [event for event, _ in seen] == [
        Warned("careful"),
        Information("by the way", seen[1][0].source),  # type: ignore[union-attr]
        Progress("Copying", "half", 50),
    ]


def test_an_error_keeps_what_it_is_told_apart_by(session: Session) -> None:
    """Its id, category, target and exception; no script text."""
    with pytest.raises(RemoteError) as met:
        session.invoke(Command("Get-Nothing"))
    assert met.value.is_a("CommandNotFoundException")
    assert met.value.category == "ObjectNotFound"
    assert met.value.target == "Get-Nothing"
    assert met.value.exception_type == "System.Management.Automation.CommandNotFoundException"


def test_an_error_that_ends_nothing_is_an_error_too(session: Session) -> None:
    """Nothing that failed on the host passes for done."""
    with pytest.raises(RemoteError, match="went wrong") as met:
        session.invoke(
            Command("Write-Error", {"Message": "it went wrong", "ErrorId": "Mine", "Category": "WriteError"})
        )
    assert met.value.is_a("Mine")
    assert met.value.category == "WriteError"
    assert not met.value.failures[0].terminating


def test_a_credential_arrives_and_comes_back_encrypted(session: Session) -> None:
    """The session key is exchanged by itself, once, when the first secret is sent."""
    secret = session.credential("DOM\\me", session.secret("p4ss-é-w0rd"))
    assert session.invoke(told(secret)) == [Credential("DOM\\me", Secret("p4ss-é-w0rd"))]
    assert session.invoke(told(secret)) == [secret]


def test_a_time_out_stops_the_pipeline_and_leaves_the_session_usable(session: Session, peer: Peer) -> None:
    """The host's command ends, not only our waiting for it."""
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        session.invoke(Command("Start-Sleep", {"Seconds": 60}), deadline=Deadline(1))
    assert time.monotonic() - begun < 10
    assert session.invoke(told("still here")) == ["still here"]
    (slept,) = peer.requests("Start-Sleep")[-1:]
    assert slept.seconds < 10


def test_what_cannot_be_sent_leaves_the_session_usable(session: Session) -> None:
    """Nothing was sent, nothing is half open."""
    with pytest.raises(TypeError):
        session.invoke(told(object()))
    with pytest.raises(ValueError, match="no parameter"):
        session.run("file_read", Path="x", Offset=0, Size=1, Sizes=2)
    with pytest.raises(ValueError, match="needs"):
        session.run("file_read", Path="x", Offset=0)
    with pytest.raises(ValueError, match="no script"):
        session.run("rm_rf")
    assert session.invoke(told(1)) == [1]


def test_a_watcher_that_fails_closes_the_pipeline(session: Session) -> None:
    """Whatever goes past it, the host's place is freed and the session goes on."""

    def fail(event: Event) -> None:
        raise ZeroDivisionError(str(event))

    with pytest.raises(ZeroDivisionError):
        session.invoke(Command("Write-Warning", {"Message": "x"}), Command("Start-Sleep", {"Seconds": 30}), watch=fail)
    assert session.invoke(told(1)) == [1]


def test_a_watcher_cannot_ask_its_own_session(session: Session) -> None:
    """It would wait for itself for ever."""
    with pytest.raises(RuntimeError, match="busy"):
        session.invoke(Command("Write-Warning", {"Message": "x"}), watch=lambda _: session.invoke(told(1)))
    assert session.invoke(told(1)) == [1]


def test_two_threads_take_turns(session: Session) -> None:
    """One session, one pipeline at a time."""
    got: list[list[object]] = []
    threads = [threading.Thread(target=lambda n=n: got.append(session.invoke(told(n)))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(got) == [[n] for n in range(6)]


@pytest.mark.parametrize("how", [by_https, by_http])
def test_every_pipeline_is_closed(peer: Peer, how: Open) -> None:
    """One that is not keeps one of the shell's thousand places."""
    session = how(peer)
    before = len(peer.requests("WSMan.Signal"))
    session.invoke(told(1))
    with pytest.raises(RemoteError):
        session.invoke(Command("Get-Nothing"))
    assert len(peer.requests("WSMan.Signal")) == before + 2
    session.close()


@pytest.mark.parametrize("how", [by_https, by_http])
def test_a_killed_service_is_a_lost_link_within_seconds(own: Peer, how: Open) -> None:
    """While a call waits, and for every later one at once; a new session finds the service when it is back."""
    session = how(own)
    threading.Timer(0.7, own.kill_server).start()
    begun = time.monotonic()
    with pytest.raises(LinkLost):
        session.invoke(Command("Start-Sleep", {"Seconds": 60}))
    assert time.monotonic() - begun < 5
    with pytest.raises(LinkLost):
        session.invoke(told(1))
    assert session.is_lost
    own.start_server()
    session.close()
    again = how(own)
    assert again.invoke(told(1)) == [1]
    again.close()


@pytest.mark.parametrize("do", ["drop-before", "drop-after"])
@pytest.mark.parametrize("how", [by_https, by_ssh])
def test_a_dropped_answer_is_a_lost_link(own: Peer, do: str, how: Open) -> None:
    """It is not asked again by itself: whether it was done is the caller's to find out."""
    session = how(own)
    own.rule("Write-Output", do)
    with pytest.raises(LinkLost):
        session.invoke(told(1))
    assert not own.unmet()
    session.close()


def test_a_server_of_ssh_that_ends_is_a_lost_link_within_seconds(own: Peer) -> None:
    """And nothing of the session stays behind on the host."""
    session = by_ssh(own)
    ending = threading.Timer(0.7, own.restart_ssh)
    ending.start()
    begun = time.monotonic()
    with pytest.raises(LinkLost):
        session.invoke(Command("Start-Sleep", {"Seconds": 60}))
    assert time.monotonic() - begun < 5
    with pytest.raises(LinkLost):
        session.invoke(told(1))
    session.close()
    ending.join()


def test_no_call_keeps_a_place_of_its_shell(own: Peer) -> None:
    """A shell has 1000 places for commands (MaxConcurrentCommandsPerShell), and a job makes more calls than that."""
    session = by_https(own)
    session.invoke(told(1))
    with pytest.raises(RemoteError):
        session.invoke(Command("Get-VM", {"Name": "nobody", "ErrorAction": "Stop"}))
    with pytest.raises(TimedOut):
        session.invoke(Command("Start-Sleep", {"Seconds": 60}), deadline=Deadline(0.5))
    line = WSMan(own.host, port=own.port, username=own.user, password=own.password, cert_validation=str(own.ca))
    with line:
        (shell,) = RunspacePool.get_runspace_pools(line)
        assert shell.pipelines == {}
    session.close()


@pytest.mark.parametrize(
    ("message", "code"), [("Receive", 995), ("Receive", 2150858843), ("Command", 2150858793), ("Command", 2150859230)]
)
def test_faults_that_end_a_session_are_a_lost_link(peer: Peer, message: str, code: int) -> None:
    """The shell was ended or forgotten, or the service does not take anything any more."""
    session = by_https(peer)
    peer.rule(f"WSMan.{message}", "fault", code=code, text="Nein.")
    with pytest.raises(LinkLost):
        session.invoke(told(1))
    assert not peer.unmet()
    peer.clear_rules()
    session.close()


def test_other_faults_are_errors_and_the_session_goes_on(peer: Peer) -> None:
    """Too many operations of this user, say: told by the fault's own number."""
    session = by_https(peer)
    peer.rule("WSMan.Command", "fault", code=2150859174, text="Nein.")
    with pytest.raises(RemoteError, match="Nein") as met:
        session.invoke(told(1))
    assert met.value.is_a("WSManFault,2150859174")
    peer.clear_rules()
    assert session.invoke(told(1)) == [1]
    session.close()


def test_a_line_that_broke_between_two_calls_is_made_anew(peer: Peer) -> None:
    """The shell is still there: servers close lines that nobody uses."""
    relay = Line(peer.port)
    login = WsmanLogin(peer.host, relay.port, peer.user, Secret(peer.password), ca_file=str(peer.ca))
    session = open_session(login)
    relay.cut()
    time.sleep(0.1)
    assert session.invoke(told(1)) == [1]
    session.close()
    relay.close()


def test_a_line_with_message_encryption_is_made_anew_after_a_minute(peer: Peer) -> None:
    """Its key dies with the connection; a new one is agreed on before the server closes the old one."""
    relay = Line(peer.http_port)
    session = open_session(WsmanLogin(peer.host, relay.port, peer.user, Secret(peer.password), tls=False))
    session._engine.transport.line._used -= 61  # type: ignore[attr-defined]
    relay.cut()
    time.sleep(0.1)
    assert session.invoke(told(1)) == [1]
    session.close()
    relay.close()


@pytest.mark.thorough
@pytest.mark.parametrize("how", [by_https, by_ssh])
def test_a_host_that_answers_nothing_any_more_is_a_lost_link(own: Peer, how: Open) -> None:
    """Its process hangs; the line stands."""
    session = how(own)
    assert own.server is not None
    hung = [own.server.process.pid] if how is by_https else _subsystems(own)
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    try:
        with pytest.raises(LinkLost):
            session.invoke(told(1))
        assert time.monotonic() - begun < 45
        session.close()
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)


def _subsystems(peer: Peer) -> list[int]:
    """Processes of the PSRP server behind sshd."""
    assert peer.ssh is not None
    assert peer.ssh.process is not None
    below = psutil.Process(peer.ssh.process.pid).children(recursive=True)
    return [one.pid for one in below if any("wire.stdio" in word for word in one.cmdline())]


def test_a_request_is_never_repeated_by_itself(own: Peer) -> None:
    """A command whose answer was lost would otherwise run twice."""
    session = by_https(own)
    own.rule("WSMan.Command", "drop-after", times=0)
    with pytest.raises(LinkLost):
        session.invoke(told("once"))
    time.sleep(0.3)
    assert len(own.requests("Write-Output")) <= 1
    session.close()


def test_shells_of_dead_processes_are_swept_and_living_ones_left(own: Peer) -> None:
    """Only golden's, only this machine's, only where the process that opened it is evidently gone."""
    living = by_https(own, "living")
    code = (
        "import sys; from golden_hyperv.remoting import *\n"
        "s = open_session(WsmanLogin(sys.argv[1], int(sys.argv[2]), sys.argv[3], Secret(sys.stdin.readline().strip()),"
        " ca_file=sys.argv[4]), run='dead')\n"
        "print('open', flush=True); sys.stdin.readline()"
    )
    argv = [sys.executable, "-c", code, own.host, str(own.port), own.user, str(own.ca)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as dead:
        assert dead.stdin is not None
        assert dead.stdout is not None
        dead.stdin.write(own.password + "\n")
        dead.stdin.flush()
        assert dead.stdout.readline() == "open\n"
        before = len(own.requests("WSMan.Delete"))
        by_https(own, "looks").close()
        assert len(own.requests("WSMan.Delete")) == before + 1  # Its own: the other one lives.
        dead.kill()
    before = len(own.requests("WSMan.Delete"))
    by_https(own, "sweeps").close()
    assert len(own.requests("WSMan.Delete")) == before + 2
    assert living.invoke(told(1)) == [1]
    living.close()


def test_only_evidently_dead_owners_are_stale() -> None:
    """Other machines', other programs', and unreadable names are nobody's to sweep."""
    own = named.name("run/with: odd é names")
    assert own.startswith(f"golden/{named.node()}/")
    assert not named.is_stale(own, "A")
    dead = own.rsplit("@", 1)[0] + f"@{os.getpid()}.1"
    assert named.is_stale(dead, "A")
    assert not named.is_stale(dead.replace(named.node(), "other-00000000"), "A")
    assert not named.is_stale("", "A")
    assert not named.is_stale("Session1", "A")
    assert not named.is_stale("golden/x", "A")
    named.give_up("b")
    assert named.is_stale(own, "B")


def test_a_lost_shell_of_our_own_is_swept_by_the_next_session(own: Peer) -> None:
    """The link was lost, the shell stayed: it would count against the quota until it is idle."""
    first = by_https(own)
    own.rule("WSMan.Receive", "drop-before")
    with pytest.raises(LinkLost):
        first.invoke(told(1))
    first.close()
    before = len(own.requests("WSMan.Delete"))
    second = by_https(own)
    assert len(own.requests("WSMan.Delete")) == before + 1
    second.close()
