"""Windows Update: rounds with restarts between them, as local work, proved by what servicing has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import ChangeFailed, ProofFailed, UsageError
from golden.guest.asking import categories
from golden.guest.dialect import Script
from golden.guest.family import Wanted
from golden.waiting import Deadline
from golden.windows.dialect import SCRIPTS
from tests.unit.windows.change_bench import FACTS, FAMILY, Bench
from tests.unit.windows.payloads import package_name

ROUNDS = [
    [{"kb": "KB1", "category": "security", "restart": True}, {"kb": "KB2", "category": "drivers"}],
    [{"kb": "KB3", "category": "security"}],
]


@pytest.mark.slow
@pytest.mark.parametrize("remote", [False, True], ids=["agent", "ssh"])
def test_rounds_go_on_until_there_is_nothing_more(tmp_path: Path, remote: bool) -> None:
    """A restart between rounds where one asks for it; through SSH it runs in a task, since its token is refused."""
    bench = Bench(tmp_path, remote=remote, updates=ROUNDS)
    done, (change,) = bench.update(Wanted("windows-update", name="all"))
    assert bench.line.boots == 1
    assert [name for what, name in change.traces if what == "title"] == [
        f"Update for the stand-in (KB{number})" for number in (1, 2, 3)
    ]
    assert bench.prove(change) == ("3 updates; servicing: 3 of 3 packages CurrentState 112",)
    assert "KB1" in done.notes[0]


@pytest.mark.slow
def test_only_what_is_asked_for_is_installed(tmp_path: Path) -> None:
    """Categories choose; where nothing matches, nothing is installed and that is said."""
    bench = Bench(tmp_path, updates=ROUNDS)
    _done, (change,) = bench.update(Wanted("windows-update", name="drivers"))
    assert bench.prove(change) == ("1 updates; servicing: 1 of 1 packages CurrentState 112",)
    lost = ("package", package_name("Package_for_RollupFix", version="20348.2113.1.7"))
    with pytest.raises(ProofFailed, match="so Windows has taken it back"):
        bench.prove(replace(change, traces=(*change.traces, lost)))
    _done, (none,) = bench.update(Wanted("windows-update", name="definitions"))
    assert bench.prove(none) == ("Windows Update found nothing to install",)


@pytest.mark.slow
@pytest.mark.thorough  # Many restarts, each with its waits.
def test_updates_that_ask_for_a_restart_for_ever_are_stopped(tmp_path: Path) -> None:
    """After eight restarts the update ends, and says what still asks."""
    rounds = [[{"kb": f"KB{number}", "category": "security", "restart": True}] for number in range(12)]
    bench = Bench(tmp_path, updates=rounds)
    with pytest.raises(ChangeFailed, match="after 8 restarts the guest still asks for one"):
        bench.apply(*bench.prepare(Wanted("windows-update", name="all")), limit=300)
    assert bench.line.boots == 8


@pytest.mark.slow
def test_a_service_that_is_not_reached_is_told(tmp_path: Path) -> None:
    """The code in hex, and what it likely means."""
    with pytest.raises(ChangeFailed, match=r"0x80240438.*reached no update service"):
        Bench(tmp_path, updates=0x80240438).update(Wanted("windows-update", name="all"))


@pytest.mark.slow
@pytest.mark.parametrize("when", ["update", "restart"])
def test_a_guest_that_joined_a_domain_meanwhile_is_no_version(tmp_path: Path, when: str) -> None:
    """Asked after each round, and once more after the last restart, since a join is finished by one."""
    rounds = [[{"kb": "KB1", "category": "security"}]]
    bench = Bench(tmp_path, updates=rounds, joins={"domain": "corp.example", "when": when})
    with pytest.raises(ChangeFailed, match=r"is a member of the domain corp\.example") as error:
        bench.update(Wanted("windows-update", name="all"))
    assert bench.line.boots == (0 if when == "update" else 1)
    assert "address translation" in (error.value.hint or "")


@pytest.mark.slow
def test_a_member_of_a_domain_is_not_updated_at_all(tmp_path: Path) -> None:
    """Nothing is searched for or installed."""
    bench = Bench(tmp_path, updates=ROUNDS, unfit=["domain.joined"])
    with pytest.raises(ChangeFailed, match=r"is a member of the domain corp\.example"):
        bench.update(Wanted("windows-update", name="all"))
    packages = bench.session.script(Script(SCRIPTS / "packages.ps1"), "asking", Deadline(30))["packages"]
    assert not [name for name in packages if "KB1" in name]


def test_it_needs_a_network_and_says_what_to_look_at() -> None:
    """It is marked as needing one, and warns of a domain's."""
    prepared = FAMILY.prepare(Wanted("windows-update", name="all"), FACTS)
    assert prepared.network
    assert [finding.id for finding in prepared.findings] == ["network-asked-for"]


def test_categories_are_known_or_refused() -> None:
    """In a steady order; a slip is named."""
    assert categories("updates, Security") == "security,updates"
    assert categories("") == categories("security,all") == "all"
    with pytest.raises(UsageError, match="no category 'securty'") as error:
        categories("securty")
    assert "'security'" in (error.value.hint or "")
