"""Updates: looked at before, installed as local work, restarted for, and proved from servicing's own records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import ChangeFailed, NotFound, ProofFailed, UsageError
from golden.guest.family import Applied, Wanted
from golden.guest.session import Session
from golden.model import Change
from golden.waiting import Deadline
from golden.windows.changes import outcomes
from golden.windows.changes.outcomes import Meaning, outcome
from golden.windows.checks.catalogue import catalogue
from golden.windows.family import WindowsFamily
from tests.unit.windows.change_bench import FACTS, FAMILY, Bench
from tests.unit.windows.payloads import cabinet, package_name, update_cab, update_msu

KB = "Package_for_KB5031234"


def cab(folder: Path, architecture: str = "amd64") -> Wanted:
    return Wanted("update", update_cab(folder / "windows10.0-kb5031234-x64.cab", KB, architecture))


@pytest.mark.slow
def test_a_cab_is_installed_and_proved_by_its_package(tmp_path: Path) -> None:
    """Its package is installed on the disk afterwards, and was not before."""
    bench = Bench(tmp_path)
    done, (change,) = bench.update(cab(tmp_path))
    assert change.traces == (("package", package_name(KB)),)
    assert done.notes == ()
    assert bench.prove(change) == (f"servicing: {package_name(KB)} CurrentState 112 (installed)",)
    clean = Bench(tmp_path / "clean")
    with pytest.raises(ProofFailed, match=r"no package of windows10\.0-kb5031234-x64\.cab is installed"):
        clean.prove(change)


@pytest.mark.slow
def test_a_restart_is_made_waited_for_and_finishes_the_update(tmp_path: Path) -> None:
    """3010: the package waits for a restart; after it servicing is given time, and the package is installed."""
    bench = Bench(tmp_path, dism=3010, busy=2)
    _done, (change,) = bench.update(cab(tmp_path))
    assert bench.line.boots == 1
    assert "CurrentState 112" in bench.prove(change)[0]


@pytest.mark.slow
def test_an_update_that_wants_a_second_restart_gets_it_and_a_third_names_the_key(tmp_path: Path) -> None:
    """A key that stays after two restarts in a row stops the update, and is named."""
    bench = Bench(tmp_path, dism=3010, servicing="stuck")
    with pytest.raises(ChangeFailed, match=r"Component Based Servicing\\RebootPending persists") as error:
        bench.update(cab(tmp_path))
    assert bench.line.boots == 2
    assert "restarted 2 times" in (error.value.details or "")


@pytest.mark.slow
def test_a_key_that_asks_for_a_restart_is_followed_even_without_the_exit_code(tmp_path: Path) -> None:
    """A script that ends with 0 and leaves RebootPending has the guest restarted before it is frozen."""
    bench = Bench(tmp_path)
    script = tmp_path / "pending.cmd"
    key = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
    script.write_bytes(f'@echo off\r\nreg.exe add "{key}" /f\r\n'.encode())
    done, _changes = bench.update(Wanted("script", script))
    assert bench.line.boots == 1
    assert "RebootPending" in done.notes[0]


@pytest.mark.slow
def test_a_sign_that_may_mean_nothing_gets_one_restart_and_is_no_error(tmp_path: Path) -> None:
    """What is not confirmed to ask for a restart is worth one, and a note where it is still there after it."""
    bench = Bench(tmp_path)
    script = tmp_path / "pending.cmd"
    script.write_bytes(b"@echo off\r\nmkdir C:\\Windows\\WinSxS\r\necho x > C:\\Windows\\WinSxS\\pending.xml\r\n")
    done, _changes = bench.update(Wanted("script", script))
    assert bench.line.boots == 1
    assert "is there after a restart too, which may mean nothing" in done.notes[1]


UNCONFIRMED = (
    "reboot.cbs-packages", "reboot.cbs-session", "reboot.pending-xml", "reboot.update-reporting",
    "reboot.computer-name", "reboot.domain-join", "reboot.server-manager", "reboot.run-once", "reboot.configmgr",
)  # fmt: skip


def test_every_sign_of_a_waiting_restart_is_looked_at_and_only_confirmed_ones_are_sure(tmp_path: Path) -> None:
    """The list of docs/facts: windows 5.8, but for renamings of files; what it marks as unconfirmed is never sure."""
    confirmed = ("reboot.cbs", "reboot.windows-update", "reboot.update-exe")
    bench = Bench(tmp_path, unfit={name: 9 for name in (*confirmed, *UNCONFIRMED, "reboot.file-renames")})
    pending = FAMILY.settle(bench.session, Deadline(60), restarted=False)
    assert [sign.rpartition("\\")[2] for sign in pending.sure] == [
        "RebootPending", "RebootRequired", "Updates!UpdateExeVolatile",
    ]  # fmt: skip
    assert len(pending.likely) == len(UNCONFIRMED), pending.likely
    known = {name: catalogue()[name].unconfirmed for name in (*confirmed, *UNCONFIRMED)}
    assert not any(known[name] for name in confirmed)
    assert all(known[name] for name in UNCONFIRMED if name != "reboot.configmgr")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reboot.cbs-packages", "reboot.domain-join", "reboot.run-once", "reboot.configmgr"])
def test_an_unconfirmed_sign_that_stays_for_ever_fails_no_update(tmp_path: Path, name: str) -> None:
    """It is worth one restart and a note; the update succeeds."""
    bench = Bench(tmp_path, unfit={name: 9})
    script = tmp_path / "note.cmd"
    script.write_bytes(b"@echo off\r\necho x> C:\\x.txt\r\n")
    done, (change,) = bench.update(Wanted("script", script))
    assert bench.line.boots == 1
    assert "is there after a restart too, which may mean nothing" in done.notes[1]
    assert bench.prove(change) == ("exit code 0",)


@pytest.mark.slow
def test_an_msu_goes_to_wusa_on_old_builds_and_knows_what_is_there_already(tmp_path: Path) -> None:
    """Before Windows 10 wusa installs it; a second time it says that it is there, which is a note."""
    bench = Bench(tmp_path)
    wanted = Wanted("update", update_msu(tmp_path / "windows8.1-kb5031234-x64.msu", KB))
    _done, (change,) = bench.update(wanted, facts=replace(FACTS, build="9600"))
    assert bench.runs("wusa.exe") == 0  # its name is in no output; the argument list tells
    assert ("way", "wusa") in change.arguments
    done, (again,) = bench.update(wanted, facts=replace(FACTS, build="9600"))
    assert done.notes == ("windows8.1-kb5031234-x64.msu: it is installed already",)
    assert "CurrentState 112" in bench.prove(again)[0]


@pytest.mark.slow
def test_an_msu_that_dism_does_not_take_goes_to_wusa(tmp_path: Path) -> None:
    """Where this DISM does not know such files, wusa is asked; the proof is the same."""
    bench = Bench(tmp_path, dism=87)
    _done, (change,) = bench.update(Wanted("update", update_msu(tmp_path / "windows10.0-kb5031234-x64.msu", KB)))
    assert "CurrentState 112" in bench.prove(change)[0]
    with pytest.raises(ChangeFailed, match="exit code 87"):
        bench.update(cab(tmp_path))


@pytest.mark.slow
def test_work_that_must_be_local_goes_through_a_task_of_system(tmp_path: Path) -> None:
    """wusa refuses the token of a logon from outside, so through SSH it is run by a one-time task, which is removed."""
    bench = Bench(tmp_path, remote=True)
    wanted = Wanted("update", update_msu(tmp_path / "windows8.1-kb5031234-x64.msu", KB))
    _done, (change,) = bench.update(wanted, facts=replace(FACTS, build="9600"))
    assert "CurrentState 112" in bench.prove(change)[0]
    assert not bench.line.host("C:\\Windows\\System32\\Tasks\\golden-local").exists()
    refused = bench.session.run(
        ("C:\\Windows\\System32\\wusa.exe", "C:\\x.msu", "/quiet", "/norestart"), "asking wusa directly", Deadline(30)
    )
    assert refused.code == 5


ROLLUP = "Package_for_RollupFix"


def cumulative(folder: Path, number: int = 5031299, revision: int = 2031) -> Wanted:
    name = f"windows10.0-kb{number}-x64.cab"
    return Wanted("update", update_cab(folder / name, ROLLUP, version=f"20348.{revision}.1.7"))


@pytest.mark.slow
def test_a_cumulative_update_that_was_there_already_is_no_error(tmp_path: Path) -> None:
    """Its package has no KB number; that nothing changed is a note, and the proof says what is installed instead."""
    bench = Bench(tmp_path)
    _done, (first,) = bench.update(cumulative(tmp_path))
    assert first.traces == (("package", package_name(ROLLUP, version="20348.2031.1.7")),)
    done, (again,) = bench.update(cumulative(tmp_path / "guest"))
    assert "it changed nothing: the guest has it already, or a newer one" in done.notes[0]
    assert again.traces == (("already", package_name(ROLLUP, version="20348.2031.1.7")),)
    (said,) = bench.prove(again)
    assert said.startswith("it changed nothing; servicing: Package_for_RollupFix~")
    assert "build 20348" in said
    with pytest.raises(ProofFailed, match="changed nothing, and read from outside no cumulative update is installed"):
        Bench(tmp_path / "clean").prove(again)


@pytest.mark.slow
def test_a_cumulative_update_that_windows_takes_back_is_not_proved_by_its_servicing_stack(tmp_path: Path) -> None:
    """What came with it may stay; a newer one in its place is as good as itself."""
    bench = Bench(tmp_path)
    _done, (change,) = bench.update(cumulative(tmp_path))
    stack = package_name("Package_for_ServicingStack_2030", version="20348.2030.1.0")
    lost = package_name(ROLLUP, version="20348.2113.1.7")
    bench.update(Wanted("update", update_cab(tmp_path / "ssu.cab", "Package_for_ServicingStack_2030",
                                             version="20348.2030.1.0")))  # fmt: skip
    taken_back = replace(change, traces=(("package", stack), ("package", lost), *change.traces))
    with pytest.raises(ProofFailed, match=r"RollupFix~.*20348\.2113\.1\.7 of .* so Windows has taken it back"):
        bench.prove(taken_back)
    assert FAMILY.look(bench.session, taken_back, Deadline(30)).there is False
    bench.update(cumulative(tmp_path / "guest", 5031300, 2227))
    stale = package_name("Package_for_ServicingStack_1000", version="20348.1000.1.0")  # replaced by the newer stack
    older = replace(change, traces=(("package", stack), ("package", stale), ("package", lost)))
    assert "CurrentState 112" in bench.prove(older)[0]


@pytest.mark.slow
def test_nobody_can_be_told_that_a_cumulative_update_is_not_there(tmp_path: Path) -> None:
    """Without a number in its name it is asked for by what was seen to come, and else nothing is claimed."""
    bench = Bench(tmp_path)
    _done, (change,) = bench.update(cumulative(tmp_path))
    assert FAMILY.look(bench.session, change, Deadline(30)).there is True
    standing = FAMILY.look(bench.session, replace(change, traces=()), Deadline(30))
    assert standing.there is None
    assert "Package_for_RollupFix~" in standing.sentence
    gone = replace(change, traces=(("package", package_name(ROLLUP, version="20348.9999.1.1")),))
    standing = FAMILY.look(bench.session, gone, Deadline(30))
    assert (standing.there, standing.sentence) == (False, "servicing does not know its packages any more")


@pytest.mark.slow
def test_a_restart_after_a_cumulative_update_is_followed_by_what_it_brought(tmp_path: Path) -> None:
    """A guest that restarts by itself once the update has ended is asked for its packages, not for its number."""
    bench = Bench(tmp_path)
    prepared = bench.prepare(cumulative(tmp_path))

    class Restarting(WindowsFamily):
        """As Windows Update's own service may do: the guest restarts as soon as the change is over."""

        def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
            done = super().apply(session, change, files, deadline)
            (bench.line.machine / "power").write_text("reboot\n")
            return done

    done = bench.apply(*prepared, family=Restarting())
    assert bench.line.boots == 1
    assert done.notes == (
        "windows10.0-kb5031299-x64.cab: the guest restarted by itself after it; "
        f"{package_name(ROLLUP, version='20348.2031.1.7')} is 112",
    )


def test_an_update_for_another_architecture_does_not_apply(tmp_path: Path) -> None:
    """Its name warns before anything starts; DISM has the last word, and its log is kept with the job."""
    bench = Bench(tmp_path)
    package = update_cab(tmp_path / "windows10.0-kb5031234-arm64.cab", KB, "arm64")
    (prepared,) = bench.prepare(Wanted("update", package))
    assert [finding.id for finding in prepared.findings] == ["update-architecture"]
    with pytest.raises(ChangeFailed, match="does not apply: it is for another build, edition or architecture") as error:
        bench.apply(prepared)
    assert "0x800f081e" in (error.value.details or "")
    assert (tmp_path / "logs" / "dism.log").read_text()


@pytest.mark.parametrize(("code", "said"), [(0x800F0823, "servicing stack"), (0x800F0922, "0x800f0922")])
def test_a_failure_of_dism_is_told_with_its_meaning(tmp_path: Path, code: int, said: str) -> None:
    """The code in both forms, its sentence, and DISM's own words."""
    with pytest.raises(ChangeFailed, match=said):
        Bench(tmp_path, dism=code).update(cab(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_guest_that_restarts_under_an_update_is_looked_at_again(tmp_path: Path, when: str) -> None:
    """Where the package is installed after all that is a note; where it is not, the change failed. Never run twice."""
    bench = Bench(tmp_path, restart={"program": "dism", "when": when})
    if when == "before":
        with pytest.raises(ChangeFailed, match="the guest restarted before it had ended") as error:
            bench.update(cab(tmp_path))
        assert error.value.__notes__ == ["servicing knows no package of that number"]
    else:
        done, (change,) = bench.update(cab(tmp_path))
        assert "restarted by itself meanwhile; looked at again" in done.notes[0]
        assert "CurrentState 112" in bench.prove(change)[0]
    assert bench.line.boots == 1


def test_what_is_no_update_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """A page instead of a file, an empty or cut file, a driver's cabinet, and one that is missing are told apart."""
    (tmp_path / "page.msu").write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
    (tmp_path / "empty.cab").touch()
    (tmp_path / "cut.cab").write_bytes(cab(tmp_path).source.read_bytes()[:50])
    drivers = cabinet(tmp_path / "driver.cab", {"net.inf": b"[Version]", "net.sys": b"x"})
    for path, said in (
        (tmp_path / "page.msu", "looks like an HTML page"),
        (tmp_path / "empty.cab", "is empty"),
        (tmp_path / "cut.cab", "cut short"),
        (drivers, "no update.mum"),
    ):
        with pytest.raises(UsageError, match=said):
            FAMILY.prepare(Wanted("update", path), FACTS)
    with pytest.raises(NotFound):
        FAMILY.prepare(Wanted("update", tmp_path / "none.cab"), FACTS)


def test_a_payload_that_changes_while_it_is_copied_is_refused(tmp_path: Path) -> None:
    """What arrives in the guest must be what was looked at, byte for byte."""
    bench = Bench(tmp_path)
    (prepared,) = bench.prepare(cab(tmp_path))
    other = tmp_path / "other"
    other.write_bytes(b"somebody wrote to it meanwhile")
    files = {file.name: other for file in prepared.change.files}
    with pytest.raises(ChangeFailed, match="changed while golden was copying it"):
        FAMILY.apply(bench.session, prepared.change, files, Deadline(30))


def test_every_code_is_known_signed_and_unsigned() -> None:
    """The tables are looked up as 32 bits without a sign, whatever the guest gives."""
    assert outcome(outcomes.WUSA, -2145124329).meaning is Meaning.NOT_APPLICABLE
    assert outcome(outcomes.WUSA, 0x80240017).meaning is Meaning.NOT_APPLICABLE
    assert outcome(outcomes.WUSA, 2359302).meaning is Meaning.ALREADY
    assert outcome(outcomes.DISM, 3010).meaning is Meaning.RESTART
    assert outcome(outcomes.MSIEXEC, 1618).meaning is Meaning.BUSY
    assert outcome(outcomes.MSIEXEC, 99999).meaning is Meaning.FAILED
