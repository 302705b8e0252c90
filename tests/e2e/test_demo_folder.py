"""
In the folder that golden demo leaves, on a real libvirt: what the stand-in's README says to type. Every state that
golden check looks for is named before, and every failure of sysprep after.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.bench import Desk, ended
from tests.e2e.test_failures_explained import FAILURES
from tests.unit.windows.folder_guest import PROGRAMS

pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("demo folder")]

APART = (
    ("bitlocker.device-encryption", "rearm.low", "media.attached"),
    ("upgrade.unsupported", "hint.tile-data"),
    ("hint.media-sharing",),
    ("upgrade.sign", "domain.policy", "profiles.several"),
)
"""States that would overwrite another one's key, value or file; the last ones are read from a disk, or are covered."""
COPY_PROFILE = """<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize">
<component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35"
language="neutral" versionScope="nonSxS"><CopyProfile>true</CopyProfile></component></settings></unattend>"""
NEEDS_ITS_ACCOUNT = {"account.no-administrator"}
"""Looked for where golden.toml names the account that sysprep runs as: tests/unit/windows has such a guest."""
MADE_WITH_THE_TREE = {"disk.hive-dirty"}
"""No start of a guest leaves it: tests/unit/windows has a disk like that."""


def states() -> set[str]:
    """What the stand-in can switch on, told by its own Python."""
    asked = "import json; from programs import unfit; print(json.dumps(sorted(unfit.known())))"
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROGRAMS)}
    told = subprocess.run(["/usr/bin/python3", "-c", asked], env=env, check=True, capture_output=True)
    return set(json.loads(told.stdout)) - MADE_WITH_THE_TREE - NEEDS_ITS_ACCOUNT


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The folder, once for all."""
    place = Desk(tmp_path_factory.mktemp("demo") / "golden-demo")
    with ended(place):
        made = Desk(place.path.parent).golden("demo", "golden-demo")
        assert made.code == 0, made.said
        yield place


def switch_on(demo: Desk, faults: dict[str, Any]) -> None:
    """As the README types it, on the first version."""
    demo.does("rollback", "win2022@v1", "-y")
    (demo.path / "faults.json").write_text(json.dumps(faults))
    demo.does("update", "--copy", "faults.json:C:\\Windows\\golden-stand-in\\faults.json")


@pytest.mark.parametrize("at", range(len(APART) + 1), ids=["together", *(names[0] for names in APART)])
def test_check_names_before_what_was_switched_on(demo: Desk, at: int) -> None:
    """Each by its id, in one check of a version that has them all."""
    names = set(APART[at - 1]) if at else states() - {name for those in APART for name in those}
    switch_on(demo, {"unfit": sorted(names)})
    if "domain.policy" in names:  # The states come with the next start, and this one is read from the disk before it.
        demo.does("update", "--copy", "faults.json:C:\\faults.json")
    demo.write("copy.xml", COPY_PROFILE)
    told = demo.golden("check", "--answer-file", "copy.xml", "-o", "json")
    assert "Traceback" not in told.said
    assert names - {one["id"] for one in told.data["findings"]} == set()
    assert told.code == (4 if any(one["severity"] == "error" for one in told.data["findings"]) else 0)


@pytest.mark.parametrize("name", FAILURES)
def test_explain_names_after_what_was_switched_on(demo: Desk, name: str) -> None:
    """From the logs that the job of a rehearsal kept."""
    faults, cause, usable, blame = FAILURES[name]
    switch_on(demo, faults)
    tried = demo.golden("check", "--rehearse", "-o", "json")
    assert tried.code == 6, tried.said
    told = demo.golden("explain", "-o", "json").data
    assert (told["verdict"], told["cause"]["id"], told["usable"]) == ("failed", cause, usable)
    assert blame in told["cause"]["blame"]
