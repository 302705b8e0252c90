"""The rearm ledger: what is read inside, what it means, and that the reference never pays."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from golden.app.ledger import ledger, licence, rearm_of
from golden.codec import decode, encode, plain
from golden.guest.family import Wanted
from golden.model import (
    Artifact,
    Finding,
    GuestFacts,
    GuestState,
    Image,
    Rearm,
    Sealing,
    SealProof,
    Severity,
    Snapshot,
    Version,
)
from golden.waiting import Deadline
from golden.windows.licence import explain, told_left
from golden.windows.rearm import from_answer
from tests.unit.windows.guests import FACTS, FAMILY, Guest

SEVEN = replace(FACTS, version="6.1", build="7601")
NEW = Rearm(1001, 1001, 1, 0, "Volume:GVLK")


def version(number: int, rearm: Rearm | None = None, facts: GuestFacts = FACTS) -> Version:
    """One version of the reference."""
    return Version("win", number, number - 1 or None, "d", Snapshot("m", "s"), facts, (), (), (), "", "", rearm=rearm)


def image(number: int, of: int, after: Rearm | None, before: Rearm | None = None, seal: str = "sysprep") -> Image:
    """One image of it."""
    proof = SealProof(seal, "disk", FACTS, (), "")
    return Image("win", number, of, seal, Artifact("a", "a", ()), proof, "", rearm=after, rearm_before=before)


def ids(found: tuple[Finding, ...]) -> list[str]:
    """Their ids."""
    return [finding.id for finding in found]


def test_the_smaller_counter_decides_and_not_applicable_is_none() -> None:
    """4294967295 means that there is no such counter; a signed number is read as the unsigned one it was."""
    assert from_answer({"windows": 1001, "sku": 4}).left == 4
    assert from_answer({"windows": 3, "sku": 0xFFFFFFFF}).left == 3
    assert from_answer({"windows": None, "sku": None}).left is None
    assert from_answer({"windows": 5, "reason": -1073425657}).reason == 0xC004D307
    assert from_answer({"windows": "five", "channel": 7}) == Rearm(None, read=from_answer({}).read)


@pytest.mark.parametrize(
    ("facts", "rearm", "said"),
    [
        (FACTS, NEW, "1001 (never used)"),
        (FACTS, replace(NEW, windows=1000), "1000"),
        (SEVEN, Rearm(3), "3 (never used)"),
        (SEVEN, Rearm(1001), "1001"),
        (FACTS, Rearm(1001, channel="TIMEBASED_EVAL"), "1001"),
        (replace(FACTS, version=""), NEW, "1001"),
        (FACTS, None, "unknown"),
        (FACTS, Rearm(None), "unknown"),
    ],
)
def test_never_used_is_said_only_where_the_limit_is_known(facts: GuestFacts, rearm: Rearm | None, said: str) -> None:
    """1001 from Windows 8 on, 3 before it, and nobody knows for evaluation copies."""
    assert told_left(facts, rearm) == said


def test_below_two_is_a_warning_that_says_what_may_still_be_done() -> None:
    """And for a Windows 7 that a service pack is said to give one back, which is unconfirmed and so a warning."""
    low = explain(FACTS, Rearm(1), sealed=False)[0]
    assert (low.id, low.severity) == ("rearm-low", Severity.WARNING)
    assert low.sentence == "rearm left: 1; this version can be captured once more"
    assert "no more" in explain(FACTS, Rearm(0), sealed=True)[0].sentence
    assert "rearm-service-pack" in ids(explain(SEVEN, Rearm(1), sealed=False))
    assert "rearm-service-pack" not in ids(explain(FACTS, Rearm(1), sealed=False))
    assert explain(FACTS, replace(NEW, windows=2, sku=2), sealed=False)[0].severity is Severity.INFO


@pytest.mark.parametrize(
    ("rearm", "id_", "said"),
    [
        (NEW, "licence-kms", "KMS client"),
        (replace(NEW, channel="Volume:MAK"), "licence-mak", "spends one of its activations"),
        (replace(NEW, description="VIRTUAL_MACHINE_ACTIVATION channel"), "licence-avma", "Hyper-V host"),
        (Rearm(5, 5, channel="TIMEBASED_EVAL"), "licence-evaluation", "few rearms"),
        (replace(NEW, channel="OEM:DM"), "licence-retail", "unconfirmed"),
        (replace(NEW, status=5, reason=0xC004D307), "licence-reason", "KB 929828"),
        (replace(NEW, status=2, grace=43200), "licence-status", "30 days left"),
        (replace(NEW, status=9), "licence-status", "does not know (9)"),
    ],
)
def test_the_licence_is_told_in_sentences_for_this_image(rearm: Rearm, id_: str, said: str) -> None:
    """Channel, status and reason mean something for what is deployed from it."""
    found = {finding.id: finding for finding in explain(FACTS, rearm, sealed=True)}
    assert said in found[id_].sentence


@pytest.mark.parametrize(
    ("before", "after", "id_", "severity", "kms"),
    [
        ((1001, 1001), (1000, 1000), "rearm-seen", Severity.INFO, "has a client id of its own"),
        ((3, None), (2, None), "rearm-seen", Severity.INFO, "has a client id of its own"),
        ((1001, 5), (1001, 4), "rearm-seen", Severity.INFO, "has a client id of its own"),
        ((1001, 1001), (1001, 1001), "rearm-skipped", Severity.WARNING, "most likely not rearmed"),
        ((2, None), (2, 2), "rearm-skipped", Severity.WARNING, "most likely not rearmed"),
        ((None, 1001), (1000, None), "rearm-unseen", Severity.INFO, "which was not seen"),
        (None, (1000, 1000), "rearm-unseen", Severity.INFO, "which was not seen"),
    ],
)
def test_a_rearm_is_claimed_only_where_a_counter_went_down(
    before: tuple[int | None, int | None] | None, after: tuple[int | None, int | None], id_: str, severity: Severity,
    kms: str,
) -> None:  # fmt: skip
    """Sysprep ends well with SkipRearm, too: what is said of an image is what both readings showed."""
    read = Rearm(*before, channel="Volume:GVLK") if before else None
    found = {one.id: one for one in explain(FACTS, Rearm(*after, channel="Volume:GVLK"), sealed=True, before=read)}
    assert {"rearm-seen", "rearm-skipped", "rearm-unseen"} & set(found) == {id_}
    assert found[id_].severity is severity
    assert kms in found["licence-kms"].sentence
    shown = licence(FACTS, Rearm(*after, channel="Volume:GVLK"), sealed=True, before=read)
    assert id_ in [one["id"] for one in shown]


def test_an_image_that_sysprep_did_not_rearm_says_so(tmp_path: Path) -> None:
    """With SkipRearm = 1 in its registry a capture succeeds, and the image is not called rearmed."""
    sealing = Guest(tmp_path, unfit=["rearm.skipped"]).generalize()
    assert sealing.before is not None
    assert sealing.after is not None
    assert (sealing.before.left, sealing.after.left) == (1001, 1001)
    assert sealing.notes[-1].startswith("sysprep did not rearm it")
    told = {one.id: one for one in explain(FACTS, sealing.after, sealed=True, before=sealing.before)}
    assert told["rearm-skipped"].severity is Severity.WARNING
    assert "client id of its own" not in str(told)


def test_clones_that_were_not_generalized_count_as_one_for_kms() -> None:
    """The sentence for a version differs from the one for an image."""
    (kms,) = [one for one in explain(FACTS, NEW, sealed=False) if one.id == "licence-kms"]
    assert "count as one machine" in kms.sentence


def test_the_ledger_says_what_reference_and_images_have_left() -> None:
    """An adopted version is unknown until a clone of it has run; guests that count nothing have no ledger."""
    after = replace(NEW, windows=1000, sku=1000)
    alone = ledger("windows", 1, [version(1)], [])
    assert alone is not None
    assert (alone["told"], alone["reference"]) == ("rearm left: reference unknown until a clone of it has run", None)
    captured = ledger("windows", 1, [version(1)], [image(1, 1, after, NEW)])
    assert captured is not None
    assert captured["told"] == "rearm left: reference 1001 (never used), images 1000"
    updated = ledger("windows", 2, [version(1), version(2, NEW)], [image(1, 1, None, None)])
    assert updated is not None
    assert updated["told"] == "rearm left: reference 1001 (never used), images unknown"
    low = ledger("windows", 1, [version(1, Rearm(1))], [image(1, 1, None, seal="none")])
    assert low is not None
    assert (low["told"], [one["id"] for one in low["findings"]]) == ("rearm left: reference 1", ["rearm-low"])
    assert ledger("linux", 1, [version(1)], []) is None
    assert ledger("windows", 0, [], []) is None


def test_an_unknown_count_is_said_with_its_reason() -> None:
    """For a version when it will be known; for an image that the guest did not tell."""
    assert "when a clone" in licence(FACTS, None, sealed=False)[0]["sentence"]
    assert "did not tell" in licence(FACTS, None, sealed=True)[0]["sentence"]
    assert licence(replace(FACTS, os="linux"), None, sealed=False) == []


def test_records_of_an_older_golden_still_open() -> None:
    """Versions, images and proofs that were written before these readings existed read as unknown."""
    new = image(1, 1, NEW, NEW)
    kept: dict[str, Any] = json.loads(json.dumps(encode(new)))
    assert decode(kept) == new
    for name in ("rearm", "rearm_before", "notes"):
        kept.pop(name)
    for name in ("findings", "identity"):
        kept["proof"].pop(name)
    assert decode(kept) == replace(new, rearm=None, rearm_before=None)
    old = json.loads(json.dumps(encode(version(1))))
    old.pop("rearm")
    assert decode(old) == version(1)
    assert decode(json.loads(json.dumps(encode(Sealing(NEW, None, ("note",)))))) == Sealing(NEW, None, ("note",))
    assert plain(new)["rearm"]["channel"] == "Volume:GVLK"
    assert rearm_of(version(1), [new]) == NEW


class Kept(Guest):
    """A clone of a kept guest: its files copied, as a linked clone shares a version's."""

    def __init__(self, kept: Guest, folder: Path) -> None:
        super().__init__(folder)
        for place in ("tree", "machine"):
            shutil.rmtree(folder / "guest" / place)
            shutil.copytree(kept.folder / "guest" / place, folder / "guest" / place)
        self.session.open(Deadline(30))


@pytest.mark.slow
def test_five_updates_and_captures_leave_the_references_count_where_it_was(tmp_path: Path) -> None:
    """Every capture costs its own clone one rearm, and the reference none, however often it is captured."""
    reference = Guest(tmp_path / "v1")
    script = tmp_path / "note.cmd"
    for number in range(2, 7):
        script.write_bytes(f"echo {number}> C:\\v{number}.txt\r\n".encode())
        updated = Kept(reference, tmp_path / f"v{number}")
        updated.apply(FAMILY.prepare(Wanted("script", script), FACTS))
        rearm = FAMILY.readings(updated.session, Deadline(30))
        updated.session.close(Deadline(30))
        captured = Kept(updated, tmp_path / f"i{number}")
        sealing = captured.generalize()
        assert rearm is not None
        assert sealing.before is not None
        assert sealing.after is not None
        assert (rearm.left, sealing.before.left, sealing.after.left) == (1001, 1001, 1000)
        assert captured.proof().facts.state is GuestState.SEALED
        assert (captured.line.tree / f"v{number}.txt").is_file()
        reference = updated
    assert (reference.line.tree / "Windows/System32/spp/store/2.0/rearm.txt").read_text() == "1001"
