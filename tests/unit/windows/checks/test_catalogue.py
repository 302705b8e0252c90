"""The catalogue of checks: complete, sourced, and never harder than its facts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import golden
from golden.model import Severity
from golden.windows.checks.catalogue import OFFLINE, ONLINE, Check, catalogue, ids
from golden.windows.checks.disk_rules import DISK_RULES
from golden.windows.checks.fixes import FIXES
from golden.windows.checks.live_rules import LIVE_RULES
from golden.windows.checks.offline import ABOUT_THE_DISK
from golden.windows.checks.rules import RULES
from golden.windows.dialect import SCRIPTS

FACTS = Path(golden.__file__).parents[2] / "docs/facts/windows.md"
CHECKS = list(catalogue().values())


def sections() -> set[str]:
    """Numbers of the sections of the facts."""
    text = FACTS.read_text(encoding="utf-8")
    rows = {f"0.{number}" for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}
    return rows | set(re.findall(r"^#+ (\d+\.\d+)", text, re.MULTILINE))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_names_a_section_of_the_facts(check: Check) -> None:
    """The source of a check is a section that is there."""
    numbers = re.findall(r"\b\d+\.\d+", check.source)
    assert numbers
    assert set(numbers) <= sections()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_an_unconfirmed_fact_never_stops_anything(check: Check) -> None:
    """What rests on a fact marked [K] is a warning or less, whichever way it is met."""
    for way in check.unconfirmed:
        assert getattr(check, way) in (Severity.WARNING, Severity.INFO)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_can_be_made_and_says_what_to_do(check: Check) -> None:
    """A check has a rule for each way it claims, a sentence, and a fix unless it is only good to know."""
    assert check.online or check.offline
    assert not check.sentence.endswith(".")
    if Severity.ERROR in (check.online, check.offline) or Severity.WARNING in (check.online, check.offline):
        assert check.fix
    if check.online:
        assert check.id in LIVE_RULES or check.id in RULES
    if check.offline:
        assert check.id in DISK_RULES or check.id in RULES or check.id in ABOUT_THE_DISK


def test_every_rule_belongs_to_a_check() -> None:
    """No rule is followed that nobody could be told of."""
    assert {*DISK_RULES, *LIVE_RULES, *RULES, *ABOUT_THE_DISK} == set(catalogue())
    assert set(ids(ONLINE)) | set(ids(OFFLINE)) == set(catalogue())


def test_every_safe_fix_is_there() -> None:
    """What the catalogue calls safe is something golden does; those with a script have that script."""
    assert {check.safe for check in CHECKS if check.safe} == set(FIXES)
    for kind in set(FIXES) - {"restart", "wait"}:
        assert (SCRIPTS / f"fix_{kind}.ps1").is_file()
