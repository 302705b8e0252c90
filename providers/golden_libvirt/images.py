"""Captured images of the embedded driver: a folder each, standalone qcow2 files and one record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from golden.errors import Conflict, StateUnusable
from golden.model import Artifact, Form, Mark
from golden_libvirt.faults import translated
from golden_libvirt.record import Maker, mark_of, sync_folder, write_json
from golden_libvirt.store import clear_unclaimed, sha256
from golden_libvirt.tools import convert


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one state folder."""

    path: Path

    def find(self, name: str) -> Artifact | None:
        """The image; without forms while it is half-made. A form's length is the file's own, 0 where it is gone."""
        folder = self.path / name
        if not folder.is_dir():
            clear_unclaimed(self.path, name)
            return None
        data = self._read(folder)
        forms = data.get("forms", ())
        met = ((folder / form["file"], form["sha256"]) for form in forms)
        return Artifact(str(folder), name, tuple(Form("qcow2", str(path), _length(path), sha) for path, sha in met))

    def marked(self) -> Iterator[tuple[str, Mark]]:
        """Every image with its mark."""
        if self.path.is_dir():
            for folder in sorted(self.path.iterdir()):
                data = self._read(folder) if folder.is_dir() and not folder.name.startswith(".") else {}
                if data:
                    yield folder.name, mark_of(data["mark"])

    def make(self, name: str, disks: tuple[tuple[Path, str], ...], mark: Mark) -> Artifact:
        """Copy each disk with its whole chain into one standalone file. Conflict where the name is taken."""
        folder = self.path / name
        with translated(f"making the image {name}"):
            self._claim(folder, mark)
            forms = []
            for number, (disk, disk_format) in enumerate(disks):
                target = folder / (f"{name}.qcow2" if number == 0 else f"{name}-disk{number}.qcow2")
                convert(disk, disk_format, target)
                descriptor = os.open(target, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
                forms.append({"file": target.name, "size": target.stat().st_size, "sha256": sha256(target)})
                target.chmod(0o444)
            write_json(folder / "image.json", {"mark": asdict(mark), "forms": forms, "maker": asdict(Maker.this())})
        found = self.find(name)
        assert found is not None
        return found

    def _claim(self, folder: Path, mark: Mark) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = self.path / f".{folder.name}.{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        write_json(fresh / "image.json", {"mark": asdict(mark), "forms": [], "maker": asdict(Maker.this())})
        try:
            fresh.rename(folder)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            if folder.exists():
                raise Conflict(f"an image named {folder.name} is there already") from error
            raise
        sync_folder(self.path)

    def discard(self, name: str) -> None:
        """Take the image away, whatever state it is in."""
        folder = self.path / name
        if not folder.is_dir():
            return
        with translated(f"taking the image {name} away"):
            data = self._read(folder)
            if data:
                if not data["forms"] and (maker := Maker(**data["maker"])).is_another():
                    raise Conflict(f"{name} is being made by process {maker.pid}", hint="golden jobs")
                write_json(folder / "image.json", {**data, "forms": [], "maker": asdict(Maker.this())})
            for path in sorted(folder.iterdir(), key=lambda path: path.name == "image.json"):
                path.unlink(missing_ok=True)
            folder.rmdir()
            sync_folder(self.path)

    def _read(self, folder: Path) -> dict[str, Any]:
        try:
            return dict(json.loads((folder / "image.json").read_text("utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StateUnusable(f"the record of an image cannot be read: {folder}", details=repr(error)) from error


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
