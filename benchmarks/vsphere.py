"""
golden against a simulated vCenter: one machine found among five thousand, golden's own among them, and what its
provider adds to the bare sequence of calls.

Both sides speak to the same server, govmomi's simulator behind the proxy of golden's tests.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.peer import Peer, vcenter

from benchmarks import bare_vsphere
from benchmarks.govc import govc
from benchmarks.row import Row, in_turns, median
from benchmarks.verbs import Verbs
from golden.model import CloneOptions, Mark, Origin, Role
from golden.provider import Hypervisor, Scope
from golden_vsphere import PROVIDER

MACHINES = 5000
WANTED = "the one that is wanted"
FIND_LIMIT, OWN_LIMIT, JOB_LIMIT = 1.0, 4, 1.15
TIMES = 9
ROUNDS = 5
MARK = Mark(Role.VERSION, "job-1", "win2022", "bench")


@contextmanager
def connected(peer: Peer, work: Path) -> Iterator[Hypervisor]:
    """golden's connection to it."""
    hypervisor = PROVIDER.open(endpoint(peer, work / "secrets"), Scope("bench", work / "state"))
    try:
        yield hypervisor
    finally:
        hypervisor.close()


def find(work: Path) -> Row:
    """Medians by turns: golden in a connected process, govc as it is typed."""
    program = govc(work)
    with vcenter(work / "vcenter", machines=MACHINES) as peer, connected(peer, work) as hypervisor:
        path = peer.seed(WANTED, state=None).path
        told = {"GOVC_URL": peer.url, "GOVC_USERNAME": peer.user, "GOVC_PASSWORD": peer.password}
        env = {**os.environ, **told, "GOVC_TLS_CA_CERTS": str(peer.ca), "GOVC_PERSIST_SESSION": "false"}

        def by_govc() -> None:
            argv = [str(program), "find", "/", "-type", "m", "-name", WANTED]
            ran = subprocess.run(argv, env=env, check=True, capture_output=True, text=True)
            assert ran.stdout.strip() == path

        def by_golden() -> None:
            assert hypervisor.examine(Origin("machine", WANTED)).name == WANTED

        acts: dict[str, Callable[[], object]] = {"golden": by_golden, "govc": by_govc}
        in_turns(acts, 1)
        found = in_turns(acts, TIMES)
    a, b = median(found["golden"]) * 1000, median(found["govc"]) * 1000
    what = f"golden finds a machine among {MACHINES} and reads what it is made of, against a whole govc find"
    return Row("vsphere-find", what, "ms", a, b, a / b, FIND_LIMIT, samples=found)


def own(work: Path) -> Row:
    """Round trips, by the server's own log of requests: listing golden's objects, and finding one of them."""
    with vcenter(work / "vcenter", machines=MACHINES) as peer, connected(peer, work) as hypervisor:
        source = peer.seed("source", state=None)
        base = hypervisor.adopt("base", Origin("machine", source.name), MARK, in_place=False)
        point = hypervisor.freeze(base, "v1")
        for number in range(3):
            hypervisor.clone(f"clone-{number}", point, MARK, CloneOptions())
        counts = []
        for act in (hypervisor.list_marked, lambda: hypervisor.find("clone-1")):
            before = len(peer.requests())
            assert act()
            counts.append(float(len(peer.requests()) - before))
        assert len(hypervisor.list_marked()) == 4
    what = f"round trips until golden's own are known among {MACHINES} machines (listing them: {counts[0]:.0f})"
    return Row("vsphere-own", what, "round trips", max(counts), None, max(counts), OWN_LIMIT)


def job(work: Path) -> Row:
    """The best of each by turns: the provider's verbs of an update and a capture, against the bare calls of them."""
    with vcenter(work / "vcenter") as peer, connected(peer, work) as hypervisor:
        source = peer.seed("source")
        base = hypervisor.adopt("base", Origin("machine", source.name), MARK, in_place=False)
        point = hypervisor.freeze(base, "v1")
        verbs = Verbs(hypervisor, point)
        with bare_vsphere.calling(peer, base, "v1") as calls:
            acts: dict[str, Callable[[], object]] = {
                "golden": verbs.update_and_capture,
                "bare": calls.update_and_capture,
            }
            in_turns(acts, 1)
            found = in_turns(acts, ROUNDS)
    a, b = min(found["golden"]), min(found["bare"])
    what = "what golden's provider does for an update and a capture, against the same calls through pyvmomi alone"
    return Row("vsphere-job", what, "s", a, b, a / b, JOB_LIMIT, samples=found)
