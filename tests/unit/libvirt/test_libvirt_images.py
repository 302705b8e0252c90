"""Captured images: what is gone or cut short is seen, and what another process makes is let be."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from golden.errors import Conflict, NotFound
from golden.model import Mark, Role
from golden_libvirt.images import Images
from golden_libvirt.pool import Pool, Volume
from golden_libvirt.record import Maker, started
from golden_libvirt.volume_images import VolumeImages

MARK = Mark(Role.IMAGE, "job", "reference", "installation")


@pytest.fixture
def images(tmp_path: Path) -> Images:
    """One image, made from a real disk."""
    disk = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M"], check=True)
    images = Images(tmp_path / "images")
    images.make("i1", ((disk, "qcow2"),), MARK)
    return images


@pytest.mark.parametrize("left", [b"", b"short", None], ids=["emptied", "cut short", "deleted"])
def test_an_image_whose_file_is_not_what_it_was_is_another(images: Images, left: bytes | None) -> None:
    """Its record alone does not make it whole; it can be taken away all the same."""
    whole = images.find("i1")
    assert whole == images.find("i1")
    path = Path(whole.forms[0].path or "") if whole else Path()
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    found = images.find("i1")
    assert found is not None
    assert whole is not None
    assert found.forms
    assert found.forms != whole.forms
    images.discard("i1")
    assert images.find("i1") is None


def test_an_image_that_a_live_process_makes_is_let_be(images: Images) -> None:
    """Taking it away under the hands of its maker would spoil what is made next; once that is dead it goes."""
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note = images.path / "i1" / "image.json"
    maker = Maker(sleeper.pid, started(sleeper.pid) or "")
    note.write_text(json.dumps({"mark": asdict(MARK), "forms": [], "maker": asdict(maker)}))
    try:
        with pytest.raises(Conflict, match=f"process {sleeper.pid}"):
            images.discard("i1")
    finally:
        sleeper.communicate(b"\n")
    images.discard("i1")
    assert images.find("i1") is None


class Killed(BaseException):
    """golden died here."""


@dataclass
class Shelf:
    """A storage pool's volumes, as far as images need one; ``left`` changes from now golden is killed."""

    name: str = "pool"
    volumes: dict[str, bytes] = field(default_factory=dict)
    left: int = -1

    def find(self, name: str) -> Volume | None:
        return Volume(name, f"/nowhere/{name}", 0, len(self.volumes[name]), "") if name in self.volumes else None

    def get(self, name: str) -> Volume:
        if (found := self.find(name)) is None:
            raise NotFound(f"the volume {name} is not there")
        return found

    def names(self) -> tuple[str, ...]:
        return tuple(self.volumes)

    def elsewhere(self, name: str) -> str | None:
        return None

    def pieces(self, name: str) -> Iterator[bytes]:
        yield self.volumes[name]

    def _change(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def delete(self, name: str) -> None:
        self._change()
        self.volumes.pop(name, None)

    def put_text(self, name: str, data: bytes) -> None:
        """As the real one: libvirt cannot replace a volume, and one that is being sent is there already."""
        self.delete(name)
        self._change()
        self.volumes[name] = b""
        self._change()
        self.volumes[name] = data

    def native_volume(self, name: str) -> bytes:
        return self.volumes[name]

    def make_copy(self, name: str, source: bytes) -> None:
        self._change()
        self.volumes[name] = source

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.volumes[name]).hexdigest()


@pytest.mark.parametrize("act", ["make", "discard"])
def test_an_image_in_a_pool_is_somebodys_wherever_golden_is_killed(act: str) -> None:
    """After any change, whatever volume of the image is there, the image is found and can be taken away."""
    points = 0
    while True:
        shelf = Shelf(volumes={"clone.qcow2": b"bytes"})
        images = VolumeImages(lambda shelf=shelf: cast("Pool", shelf), remote=True)
        if act == "discard":
            images.make("i1", ("clone.qcow2",), MARK)
        shelf.left = points
        try:
            images.make("i1", ("clone.qcow2",), MARK) if act == "make" else images.discard("i1")
        except Killed:
            shelf.left = -1
            there = [name for name in shelf.volumes if name.startswith("i1")]
            assert not there or images.find("i1") is not None, (points, there)
            if there and any(shelf.volumes[name] for name in there):
                assert [name for name, _ in images.marked()] == ["i1"], (points, there)
            images.discard("i1")
            assert list(shelf.volumes) == ["clone.qcow2"], points
            points += 1
        else:
            break
    assert points >= 3


def test_an_image_in_a_pool_that_was_half_taken_away_is_taken_away() -> None:
    """Killed between the data and the note, it is still found, and the next one finishes."""
    form = {"volume": "i1.qcow2", "size": 5, "sha256": "x"}
    note: dict[str, Any] = {"mark": asdict(MARK), "volumes": ["i1.qcow2"], "forms": [form]}
    shelf = Shelf()
    images = VolumeImages(lambda: cast("Pool", shelf), remote=True)
    from golden_libvirt.volume_images import _NOTE

    shelf.volumes = {"i1.qcow2": b"bytes", "i1" + _NOTE: json.dumps(note).encode()}
    whole = images.find("i1")
    shelf.delete("i1.qcow2")
    half = images.find("i1")
    assert half is not None
    assert whole is not None
    assert half.forms != whole.forms
    images.discard("i1")
    assert shelf.volumes == {}


def test_a_further_form_is_kept_with_its_image_and_goes_with_it(images: Images) -> None:
    """It is the image's last form, read-only, and asked for again it is not made again."""
    calls: list[Path] = []

    def make(folder: Path) -> Path:
        calls.append(folder)
        assert list(folder.iterdir()) == []
        (folder / "made").write_bytes(b"form")
        (folder / "left over").write_bytes(b"")
        return folder / "made"

    whole = images.add("i1", "wim", make)
    assert [form.format for form in whole.forms] == ["qcow2", "wim"]
    path = Path(whole.forms[1].path or "")
    assert (path.name, path.read_bytes(), path.stat().st_mode & 0o777) == ("i1.wim", b"form", 0o444)
    assert images.add("i1", "wim", make) == whole == images.find("i1")
    assert len(calls) == 1
    assert sorted(each.name for each in (images.path / "i1").iterdir()) == ["i1.qcow2", "i1.wim", "image.json"]
    images.discard("i1")
    assert list(images.path.iterdir()) == []


def test_a_further_form_that_fails_leaves_the_image_as_it_was(images: Images) -> None:
    """Nothing half-made is ever one of its forms."""
    before = images.find("i1")

    def make(folder: Path) -> Path:
        (folder / "half").write_bytes(b"half")
        raise NotFound("no Windows")

    with pytest.raises(NotFound, match="no Windows"):
        images.add("i1", "wim", make)
    assert images.find("i1") == before
    assert sorted(each.name for each in (images.path / "i1").iterdir()) == ["i1.qcow2", "image.json"]
    with pytest.raises(NotFound, match="no finished image"):
        images.add("i2", "wim", make)


def test_what_a_kill_left_of_a_further_form_is_cleared_by_the_next(images: Images) -> None:
    """kill -9 in the middle: the image is whole without it, the next make begins anew, a discard takes all."""
    program = (
        "import sys, pathlib, os, signal\nfrom golden_libvirt.images import Images\n"
        "def make(folder):\n    (folder / 'half').write_bytes(b'half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Images(pathlib.Path(sys.argv[1])).add('i1', 'wim', make)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(images.path)], check=False)
    assert ended.returncode == -9
    found = images.find("i1")
    assert found is not None
    assert [form.format for form in found.forms] == ["qcow2"]

    def make(folder: Path) -> Path:
        assert list(folder.iterdir()) == []
        (folder / "made").write_bytes(b"form")
        return folder / "made"

    assert len(images.add("i1", "wim", make).forms) == 2
    subprocess.run([sys.executable, "-c", program.replace("'wim'", "'other'"), str(images.path)], check=False)
    images.discard("i1")
    assert list(images.path.iterdir()) == []
