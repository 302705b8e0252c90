"""Captured images of the embedded driver: a folder each, standalone qcow2 files and one record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from golden.errors import Conflict, NotFound, StateUnusable
from golden.model import Artifact, Form, Mark
from golden_libvirt.faults import translated
from golden_libvirt.record import Maker, mark_of, sync_folder, write_json
from golden_libvirt.store import clear_unclaimed, sha256
from golden_libvirt.tools import convert

_SCRATCH = ".making"
"""Folder in an image's own that a further form is made in."""


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
        met = ((form.get("format", "qcow2"), folder / form["file"], form["sha256"]) for form in forms)
        return Artifact(str(folder), name, tuple(Form(kind, str(path), _length(path), sha) for kind, path, sha in met))

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

    def add(self, name: str, kind: str, make: Callable[[Path], Path]) -> Artifact:
        """Another form of a finished image, which ``make`` writes into an empty folder; one that is there stays."""
        folder = self.path / name
        data = self._read(folder)
        if not data.get("forms"):
            raise NotFound(f"there is no finished image {name}")
        found = self.find(name)
        assert found is not None
        if any(form.format == kind for form in found.forms):
            return found
        scratch, target = folder / _SCRATCH, folder / f"{name}.{kind}"
        with translated(f"making the {kind} of {name}"):
            shutil.rmtree(scratch, ignore_errors=True)  # a make that was cut off
            scratch.mkdir()
            try:
                made = make(scratch)
                with made.open("rb") as file:
                    os.fsync(file.fileno())
                form = {"format": kind, "file": target.name, "size": made.stat().st_size, "sha256": sha256(made)}
                made.chmod(0o444)
                made.rename(target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            write_json(folder / "image.json", {**data, "forms": [*data["forms"], form]})
        whole = self.find(name)
        assert whole is not None
        return whole

    def _claim(self, folder: Path, mark: Mark) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.path / f".{folder.name}.{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
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
            shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
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
