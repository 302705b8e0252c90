"""What is taken away from the short folder that roots lie in, and what is let be."""

from __future__ import annotations

import os
from pathlib import Path

from golden_libvirt import orphans


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
