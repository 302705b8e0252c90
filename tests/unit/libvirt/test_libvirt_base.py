"""Where the embedded driver's roots lie: in a place that outlives the login session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden_libvirt import embedded, orphans
from golden_libvirt.embedded import Base


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A login session's own folder, short as it is in life."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="g-") as short:
        folder = Path(short) / "u"
        folder.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield folder


def test_no_base_lies_in_what_goes_with_the_login_session(session: Path, tmp_path: Path) -> None:
    """The first run in a session records a place that later runs without one have too."""
    base = Base.of(tmp_path, None)
    try:
        assert session not in base.path.parents
        assert Base.recorded(tmp_path, None) == base
        assert Base.of(tmp_path, None) == base, "also while it is there"
    finally:
        base.path.rmdir()
    assert Base.recorded(tmp_path, None) is None
    assert Base.of(tmp_path, None) == base, "and when the last root has taken it along"
    base.path.rmdir()


def test_a_base_that_went_with_its_session_is_replaced_and_one_that_is_there_is_kept(
    session: Path, tmp_path: Path
) -> None:
    """Machines may run in the one that is there; in one that is gone nothing can be made without the session."""
    old = session / f"golden-{os.getuid()}-0123ab"
    (tmp_path / "base").write_text(f"{old}\n")
    old.mkdir(mode=0o700)
    assert Base.of(tmp_path, None).path == old
    old.rmdir()
    session.rmdir()
    base = Base.of(tmp_path, None)
    base.path.rmdir()
    assert base.path.parent == embedded.parent()
    assert not session.exists()
    session.mkdir()


def test_what_removed_projects_left_in_the_session_is_still_swept(session: Path, tmp_path: Path) -> None:
    """Roots lay there once."""
    made = session / f"golden-{os.getuid()}-0123ab" / "0123abcd"
    made.mkdir(parents=True)
    made.parent.chmod(0o700)
    orphans.note(made)
    (made / "s01234567").symlink_to(tmp_path / "removed")
    os.utime(made.parent, (1, 1))
    embedded.sweep()
    assert not made.exists()
