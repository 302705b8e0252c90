"""
Deployment services beside the Hyper-V host: an image store of WDS with its groups.

It lives in ``wds.json`` of the host's folder, which every process of the peer reads and writes under a lock; a host
without it has no such role. WIMs are real ones: wimlib reads, copies and refuses them.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GROUP = "Golden images"


class Wds:
    """
    The service of one host. What a test may set: ``seconds`` (an import takes so long), ``full`` (the store has no
    room), ``groups``, ``absent`` (the category of its error for an image that is not there, which is not documented).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "wds.json"

    @classmethod
    def install(cls, folder: Path, **settings: Any) -> Wds:
        """The role with one image group."""
        made = cls(folder)
        state = {"groups": [GROUP, "Servers"], "images": [], "seconds": 0.0, "full": False, "working": 0,
                 "absent": "ObjectNotFound"}  # fmt: skip
        assert set(settings) <= set(state), settings
        made.file.write_text(json.dumps({**state, **settings}))
        return made

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """Read, change, write, alone."""
        with (self.folder / "wds.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            yield state
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(state))
            new.replace(self.file)

    def read(self) -> dict[str, Any]:
        """As it is now; empty where the role is not installed."""
        return dict(json.loads(self.file.read_text())) if self.file.exists() else {}

    def store(self, group: str, file: str) -> Path:
        """Where an image's content is."""
        return self.folder / "RemoteInstall" / group / file


def wim_facts(path: Path) -> dict[str, str]:
    """What the first image of a WIM says of itself; ValueError where it is none."""
    ended = subprocess.run(["wiminfo", path, "--xml"], capture_output=True, check=False)
    if ended.returncode:
        raise ValueError(ended.stderr.decode(errors="replace"))
    image = ET.fromstring(ended.stdout.decode("utf-16")).find("IMAGE")
    if image is None:
        raise ValueError("it holds no image")
    place = {"name": "NAME", "architecture": "WINDOWS/ARCH", "edition": "WINDOWS/EDITIONID"}
    version = [image.findtext(f"WINDOWS/VERSION/{each}") or "0" for each in ("MAJOR", "MINOR", "BUILD", "SPBUILD")]
    return {name: image.findtext(at) or "" for name, at in place.items()} | {"version": ".".join(version)}


def copy_wim(source: Path, target: Path, name: str, description: str) -> None:
    """The first image into another WIM, in other bytes: an image store keeps content in its own way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    argv = ["wimexport", source, "1", target, name, description, "--compress=none"]
    ended = subprocess.run(argv, capture_output=True, check=False)
    if ended.returncode:
        target.unlink(missing_ok=True)
        raise ValueError(ended.stderr.decode(errors="replace"))
