"""What ``golden log`` and ``golden show`` say of rearms, licence and proof; by records in a real database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from golden.codec import encode
from golden.model import SAME_HARDWARE, Finding, Rearm, Severity

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

NEW = Rearm(1001, 1001, 1, 0, "Volume:GVLK", read="2026-11-23T08:00:00+00:00")
LEFT = Finding("residue-memory", Severity.WARNING, "a paging file travels with the image", "C:\\pagefile.sys", "as WIM")


def rewrite(lab: Lab, table: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every record of a table as it is written down."""
    with closing(sqlite3.connect(lab.path / ".golden/golden.db")) as db, db:
        for row, text in db.execute(f"SELECT rowid, record FROM {table}").fetchall():
            record = json.loads(text)
            change(record)
            db.execute(f"UPDATE {table} SET record = ? WHERE rowid = ?", (json.dumps(record), row))


@pytest.fixture
def windows(imaged: Lab) -> Lab:
    """The project with v1, v2 and i1, as if its guest were a Windows that was read."""

    def version(record: dict[str, Any]) -> None:
        record["facts"] |= {"os": "windows", "version": "10.0"}
        record["rearm"] = encode(NEW) if record["number"] == 2 else None

    def image(record: dict[str, Any]) -> None:
        record["proof"]["facts"] |= {"os": "windows", "version": "10.0"}
        record["proof"] |= {"findings": encode((LEFT,)), "identity": [["machine SID", "S-1-5-21-1-2-3"]]}
        record |= {"rearm": encode(Rearm(1, 1, 1, 0, "Volume:MAK")), "rearm_before": encode(NEW), "notes": ["noted"]}

    rewrite(imaged, "version", version)
    rewrite(imaged, "image", image)
    with closing(sqlite3.connect(imaged.path / ".golden/golden.db")) as db, db:
        db.execute("UPDATE reference SET os = 'windows'")
    return imaged


def test_the_log_has_one_line_on_rearms(windows: Lab, golden: Golden) -> None:
    """What the reference and its newest image have left, for people and for programs."""
    assert "rearm left: reference 1001 (never used), images 1\n" in golden("log").out
    told = golden("log", "-o", "json").data["rearm"]
    assert (told["reference"], told["images"]) == (1001, 1)


def test_an_image_is_shown_with_all_that_was_proved(windows: Lab, golden: Golden) -> None:
    """Identity, what is left on the disk, licence and notes, for people and for programs."""
    shown = golden("show", "ref@i1").out
    for words in ("machine SID  S-1-5-21-1-2-3", "! a paging file travels", "→ as WIM", "a MAK is in it", "noted",
                  "can be generalized once more"):  # fmt: skip
        assert words in shown
    data = golden("show", "ref@i1", "-o", "json").data
    assert data["proof"]["findings"][0]["id"] == "residue-memory"
    assert data["rearm_before"]["windows"] == 1001
    assert "licence-mak" in {one["id"] for one in data["licence"]}


def test_a_version_is_shown_with_its_licence(windows: Lab, golden: Golden) -> None:
    """v2 was read before it was frozen; v1 is unknown until a clone of it runs."""
    assert "rearm left: 1001 (never used)" in golden("show", "ref@v2").out
    assert "rearm left: unknown; it is read when a clone of this version runs" in golden("show", "ref@v1").out


def test_what_an_older_golden_wrote_still_opens(windows: Lab, golden: Golden) -> None:
    """Records without any of these fields: nothing is known, and nothing breaks."""

    def version(record: dict[str, Any]) -> None:
        record.pop("rearm")

    def image(record: dict[str, Any]) -> None:
        for name in ("rearm", "rearm_before", "notes"):
            record.pop(name)
        for name in ("findings", "identity"):
            record["proof"].pop(name)

    rewrite(windows, "version", version)
    rewrite(windows, "image", image)
    assert "rearm left: reference unknown until a clone of it has run, images unknown" in golden("log").out
    for address in ("ref@v1", "ref@v2", "ref@i1"):
        assert golden("show", address).code == 0
        assert golden("show", address, "-o", "json").code == 0
    assert golden("resolve", "ref@stable", "-o", "json").data["rearm"] is None


def test_guests_that_count_nothing_have_no_ledger(imaged: Lab, golden: Golden) -> None:
    """No line in the log, and no licence."""
    assert "rearm" not in golden("log").out
    assert golden("log", "-o", "json").data["rearm"] is None
    assert golden("show", "ref@i1", "-o", "json").data["licence"] == []


def test_mode_vm_belongs_to_sysprep(ref: Lab, golden: Golden) -> None:
    """With another seal it is refused before anything starts."""
    ran = golden("capture", "--seal", "none", "--mode-vm", "-o", "json")
    assert ran.code == 2
    assert "--mode-vm belongs to sysprep" in ran.error["brief"]
    assert golden("log", "-o", "json").data["images"] == []


def test_mode_vm_does_not_go_with_what_is_deployed_anywhere(ref: Lab, golden: Golden) -> None:
    """A WIM, and a library that deploys to any machine: exit 2 before anything starts, with what to leave out."""
    golden("library", "add", "deploy", "memory-deployment:world")
    for typed, named in ((("--form", "wim"), "--form wim"), (("--to", "deploy"), "--to deploy")):
        ran = golden("capture", "--mode-vm", *typed, "-o", "json")
        assert (ran.code, ran.error["id"]) == (2, "usage")
        assert f"--mode-vm and {named} exclude each other" in ran.error["brief"]
        assert "leave --mode-vm out" in ran.error["hint"]
    log = golden("log", "-o", "json").data
    assert (log["images"], golden("jobs", "-o", "json").data["jobs"]) == ([], [])


def test_an_image_made_with_mode_vm_is_not_published_where_anything_is_deployed(imaged: Lab, golden: Golden) -> None:
    """Exit 12 with how to make one that may be; nothing is begun in the library, and others take it."""
    rewrite(imaged, "image", lambda record: record.update(notes=[SAME_HARDWARE]))
    golden("library", "add", "deploy", "memory-deployment:world")
    golden("library", "add", "plain", "memory-library:world")
    ran = golden("publish", "ref@i1", "--to", "deploy", "-o", "json")
    assert (ran.code, ran.error["id"]) == (12, "policy")
    assert "was generalized with /mode:vm" in ran.error["brief"]
    assert "without --mode-vm" in ran.error["hint"]
    assert golden("list", "--library", "deploy", "-o", "json").data["publications"] == []
    assert golden("publish", "ref@i1", "--to", "plain").code == 0
