"""TLS is verified on every connection, loopback included; a thumbprint is as good as a CA, and no more."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.errors import BadConfig, Refused, Unreachable
from golden.model import Origin, Power
from golden.provider import Scope
from golden_vsphere import PROVIDER, trust
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.certificates import Authority
from tests.peers.vsphere.peer import Peer, vcenter


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A vCenter with one machine without a guest."""
    with vcenter(tmp_path_factory.mktemp("trust") / "vcenter") as peer:
        peer.seed("theirs", state=None)
        yield peer


def sha256(peer: Peer) -> str:
    """Of the certificate that the peer shows."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((peer.host, peer.port)))).hexdigest()


def test_a_wrong_ca_is_refused(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback too, whatever the environment says; nothing is sent to such a server, no password first."""
    wrong = Authority.new(tmp_path / "other.pem", "another CA")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(peer.ca))
    before = len(peer.requests())
    with pytest.raises(Refused, match="not to be trusted") as caught:
        PROVIDER.open(endpoint(peer, tmp_path / "s", ca_file=str(wrong.file)), Scope("look", tmp_path))
    assert "thumbprint" in (caught.value.hint or "")
    assert len(peer.requests()) == before


def test_the_systems_own_cas_do_not_know_it(peer: Peer, tmp_path: Path) -> None:
    """Without a CA file of its own the peer is nobody's friend."""
    given = endpoint(peer, tmp_path / "s")
    given.options.pop("ca_file")
    with pytest.raises(Refused, match="not to be trusted"):
        PROVIDER.open(given, Scope("look", tmp_path))


def test_a_thumbprint_is_enough(peer: Peer, tmp_path: Path) -> None:
    """No CA is needed for a certificate that is known itself."""
    given = endpoint(peer, tmp_path / "s", thumbprint=sha256(peer))
    given.options.pop("ca_file")
    hypervisor = PROVIDER.open(given, Scope("look", tmp_path))
    try:
        assert hypervisor.examine(Origin("machine", "theirs")).power is Power.OFF
    finally:
        hypervisor.close()


def test_another_thumbprint_is_refused_on_every_connection(peer: Peer, tmp_path: Path) -> None:
    """Not only the first one: a pool must not forget what it was told."""
    given = endpoint(peer, tmp_path / "s", thumbprint="ab" * 32)
    for _ in range(2):
        with pytest.raises(Refused, match="not to be trusted"):
            PROVIDER.open(given, Scope("look", tmp_path))
    context = trust.pinned("ab" * 32)
    import socket

    for _ in range(3):
        with (
            socket.create_connection((peer.host, peer.port)) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(plain, server_hostname=peer.host)


def test_a_ca_file_that_is_none_is_refused(peer: Peer, tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(BadConfig, match=path.name):
            PROVIDER.open(endpoint(peer, tmp_path / "s", ca_file=str(path)), Scope("look", tmp_path))


def test_nobody_there_is_unreachable(peer: Peer, tmp_path: Path) -> None:
    """A port nobody listens on, and a name nobody has."""
    import socket
    from dataclasses import replace

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for url in (f"vsphere://127.0.0.1:{port}/DC0", "vsphere://no-such-host.invalid/DC0"):
            with pytest.raises(Unreachable, match="nobody answers"):
                PROVIDER.open(replace(endpoint(peer, tmp_path / "s"), url=url), Scope("look", tmp_path))
