"""Drivers and scripts for a Windows guest that cannot be right are refused before anything starts."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

INF = """\
[Version]
Signature="$Windows NT$"
Class=Net
Provider=%P%
{catalog}DriverVer=01/01/2024,1.0.0.0
[Manufacturer]
%P%=M,NT{architecture}
[M.NT{architecture}]
%D%=I,PCI\\VEN_1AF4
[I]
CopyFiles=F
[F]
{driver}
[SourceDisksNames]
1=%P%
[SourceDisksFiles]
{driver}=1
[Strings]
P="A"
D="B"
"""


@pytest.fixture
def windows(ref: Lab) -> Lab:
    """A project whose reference is taken for a Windows guest; only looking at changes is tried here."""
    with sqlite3.connect(ref.path / ".golden/golden.db") as db:
        db.execute("UPDATE reference SET os = 'windows'")
    db.close()
    ref.write("there.sys", "driver")
    ref.write("no-inf.inf", "hello world\n")
    (ref.path / "picture.inf").write_bytes(bytes(range(256)) * 4)
    good = {"catalog": "", "architecture": "amd64", "driver": "there.sys"}
    ref.write("good.inf", INF.format(**good))
    ref.write("no-catalog-file.inf", INF.format(**{**good, "catalog": "CatalogFile=gone.cat\n"}))
    ref.write("no-driver-file.inf", INF.format(**{**good, "driver": "gone.sys"}))
    ref.write("other-architecture.inf", INF.format(**{**good, "architecture": "arm64"}))
    ref.write("script.sh", "echo\n")
    return ref


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (("--add", "missing.inf"), 13, "missing.inf"),
        (("--add", "empty.inf"), 2, "empty"),
        (("--add", "no-inf.inf"), 2, "no INF file"),
        (("--add", "picture.inf"), 2, "no INF file"),
        (("--add", "no-catalog-file.inf"), 13, "gone.cat"),
        (("--add", "no-driver-file.inf"), 13, "gone.sys"),
        (("--add", "other-architecture.inf"), 2, "arm64"),
        (("--run", "script.sh"), 2, "cannot run"),
        (("--add", "good.inf", "--add", "missing.inf"), 13, "missing.inf"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_driver_that_cannot_be_installed_is_refused(
    windows: Lab, golden: Golden, typed: tuple[str, ...], code: int, words: str
) -> None:
    """A missing, empty, wrong or incomplete INF is an error before a clone is made."""
    told = golden("update", *typed, "-o", "json", "-q")
    assert told.code == code
    assert words in told.error["brief"]
    assert len(golden("jobs", "--all", "-o", "json").data["jobs"]) == 1


def test_a_driver_without_a_catalog_is_a_warning(windows: Lab, golden: Golden) -> None:
    """A driver that nobody signed is told on stderr, and does not stop the update."""
    ran = golden("update", "--add", "good.inf", "--dry-run", "-o", "json")
    assert ran.code == 0
    assert "warning: good.inf names no catalog" in ran.err
    assert ran.data["findings"]
