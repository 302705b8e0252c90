"""What may stand in the way of a session: each is refused in words, before anything secret is said to the wrong one."""

from __future__ import annotations

import base64
import hashlib
import http.server
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from golden.errors import BadConfig, GoldenError, NotAble, Refused, Unreachable
from golden_hyperv.remoting import Command, Secret, WsmanLogin, open_session
from golden_hyperv.remoting.refusals import is_refused
from tests.peers.hyperv.peer import Peer
from tests.peers.vsphere.certificates import Authority

pytestmark = pytest.mark.slow

PASSWORD = "c0rrect-h0rse"


class Tap:
    """A line to a server on which everything is written down."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.said, self.heard, self.connections = b"", b"", 0
        self._port = port
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._copy, args=(near, far, "said"), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, "heard"), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, to: str) -> None:
        try:
            while data := source.recv(65536):
                setattr(self, to, getattr(self, to) + data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def close(self) -> None:
        self._listener.close()

    @property
    def logons(self) -> int:
        """NTLM messages that hold an answer to a challenge (MS-NLMP 2.2.1.3: type 3)."""
        tokens = re.findall(rb"Authorization: Negotiate ([A-Za-z0-9+/=]+)", self.said)
        return sum(b"NTLMSSP\0\x03" in base64.b64decode(token) for token in tokens)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer(tmp_path_factory.mktemp("hyperv") / "hv", password=PASSWORD) as peer:
        yield peer


@pytest.fixture
def tap(peer: Peer) -> Iterator[Tap]:
    tap = Tap(peer.http_port)
    yield tap
    tap.close()


@pytest.fixture
def login(peer: Peer) -> WsmanLogin:
    return WsmanLogin(peer.host, peer.port, peer.user, Secret(PASSWORD), ca_file=str(peer.ca))


def met(login: WsmanLogin, kind: type[GoldenError]) -> GoldenError:
    """The refusal; it has a hint and no password in it."""
    with pytest.raises(kind) as refused:
        open_session(login)
    error = refused.value
    assert type(error) is kind
    assert error.hint
    assert login.password is None or login.password.reveal() not in f"{error.brief}{error.details}{error.hint}"
    return error


def sha256(peer: Peer) -> str:
    pem = (peer.folder / "server.pem").read_text()
    begin = pem.index("-----BEGIN CERTIFICATE")
    end = pem.index("-----END CERTIFICATE-----", begin) + len("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[begin:end])).hexdigest()


def test_a_wrong_password_is_tried_once_and_never_again(peer: Peer, tap: Tap) -> None:
    """A second attempt of the same job would bring the account nearer to being locked."""
    wrong = WsmanLogin(peer.host, tap.port, peer.user, Secret("hunter2-once"), tls=False)
    assert "refuses golden" in met(wrong, Refused).brief
    assert tap.logons == 1
    said = tap.said
    assert "before" in str(met(wrong, Refused).details)
    assert "before" in str(met(replace(wrong, port=peer.port, tls=True, ca_file=str(peer.ca)), Refused).details)
    assert tap.said == said
    right = replace(wrong, password=Secret(PASSWORD))
    assert not is_refused(right)
    open_session(right).close()


def test_an_unknown_account_is_refused_as_a_wrong_password_is(login: WsmanLogin) -> None:
    """Nobody learns which accounts there are."""
    assert "refuses nobody" in met(replace(login, user="nobody"), Refused).brief


def test_secrets_are_never_on_the_wire_as_they_are(peer: Peer, tap: Tap) -> None:
    """Not the password of the login, not a credential in a call; nor any of the call, over HTTP too."""
    session = open_session(WsmanLogin(peer.host, tap.port, peer.user, Secret(PASSWORD), tls=False))
    given = session.credential("inside", Secret("gu3st-s3cret"))
    assert session.invoke(Command("Write-Output", {"InputObject": [given, "plain-but-private"]}))
    session.close()
    seen = tap.said + tap.heard
    assert len(seen) > 10_000
    for word in (PASSWORD, "gu3st-s3cret", "plain-but-private", "Write-Output"):
        for form in (word.encode(), word.encode("utf-16-le")):
            assert form not in seen
            assert all(base64.b64encode(b"x" * shift + form)[4:-4] not in seen for shift in range(3))


def test_a_certificate_nobody_signed_is_refused_with_its_thumbprint(peer: Peer, login: WsmanLogin) -> None:
    """What to compare and what to write is in the message."""
    error = met(replace(login, ca_file=""), Refused)
    assert "not trusted" in error.brief
    assert sha256(peer) in str(error.hint)


def test_the_right_thumbprint_is_enough(peer: Peer, login: WsmanLogin) -> None:
    """With colons too; no authority is asked then."""
    pairs = re.findall("..", sha256(peer))
    for text in (sha256(peer), ":".join(pairs).upper()):
        open_session(replace(login, ca_file="", thumbprint=text)).close()


def test_another_thumbprint_is_refused_before_anything_is_said(peer: Peer, login: WsmanLogin) -> None:
    """No password, no name of an account."""
    tap = Tap(peer.port)
    error = met(replace(login, port=tap.port, thumbprint="0" * 64), Refused)
    assert "not the one" in error.brief
    assert sha256(peer) in str(error.details)
    assert b"golden" not in tap.said
    tap.close()


def test_a_certificate_for_another_name_is_refused(peer: Peer, login: WsmanLogin) -> None:
    """Signed by the right authority, but not for this host."""
    tap = Tap(peer.port, "127.0.0.2")
    assert "not trusted" in met(replace(login, host="127.0.0.2", port=tap.port), Refused).brief
    tap.close()


def test_the_environment_neither_redirects_nor_vouches(
    peer: Peer, login: WsmanLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies, bundles and .netrc of whoever calls golden mean nothing here."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    open_session(login).close()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(peer.ca))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(peer.ca))
    met(replace(login, ca_file=""), Refused)


class Plain(http.server.BaseHTTPRequestHandler):
    """A server that takes anything and answers in the open, as one with AllowUnencrypted would."""

    protocol_version = "HTTP/1.1"
    code = 200
    bodies: list[bytes] = []  # noqa: RUF012

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.bodies.append(body)
        self.send_response(self.code)
        self.send_header("Content-Type", "application/soap+xml")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"<a/>")


@pytest.fixture
def plain() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Plain.bodies.clear()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_http_without_encryption_is_refused(peer: Peer, plain: int) -> None:
    """A server that does not even ask who is there is not believed, and is told nothing."""
    error = met(WsmanLogin(peer.host, plain, peer.user, Secret(PASSWORD), tls=False), Refused)
    assert "without encryption" in error.brief
    assert not any(Plain.bodies)


def test_a_client_certificate_needs_https(peer: Peer) -> None:
    """Over HTTP it would encrypt nothing."""
    assert "HTTPS" in met(WsmanLogin(peer.host, peer.http_port, auth="certificate", tls=False), BadConfig).brief


def test_a_client_certificate_logs_in(peer: Peer, login: WsmanLogin) -> None:
    """Without a password."""
    pem = str(peer.folder / "client.pem")
    session = open_session(replace(login, user="", password=None, auth="certificate", certificate=pem))
    assert session.invoke(Command("Write-Output", {"InputObject": 1})) == [1]
    session.close()


def test_a_client_certificate_the_host_does_not_know_is_refused(login: WsmanLogin, tmp_path: Path) -> None:
    """Signed by an authority the host does not trust: not our trust is at fault, but its."""
    Authority.new(tmp_path / "other.pem", "another authority").server(tmp_path, "stranger")
    path = str(tmp_path / "stranger.pem")
    error = met(replace(login, user="", password=None, auth="certificate", certificate=path), Refused)
    assert "refuses the client certificate" in error.brief, error.details


@pytest.mark.parametrize("name", ["nowhere.pem", "ca.pem"])
def test_a_client_certificate_that_cannot_be_used_is_named(peer: Peer, login: WsmanLogin, name: str) -> None:
    """Missing, or without its key."""
    path = str(peer.folder / name)
    error = met(replace(login, user="", password=None, auth="certificate", certificate=path), BadConfig)
    assert path in error.brief


def test_winrm_that_is_off_is_unreachable(login: WsmanLogin) -> None:
    """With what to type on the host."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    error = met(replace(login, port=port), Unreachable)
    assert "does not answer" in error.brief
    assert "Enable-PSRemoting" in str(error.hint)


def test_a_name_nobody_has_is_unreachable(login: WsmanLogin) -> None:
    met(replace(login, host="host.invalid"), Unreachable)


def test_a_port_without_tls_is_told_as_that(peer: Peer, login: WsmanLogin) -> None:
    """HTTPS to WinRM's port for HTTP."""
    assert "does not speak TLS" in met(replace(login, port=peer.http_port), Unreachable).brief


@pytest.mark.parametrize("code", [404, 500, 503])
def test_another_web_server_is_told_as_that(peer: Peer, plain: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it answers, it ends in a sentence."""
    monkeypatch.setattr(Plain, "code", code)
    with pytest.raises((Unreachable, Refused)):
        open_session(WsmanLogin(peer.host, plain, peer.user, Secret(PASSWORD), tls=False))


@pytest.mark.parametrize(
    ("code", "words"),
    [(5, "not to PowerShell"), (2150859179, "limit of shells"), (2150859180, "no remote shells"), (1, "fault 1")],
)
def test_what_the_service_refuses_is_told_apart(peer: Peer, login: WsmanLogin, code: int, words: str) -> None:
    """Rights, quotas, policy, and what golden does not know."""
    peer.rule("WSMan.Create", "fault", code=code, text="Nein.")
    with pytest.raises(Refused) as refused:
        open_session(login)
    assert words in f"{refused.value.brief} {refused.value.details}"
    assert "Nein." in str(refused.value.details)
    assert not peer.unmet()
    peer.clear_rules()


def test_a_configuration_the_host_does_not_have_is_named(login: WsmanLogin) -> None:
    """A mistyped name of a JEA endpoint."""
    assert "golden.jea" in met(replace(login, configuration="golden.jea"), Refused).brief


def test_a_full_quota_is_told_and_nothing_of_others_is_swept(tmp_path: Path) -> None:
    """Sessions that live are left alone, golden's own too."""
    with Peer(tmp_path / "hv", shells=2) as peer:
        login = WsmanLogin(peer.host, peer.port, peer.user, Secret(peer.password), ca_file=str(peer.ca))
        held = [open_session(login) for _ in range(2)]
        assert "limit of shells" in met(login, Refused).brief
        assert all(session.invoke(Command("Write-Output", {"InputObject": 1})) == [1] for session in held)
        held.pop().close()
        open_session(login).close()
        held.pop().close()


def test_an_authority_that_cannot_be_read_is_named(login: WsmanLogin, tmp_path: Path) -> None:
    """Missing, or no certificate."""
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for path in (junk, tmp_path / "nowhere.pem"):
        assert str(path) in met(replace(login, ca_file=str(path)), BadConfig).brief


def test_ways_to_log_in_that_are_not_installed_or_incomplete_are_told(login: WsmanLogin) -> None:
    """CredSSP without its library, a mistyped way, a way without its password."""
    met(replace(login, auth="basic"), BadConfig)
    met(replace(login, auth="ntlm", password=None), BadConfig)
    try:
        import requests_credssp  # noqa: F401
    except ImportError:
        assert "hyperv-credssp" in str(met(replace(login, auth="credssp"), NotAble).hint)
