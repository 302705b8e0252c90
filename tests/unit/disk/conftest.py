"""Disks that several tests read; built once a run, since nothing here writes to a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.disk import disks


@pytest.fixture(scope="session")
def windows_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT disk with an EFI partition and a Windows volume."""
    big = bytes(range(256)) * 12_000  # 3 MB, several pieces
    extra = {"Program Files/Tool/Data.bin": big, "Users/ünïcode Näme.txt": "grüße".encode(), "empty.txt": b""}
    return disks.Windows(files=extra).disk(tmp_path_factory.mktemp("windows"))
