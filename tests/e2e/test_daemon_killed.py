"""A libvirt daemon that dies or hangs costs the job that it was in the middle of, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from golden.errors import Unreachable
from golden.provider import Endpoint, Scope
from golden.waiting import Deadline, Waiting
from golden_libvirt import PROVIDER
from tests.e2e import bench
from tests.e2e.libvirt_daemon import answers, begun, pool

pytestmark = [pytest.mark.slow, pytest.mark.daemon]


class Daemon:
    """libvirtd and its log daemon, of this test's own."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Come back when it answers."""
        running = [child for child in self._children if child.poll() is None]
        names = ("virtlogd", "libvirtd")[len(running) :]
        self._children = running + [begun(name) for name in names]
        Waiting(Deadline(60), tick=0.2).until("libvirtd to answer", answers)

    def kill(self) -> None:
        """kill -9 of libvirtd; its machines go on, as they do."""
        self._children[-1].kill()
        self._children[-1].wait()

    def hold(self) -> None:
        """It hangs; so does, to whoever is connected, a host that died."""
        self._children[-1].send_signal(signal.SIGSTOP)

    def let_go(self) -> None:
        """It goes on."""
        self._children[-1].send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Both, in order."""
        for child in reversed(self._children):
            child.terminate()
            child.wait(20)


@contextmanager
def own_daemon() -> Iterator[Daemon]:
    if answers():
        pytest.skip("a libvirtd that is not the test's own runs here, and is not killed")
    if os.geteuid() != 0:
        pytest.skip("only root can start a libvirtd")
    if shutil.which("libvirtd") is None or shutil.which("virtlogd") is None:
        pytest.skip("libvirtd is not installed (apt install libvirt-daemon-system)")
    daemon = Daemon()
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.end()


def test_a_daemon_killed_in_the_middle_of_an_update(tmp_path: Path) -> None:
    """The update ends with exit code 10 and says how to go on; with the daemon back nothing is lost or left over."""
    with own_daemon() as daemon, pool() as name:
        place = bench.empty(tmp_path / "p")
        settings = (place.path / "golden.toml").read_text(encoding="utf-8")
        url = f'url = "qemu:///system"\npool = "{name}"'
        place.write("golden.toml", settings.replace('url = "qemu:///embed"', url))
        standin = bench.guest()
        place.does("adopt", "win2022", "--from", str(standin.disk), *bench.boot_options(standin))
        was = place.log()["versions"]

        going = place.begin("update", "--add", "drivers/goldennet.inf")
        going.until_said("driver goldennet.inf")
        daemon.kill()
        bench.failed(going.end(120), 10, ("libvirt",))
        assert place.log()["versions"] == was

        daemon.start()
        place.does("cancel", "--all", "-y")
        told = place.golden("doctor", "-o", "json")
        assert [f for f in told.data["findings"] if f["severity"] == "error"] == [], told.said
        place.does("update", "--add", "drivers/goldennet.inf")
        log = place.log()
        assert [version["number"] for version in log["versions"]] == [1, 2]
        assert log["versions"][0] == was[0]
        place.does("verify", "--deep")
        assert place.golden("doctor").code == 0


@pytest.mark.thorough
def test_a_daemon_that_hangs_is_given_up(tmp_path: Path) -> None:
    """No call waits for it without end: it is unreachable after a minute, and whoever asks later is answered again."""
    with own_daemon() as daemon, pool() as name:
        opened = PROVIDER.open(Endpoint("here", "qemu:///system", {"pool": name}), Scope("job", tmp_path))
        daemon.hold()
        held = Deadline(120)
        try:
            with pytest.raises(Unreachable):
                opened.list_marked()
            assert held.left > 0
        finally:
            daemon.let_go()
        assert opened.free_space()
        opened.close()
