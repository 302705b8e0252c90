"""A machine goes on when golden is killed, and the next process of the same job finds it and speaks to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.demo.standin.build import build
from golden.guest.communicator import LineLost
from golden.model import CloneOptions, Mark, Origin, Power, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline
from golden_libvirt import PROVIDER
from tests.e2e.libvirt_standin import cache, standin_origin

pytestmark = pytest.mark.slow

ALONE = "GOLDEN_TEST_ALONE"
"""Set in the process that runs these tests and no other: libvirt keeps a process's first root to its end."""

MARK = Mark(Role.CLONE, "job", "reference", "installation")
HERE = Endpoint("here", "qemu:///embed")

FIRST = """
import sys
from pathlib import Path
from golden.model import CloneOptions, Mark, Role, Snapshot
from golden.provider import Endpoint, Scope
from golden.waiting import Deadline
from golden_libvirt import PROVIDER
hypervisor = PROVIDER.open(Endpoint("here", "qemu:///embed"), Scope("job", Path(sys.argv[1])))
machine = hypervisor.clone("c1", Snapshot("v1", "v1"), Mark(Role.CLONE, "job", "reference", "i"), CloneOptions())
line = hypervisor.communicator(hypervisor.start(machine))
line.ready(Deadline(90))
line.write("C:\\\\Windows\\\\Temp\\\\left", 0, b"before the kill")
line.close()
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hypervisor(tmp_path: Path) -> Iterator[Hypervisor]:
    """The second process's connection; a version is there and nothing is left in the end."""
    # A path that is too long for sockets and holds characters that XML, shells and QEMU's options give a meaning.
    state = tmp_path / ("a 'long' <path>, with=all & \u00e4 " + "x" * 100) / "state"
    opened = PROVIDER.open(HERE, Scope("job", state))
    origin: Origin = standin_origin(build(cache()))
    opened.freeze(opened.adopt("v1", origin, MARK, in_place=False), "v1")
    yield opened
    machine = opened.find("c1")
    if machine is not None:
        opened.destroy(machine)
    opened.close()


alone = pytest.mark.skipif(not os.environ.get(ALONE), reason="run by test_in_a_process_of_its_own in its process")


@pytest.mark.thorough
def test_in_a_process_of_its_own() -> None:
    """What follows holds in a process that has no root of libvirt's yet."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "alone", __file__]
    ran = subprocess.run(argv, env={**os.environ, ALONE: "1"}, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout, ran.stdout


@alone
def test_alone_a_killed_process_leaves_a_machine_to_the_next_one(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """After kill -9 the machine is found on, answers, still has its files, and can be cut off."""
    state = next(tmp_path.iterdir()) / "state"
    paths = os.pathsep.join(str(Path(__file__).parents[2] / part) for part in ("src", "providers"))
    child = subprocess.Popen(
        [sys.executable, "-c", FIRST, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"there\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    found = hypervisor.find("c1")
    assert found is not None
    assert found.power is Power.ON
    assert hypervisor.start(found).power is Power.ON
    line = hypervisor.communicator(found)
    line.ready(Deadline(30))
    assert line.read("C:\\Windows\\Temp\\left", 0, 100) == b"before the kill"
    assert hypervisor.stop(found).power is Power.OFF
    with pytest.raises(LineLost):
        line.read("C:\\Windows\\Temp\\left", 0, 100)


@alone
def test_alone_the_frozen_version_is_what_it_was(hypervisor: Hypervisor) -> None:
    """A clone that runs and is cut off leaves identity and digest of the version as they were."""
    point = Snapshot("v1", "v1")
    before = hypervisor.identity(point), hypervisor.digest(point)
    machine = hypervisor.start(hypervisor.clone("c1", point, MARK, CloneOptions()))
    hypervisor.communicator(machine).ready(Deadline(90))
    hypervisor.destroy(machine)
    assert (hypervisor.identity(point), hypervisor.digest(point)) == before
