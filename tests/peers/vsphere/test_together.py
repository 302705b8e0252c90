"""The peer under more than one client, and as a program of its own."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyVmomi import vim

from tests.peers.vsphere.client import Client, connected
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.world import Times

pytestmark = pytest.mark.slow


def job(peer: Peer, machine: str, names: list[str], met: list[BaseException]) -> None:
    """Clone, start, write, stop, snapshot, destroy: what a job does, with a session of its own."""
    try:
        with connected(peer) as client:
            vm = client.machine(machine)
            made = client.wait(vm.CreateSnapshot_Task(names[0], "", False, False), 60)
            for name in names:
                each = client.linked(vm, made, name)
                client.boot(each)
                client.put(each, "C:\\mine.txt", name.encode())
                assert client.get(each, "C:\\mine.txt") == name.encode()
                each.ShutdownGuest()
                client.off(each)
                client.wait(each.Destroy_Task(), 60)
            client.wait(made.RemoveSnapshot_Task(False), 60)
    except BaseException as error:
        met.append(error)


def test_jobs_at_once_do_not_see_each_other(tmp_path: Path) -> None:
    """Two on one machine and one on another, each with files of its own; nothing is left, no update is lost."""
    with vcenter(tmp_path / "p") as peer:
        one, two = peer.seed("one"), peer.seed("two")
        met: list[BaseException] = []
        orders = [(one.moid, ["a1", "a2", "a3"]), (one.moid, ["b1", "b2", "b3"]), (two.moid, ["c1", "c2", "c3"])]
        threads = [threading.Thread(target=job, args=(peer, moid, names, met)) for moid, names in orders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert met == []
        assert set(peer.machines()) == {"one", "two"}
        assert {each.name for each in (peer.folder / "guests").iterdir()} == {one.moid, two.moid}
        with connected(peer) as client:
            devices = client.read(client.machine(one.moid), "config.hardware.device")["config.hardware.device"]
            backings: list[Any] = [d.backing for d in devices if isinstance(d, vim.vm.device.VirtualDisk)]
            assert [each.parent for each in backings] == [None]


def test_no_watcher_misses_the_end_of_a_task(tmp_path: Path) -> None:
    """Tasks that are over while their watcher is set up are seen all the same."""
    with vcenter(tmp_path / "p", times=Times(task=0.003)) as peer, connected(peer) as client:
        vm = client.machine(peer.seed("quick", state=None).moid)
        for number in range(40):
            client.wait(vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation=str(number))), 5)


def test_a_silent_session_is_over(tmp_path: Path) -> None:
    """After its idle time every call is NotAuthenticated, reading too; a new login goes on."""
    with vcenter(tmp_path / "p", times=Times(idle=0.4)) as peer:
        machine = peer.seed("idle", state=None)
        client = Client(peer)
        time.sleep(0.6)
        with pytest.raises(vim.fault.NotAuthenticated):
            client.read(client.machine(machine.moid), "name")
        with connected(peer) as again:
            assert again.read(again.machine(machine.moid), "name") == {"name": "idle"}


def test_it_runs_as_a_program_until_it_is_told_to_end(tmp_path: Path) -> None:
    """It says where it is, serves, and ends with success on SIGTERM."""
    argv = [sys.executable, "-m", "tests.peers.vsphere", str(tmp_path / "p"), "--seed", "win2022"]
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    try:
        assert running.stdout is not None
        lines = [running.stdout.readline().strip() for _ in range(4)]
        assert lines[3] == "machine /DC0/vm/win2022"
        context = ssl.create_default_context(cafile=lines[2].removeprefix("CA "))
        password = (tmp_path / "p/password").read_text()
        login = (lines[1].split(",")[0].removeprefix("user "), password)
        reply = httpx.post(f"{lines[0]}/api/session", auth=login, verify=context, trust_env=False)
        assert (reply.status_code, type(reply.json())) == (201, str)
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
    finally:
        running.kill()
        running.wait()


def test_a_peer_that_was_killed_leaves_no_simulator(tmp_path: Path) -> None:
    """kill -9 closes the simulator's standard input, which ends it."""
    argv = [sys.executable, "-m", "tests.peers.vsphere", str(tmp_path / "p")]
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert running.stdout is not None
    running.stdout.readline()
    running.kill()
    running.wait()
    end, mark = time.monotonic() + 10, str(tmp_path).encode()
    while any(mark in environment(p) for p in Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < end, "the simulator outlived its peer"
        time.sleep(0.05)


def environment(process: Path) -> bytes:
    """What a process was given; nothing of one that is gone."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
