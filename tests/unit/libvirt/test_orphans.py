"""What is taken away from the short folder that roots lie in, and what is let be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from golden_libvirt import embedded, orphans, processes

RUNS = """
import os, signal, sys
from golden.model import Mark, Origin, Role
from golden.provider import Endpoint, Scope
from golden_libvirt import PROVIDER
state, disk = sys.argv[1:]
from pathlib import Path
hypervisor = PROVIDER.open(Endpoint("here", "qemu:///embed", {"virt_type": "qemu"}), Scope("job", Path(state)))
mark = Mark(Role.CLONE, "job", "reference", "installation")
machine = hypervisor.adopt("theirs", Origin("disk", disk, firmware="bios"), mark, in_place=False)
hypervisor.start(machine)
print(hypervisor.store.get("theirs").root, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""golden, killed while a machine of its runs; it says which root that runs in."""


def root(parent: Path, base: str, store: Path | None) -> Path:
    """A root as the embedded driver leaves it when its process is killed, made a while ago."""
    made = parent / f"golden-{os.getuid()}-{base}" / "0123abcd"
    (made / "run/qemu").mkdir(parents=True)
    made.parent.chmod(0o700)
    if store is not None:
        orphans.note(made)
        (made / "s01234567").symlink_to(store)
        (made / "libvirt.log").touch()
    for path in (made, made.parent):
        os.utime(path, (1, 1))
    return made


def test_only_what_belongs_to_nobody_goes(tmp_path: Path) -> None:
    """Hollow roots, and those whose store is gone; not those whose store is there, nor what is just being made."""
    store = tmp_path / "project"
    store.mkdir()
    gone = [root(tmp_path, "000001", None), root(tmp_path, "000002", tmp_path / "removed")]
    stay = [root(tmp_path, "000003", store), root(tmp_path, "000004", None)]
    os.utime(stay[1])
    strange = tmp_path / f"golden-{os.getuid()}-other"
    strange.mkdir()
    orphans.sweep(tmp_path)
    assert [path.parent.exists() for path in gone] == [False, False]
    assert [path.exists() for path in (*stay, strange)] == [True, True, True]


def test_what_another_namespace_or_user_may_use_is_let_be(tmp_path: Path) -> None:
    """A root of this boot but of another process namespace cannot be judged, nor a folder that others can write to."""
    foreign = root(tmp_path, "000005", tmp_path / "removed")
    boot = str((foreign / "here").readlink()).partition(":")[0]
    (foreign / "here").unlink()
    (foreign / "here").symlink_to(f"{boot}:pid:[1]")
    open_to_all = root(tmp_path, "000006", tmp_path / "removed")
    open_to_all.parent.chmod(0o777)
    orphans.sweep(tmp_path)
    assert foreign.exists()
    assert open_to_all.exists()
    (foreign / "here").unlink()
    (foreign / "here").symlink_to("an-earlier-boot:pid:[1]")
    orphans.sweep(tmp_path)
    assert not foreign.exists()


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed, and another project in its place"])
def test_a_machine_goes_with_its_removed_project(tmp_path: Path, again: bool) -> None:
    """Where its disk was removed under it; a project that lies at the same path now knows nothing of it."""
    disk, state = tmp_path / "theirs.qcow2", tmp_path / "project/.golden"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    argv = (sys.executable, "-c", RUNS, str(state), str(disk))
    made = Path(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False).stdout.strip())
    try:
        orphans.sweep(embedded.parent())
        assert processes.running(made, "theirs"), "its project is there"
        shutil.rmtree(state)
        if again:
            (state / "libvirt/store/golden-other").mkdir(parents=True)
        orphans.sweep(embedded.parent())
        assert not processes.running(made, "theirs")
        assert not made.exists()
    finally:
        if processes.running(made, "theirs"):
            processes.cut_power(made, "theirs")
