"""The start-up budget: commands that only read load nothing that they do not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.lab import made
from tests.unit.windows import logs

HEAVY = {
    "rich",
    "pydantic",
    "humanize",
    "psutil",
    "paramiko",
    "libvirt",
    "tomlkit",
    "pyfsntfs",
    "pyvsgpt",
    "pyvsmbr",
    "pyregf",
    "golden_libvirt",
    "golden_vsphere",
    "pyVmomi",
    "pyVim",
    "httpx",
    "asyncio",
}
"""Modules no reading command may load."""

ELSEWHERE = """
[endpoints.vc]
url = "vsphere://vcenter.example.com/DC1/golden"
user = "golden@vsphere.local"
password_env = "VC_PASSWORD"

[libraries.templates]
url = "vcenter-template:templates?endpoint=vc"
"""

PROGRAM = """
import sys
from golden.cli.main import run
code = run(sys.argv[1:])
print("\\nLOADED", *sys.modules)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a version, an image and a channel."""
    lab = made(tmp_path_factory.mktemp("startup") / "lab")
    for typed in (("adopt", "ref", "--from", "base", "--os", "memory"), ("capture",), ("promote", "ref")):
        assert lab.process(*typed).code == 0
    (lab.path / "setupact.log").write_bytes(logs.APPX_FAILURE)
    with (lab.path / "golden.toml").open("a", encoding="utf-8") as settings:
        settings.write(ELSEWHERE)
    return lab.path


def loaded(project: Path, *typed: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *typed], cwd=project, capture_output=True, text=True, timeout=60, check=True
    )
    return set(ran.stdout.rpartition("\nLOADED ")[2].split())


@pytest.mark.parametrize(
    "typed",
    [
        ("--help",),
        ("update", "--help"),
        ("status",),
        ("status", "--no-input"),
        ("list",),
        ("log", "ref"),
        ("show", "ref@v1"),
        ("show", "ref@i1"),
        ("resolve", "ref@stable"),
        ("jobs",),
        ("explain", "setupact.log"),
        ("explain", "setupact.log", "-o", "json"),
    ],
    ids=" ".join,
)
def test_reading_commands_load_nothing_heavy(project: Path, typed: tuple[str, ...]) -> None:
    """--help and the reading commands import no hypervisor library, no rich, no validation library."""
    assert {name.partition(".")[0] for name in loaded(project, *typed)} & HEAVY == set()


def test_status_loads_neither_parser_nor_nouns(project: Path) -> None:
    """`golden status` typed plainly loads neither typer nor golden's nouns, catalog or jobs."""
    names = loaded(project, "status")
    assert "golden.app.reading" in names
    assert names & {"typer", "golden.model", "golden.catalog", "golden.jobs", "golden.procedures"} == set()


def test_explaining_a_log_loads_neither_parser_nor_nouns(project: Path) -> None:
    """`golden explain FILE` typed plainly loads neither typer nor settings nor readers of other kinds of log."""
    names = loaded(project, "explain", "setupact.log")
    unwanted = {"typer", "golden.model", "golden.settings", "golden.windows.explain.msi", "zipfile", "golden.disk.ntfs"}
    assert names & unwanted == set()


def test_long_work_may_load_rich_only_on_a_terminal(project: Path) -> None:
    """In a pipe not even an update loads rich."""
    assert "rich" not in loaded(project, "update", "--add", "a.inf", "-q")
