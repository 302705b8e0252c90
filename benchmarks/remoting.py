"""
PowerShell remoting of the Hyper-V provider: what a call costs beside pypsrp's own, and bytes by SFTP beside PSRP.

Both sides speak to the same server, the Hyper-V host of golden's tests: real WSMan over TLS, real OpenSSH.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from tests.peers.hyperv.peer import Peer

from benchmarks.row import Row, in_turns, median, seconds
from golden.provider import Endpoint
from golden_hyperv.address import parse
from golden_hyperv.line import Line
from golden_hyperv.remoting import Session, SshLogin, WsmanLogin, open_session
from golden_hyperv.remoting.catalogue import script
from golden_hyperv.remoting.values import Secret

CALL_LIMIT, COPY_LIMIT = 1.3, 10
TIMES = 60
ROUNDS = 3
MIB = 1 << 20
LARGE, SMALL = 64 * MIB, 4 * MIB
"""Bytes by SFTP, and by PSRP: each long enough to be measured."""
SCRIPT = "machine_state"
GIVEN = {"Name": "no-such-machine", "Place": "C:\\golden\\machines\\no-such-machine"}


@contextmanager
def connected(peer: Peer, work: Path) -> Iterator[Line]:
    """golden's line to it, as its provider has one."""
    password = work / "password"
    password.touch(0o600)
    password.write_text(peer.password)
    options = {"user": peer.user, "password_file": str(password), "ca_file": str(peer.ca)}
    line = Line(parse(Endpoint("bench", peer.url, options)), "bench")
    try:
        yield line
    finally:
        line.close()


def call(work: Path) -> Row:
    """Medians by turns: one of the provider's constant scripts, through its line and through pypsrp alone."""
    with Peer(work / "host", openssh=False) as peer, connected(peer, work) as line:
        bare = WSMan(
            peer.host, port=peer.port, username=peer.user, password=peer.password, cert_validation=str(peer.ca)
        )
        with bare, RunspacePool(bare) as pool:

            def by_pypsrp() -> None:
                with PowerShell(pool) as shell:
                    shell.add_script(script(SCRIPT).text).add_parameters(GIVEN)
                    shell.invoke()
                    assert not shell.had_errors

            acts = {"golden": lambda: line.run(SCRIPT, **GIVEN), "pypsrp": by_pypsrp}
            in_turns(acts, 3)
            found = in_turns(acts, TIMES)
    a, b = median(found["golden"]) * 1000, median(found["pypsrp"]) * 1000
    what = "a call of the Hyper-V provider, against the same call through pypsrp alone"
    return Row("hyperv-call", what, "ms", a, b, a / b, CALL_LIMIT, samples=found)


def copy(work: Path) -> Row:
    """MiB a second to the host: by SFTP, and in pieces through PSRP; hash and rename on the host included."""
    data = random.Random(7).randbytes(LARGE)
    with Peer(work / "host") as peer:
        login = WsmanLogin(peer.host, peer.port, peer.user, Secret(peer.password), ca_file=str(peer.ca))
        side = SshLogin(
            peer.host, peer.ssh_port, peer.ssh_user, key_file=str(peer.ssh_key), known_hosts=str(peer.known_hosts)
        )
        by_sftp, by_psrp = open_session(login, sftp=side), open_session(login)
        found: dict[str, list[float]] = {"sftp": [], "psrp": []}
        for turn in range(ROUNDS + 1):
            for name, session, size in (("sftp", by_sftp, LARGE), ("psrp", by_psrp, SMALL)):
                speed = size / MIB / seconds(lambda: _sent(session, data[:size]))  # noqa: B023 - called at once
                if turn:  # The first one warms both.
                    found[name].append(speed)
        assert peer.drive("C:\\golden\\bench").stat().st_size == SMALL
        for session in (by_sftp, by_psrp):
            session.close()
    a, b = median(found["sftp"]), median(found["psrp"])
    what = f"a file to a Hyper-V host by SFTP ({LARGE // MIB} MiB), against pieces through PSRP ({SMALL // MIB} MiB)"
    return Row("hyperv-copy", what, "MiB/s", a, b, a / b, COPY_LIMIT, at_least=True, samples=found)


def _sent(session: Session, data: bytes) -> None:
    session.put(io.BytesIO(data), "C:\\golden\\bench")
