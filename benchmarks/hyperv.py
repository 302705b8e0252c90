"""
golden against a Hyper-V host: what its provider adds to the bare sequence of calls.

Both sides speak to the same server, the Hyper-V host of golden's tests, over WSMan with TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.peer import Peer

from benchmarks import bare_hyperv
from benchmarks.row import Row, in_turns
from benchmarks.verbs import MARK, Verbs
from golden.model import Origin
from golden.provider import Scope
from golden_hyperv import PROVIDER

JOB_LIMIT = 1.15
ROUNDS = 5


def job(work: Path) -> Row:
    """The best of each by turns: the provider's verbs of an update and a capture, against the bare calls of them."""
    scope = Scope("bench", work / "state")
    with (
        Peer(work / "host", openssh=False) as peer,
        closing(PROVIDER.open(endpoint(peer, work / "secrets"), scope)) as hypervisor,
    ):
        source = peer.seed("source")
        base = hypervisor.adopt("base", Origin("machine", source.name), MARK, in_place=False)
        point = hypervisor.freeze(base, "v1")
        disk = hypervisor.identity(point)[0].path
        verbs = Verbs(hypervisor, point)
        with bare_hyperv.calling(peer, disk) as calls:
            acts: dict[str, Callable[[], object]] = {
                "golden": verbs.update_and_capture,
                "bare": calls.update_and_capture,
            }
            in_turns(acts, 1, before=calls.renew)
            found = in_turns(acts, ROUNDS, before=calls.renew)
    a, b = min(found["golden"]), min(found["bare"])
    what = "what golden's provider does for an update and a capture, against the same calls through pypsrp alone"
    return Row("hyperv-job", what, "s", a, b, a / b, JOB_LIMIT, samples=found)
