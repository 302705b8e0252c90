"""
What is about to be made, written down before vCenter is asked: a machine that is being cloned has no configuration yet
(``config`` is unset in the early phase of its creation), so its mark cannot be read from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from golden.errors import StateUnusable
from golden.model import Mark, Role

OLD = 7 * 24 * 3600
"""Seconds after which what is not there will never be."""


class Intents:
    """One small file for each name, below golden's state folder."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is made when the first is written."""
        self._folder = folder

    def write(self, name: str, mark: Mark) -> None:
        """Before the call. StateUnusable where it cannot be."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh = self._folder / f".{name}.{os.getpid()}"
            fresh.write_text(json.dumps(asdict(mark)), encoding="utf-8")
            fresh.replace(self._folder / f"{name}.json")
            for path in self._folder.iterdir():
                with contextlib.suppress(FileNotFoundError):  # Another golden is faster.
                    if time.time() - path.stat().st_mtime > OLD:
                        path.unlink()
        except OSError as error:
            raise StateUnusable(f"{self._folder} cannot be written", details=str(error)) from error

    def read(self, name: str) -> Mark | None:
        """The mark that a thing being made will have; None where nobody here is making it."""
        try:
            raw = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
            return Mark(**{**raw, "role": Role(raw["role"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self, name: str) -> None:
        """Once it is there or will never be; absent is success."""
        try:
            (self._folder / f"{name}.json").unlink(missing_ok=True)
        except OSError as error:
            raise StateUnusable(f"{self._folder} cannot be written", details=str(error)) from error
