"""Windows guests end to end on the stand-in's own programs: applied, proved from the disk, sealed, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden.disk.raw import Memory, RawFile
from golden.errors import (
    ChangeFailed,
    GeneralizeFailed,
    NotFound,
    PolicyRefused,
    ProofFailed,
    TimedOut,
    UsageError,
)
from golden.guest.family import Applied, Family, Prepared, SealOrder, Wanted
from golden.guest.session import Session
from golden.model import GuestFacts, GuestState
from golden.waiting import Deadline
from golden.windows.family import WindowsFamily
from tests.unit.disk import disks
from tests.unit.windows.folder_guest import FolderGuest
from tests.unit.windows.test_inf import NET, package

FAMILY: Family = WindowsFamily()
FACTS = GuestFacts("windows", GuestState.VIRGIN, build="20348", architecture="x86_64", stand_in=True)


class Guest:
    """A folder guest with a session, and the disk it would leave behind."""

    def __init__(self, folder: Path, **faults: object) -> None:
        self.folder = folder
        self.line = FolderGuest(folder / "guest", faults)
        self.session = Session(self.line, FAMILY.dialect, "job-1", logs=folder / "logs").open(Deadline(30))

    def apply(self, prepared: Prepared) -> Applied:
        files = {file.name: path for file, path in prepared.sources}
        return FAMILY.apply(self.session, prepared.change, files, Deadline(60))

    def disk(self) -> Path:
        volume = disks.ntfs(self.line.tree, self.folder / "v.ntfs")
        return disks.gpt(self.folder / "disk.raw", (disks.BASIC_DATA, volume))

    def generalize(self, facts: GuestFacts = FACTS, order: SealOrder | None = None, limit: float = 60) -> None:
        FAMILY.generalize(self.session, order or SealOrder("sysprep"), facts, Deadline(limit))


@pytest.fixture
def driver(tmp_path: Path) -> Prepared:
    """A driver package that was found whole."""
    folder = package(tmp_path / "driver", NET)
    return FAMILY.prepare(Wanted("driver", folder / "example.inf"), FACTS)


def test_a_driver_is_added_and_proved_in_the_driver_store(tmp_path: Path, driver: Prepared) -> None:
    """After adding, the same INF bytes are found in the driver store of the powered-off disk; before, they are not."""
    guest = Guest(tmp_path)
    with RawFile(guest.disk()) as disk, pytest.raises(ProofFailed, match=r"example\.inf is not in the driver store"):
        FAMILY.prove(disk, (driver.change,))
    assert guest.apply(driver) == Applied()
    guest.session.close(Deadline(30))
    with RawFile(guest.disk()) as disk:
        facts = FAMILY.read(disk)
        ((name, evidence),) = FAMILY.prove(disk, (driver.change,))
    assert facts.state is GuestState.VIRGIN
    assert [each.inf for each in facts.drivers] == ["example.inf"]
    assert name == "example.inf"
    assert driver.change.files[0].sha256 in evidence
    assert not guest.line.host("C:\\Windows\\Temp\\golden\\job-1").exists()


@pytest.mark.parametrize(("code", "applied"), [(3010, Applied(reboot=True)), (259, None)])
def test_codes_that_mean_success_with_a_remark_are_no_failures(
    tmp_path: Path, driver: Prepared, code: int, applied: Applied | None
) -> None:
    """3010 asks for a restart; 259 means staged, which is noted."""
    met = Guest(tmp_path, pnputil=code).apply(driver)
    if applied is not None:
        assert met == applied
    else:
        assert "in the driver store" in met.note


def test_a_driver_that_is_refused_fails_with_the_guests_words(tmp_path: Path, driver: Prepared) -> None:
    """Any other code is ChangeFailed that shows the code and what pnputil said."""
    with pytest.raises(ChangeFailed, match=r"example\.inf ended with exit code") as error:
        Guest(tmp_path, pnputil=0xE000022F).apply(driver)
    assert "0xe000022f" in str(error.value)
    assert "Failed to add driver package" in (error.value.details or "")


def test_a_missing_driver_file_is_not_found() -> None:
    """A driver that is not there is NotFound before anything starts."""
    with pytest.raises(NotFound):
        FAMILY.prepare(Wanted("driver", Path("/nowhere/x.inf")), FACTS)


def test_the_pnputil_of_old_builds_is_noted_in_the_change(tmp_path: Path) -> None:
    """The build decides which pnputil is called, before anything starts."""
    folder = package(tmp_path / "driver", NET)
    old = FAMILY.prepare(Wanted("driver", folder / "example.inf"), replace(FACTS, build="9600"))
    assert ("pnputil", "old") in old.change.arguments


def test_files_and_folders_are_copied_and_proved(tmp_path: Path) -> None:
    """A file and a folder lie at their destinations with the bytes they were sent with; a changed byte is noticed."""
    guest = Guest(tmp_path)
    (tmp_path / "motd.txt").write_text("hello")
    (tmp_path / "tools" / "sub dir").mkdir(parents=True)
    (tmp_path / "tools" / "a.bin").write_bytes(bytes(3_000_000))
    (tmp_path / "tools" / "sub dir" / "b.txt").write_text("b")
    wanted = (
        Wanted("file", tmp_path / "motd.txt", "C:\\ProgramData\\"),
        Wanted("file", tmp_path / "tools", "C:/Program Files/Tools"),
    )
    prepared = [FAMILY.prepare(each, FACTS) for each in wanted]
    for each in prepared:
        assert guest.apply(each) == Applied()
    changes = tuple(each.change for each in prepared)
    with RawFile(guest.disk()) as disk:
        assert [name for name, _ in FAMILY.prove(disk, changes)] == [each.name for each in changes]
    guest.line.host("C:\\Program Files\\Tools\\sub dir\\b.txt").write_text("c")
    with RawFile(guest.disk()) as disk, pytest.raises(ProofFailed, match=r"b\.txt has other bytes"):
        FAMILY.prove(disk, changes)


def test_a_script_runs_by_its_ending_and_fails_with_its_output(tmp_path: Path) -> None:
    """Exit code 0 is done, 3010 asks for a restart, 1 is ChangeFailed with the last words."""
    guest = Guest(tmp_path)
    for code, text in ((0, "ok"), (3010, "restart"), (1, "bad")):
        script = tmp_path / f"s{code} &.cmd"
        script.write_bytes(f"@echo off\r\necho this is {text}\r\nexit /b {code}\r\n".encode())
        prepared = FAMILY.prepare(Wanted("script", script), FACTS)
        if code == 1:
            with pytest.raises(ChangeFailed, match="exit code 1") as error:
                guest.apply(prepared)
            assert "this is bad" in (error.value.details or "")
        else:
            assert guest.apply(prepared) == Applied(reboot=code == 3010)
    assert FAMILY.prove(_disk(guest), (prepared.change,)) == ((prepared.change.name, "exit code 0"),)


def _disk(guest: Guest) -> Memory:
    return Memory(guest.disk().read_bytes())


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("script", Path("x.sh")), "cannot run"),
        (Wanted("script", Path("x.cmd"), arguments=("a&b",)), "means something to cmd"),
        (Wanted("file", Path("pyproject.toml"), "motd"), "no whole path"),
        (Wanted("file", Path("pyproject.toml"), "D:\\x"), "system drive"),
        (Wanted("file", Path("pyproject.toml"), "C:\\a\\..\\b"), "no path that Windows takes"),
        (Wanted("file", Path("pyproject.toml"), "C:\\a|b"), "no path that Windows takes"),
        (Wanted("file", Path("pyproject.toml"), "C:\\a:stream"), "no path that Windows takes"),
        (Wanted("file", Path("pyproject.toml"), "C:\\a & b\\c"), "does not make the folder"),
        (Wanted("registry", Path("x.reg")), "no change of the kind"),
    ],
)
def test_what_cannot_be_applied_is_refused_before_anything_starts(wanted: Wanted, said: str) -> None:
    """A wrong ending, destination or kind is UsageError."""
    with pytest.raises(UsageError, match=said):
        FAMILY.prepare(wanted, FACTS)


def test_a_clone_is_sealed_and_proved_and_stays_sealed_once(tmp_path: Path) -> None:
    """Sysprep in a virgin guest leaves all four signals on the disk, its logs are kept, and it is never run again."""
    guest = Guest(tmp_path)
    answers = tmp_path / "answers.xml"
    answers.write_text('<unattend xmlns="urn:schemas-microsoft-com:unattend"/>')
    with RawFile(guest.disk()) as disk:
        assert FAMILY.prove_sealed(disk, "none").facts.state is GuestState.VIRGIN
        with pytest.raises(ProofFailed, match="VIRGIN") as error:
            FAMILY.prove_sealed(disk, "sysprep")
        assert "ImageState: IMAGE_STATE_COMPLETE" in (error.value.details or "")
    guest.generalize(order=SealOrder("sysprep", answers))
    called = next(argv for argv in guest.line.started if argv[0].endswith("sysprep.exe"))
    assert called[1:5] == ("/generalize", "/oobe", "/quiet", "/quit")
    assert called[5].startswith("/unattend:C:\\")
    assert (tmp_path / "logs" / "sysprep-setupact.log").stat().st_size > 0
    with RawFile(guest.disk()) as disk:
        proof = FAMILY.prove_sealed(disk, "sysprep")
        assert dict(proof.signals)["SetupType"] == "2"
        assert (proof.seal, proof.way, proof.facts.state) == ("sysprep", "disk", GuestState.SEALED)
        with pytest.raises(ProofFailed):
            FAMILY.prove_sealed(disk, "none")
    with pytest.raises(PolicyRefused, match="generalized already"):
        guest.generalize()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [("appx", "WidgetsPlatformRuntime"), ("bitlocker", "BitLocker"), ("reserved-storage", "servicing")],
)
def test_a_failed_sysprep_names_its_cause(tmp_path: Path, fault: str, said: str) -> None:
    """The cause comes from the log, which is kept, and the guest was not changed."""
    guest = Guest(tmp_path, sysprep=fault)
    with pytest.raises(GeneralizeFailed, match=said) as error:
        guest.generalize()
    assert "before it changed anything" in error.value.brief
    assert error.value.hint
    assert "sysprep-setupact.log" in (error.value.details or "")


def test_a_sysprep_that_says_0_and_does_nothing_is_found_out(tmp_path: Path) -> None:
    """An exit code of 0 without the signals is GeneralizeFailed."""
    with pytest.raises(GeneralizeFailed, match="no log"):
        Guest(tmp_path, sysprep="exit0-no-seal").generalize()


def test_a_sysprep_that_hangs_is_a_time_out_with_its_last_words(tmp_path: Path) -> None:
    """When the limit is reached while sysprep is at work, TimedOut gives the last line of its log."""
    guest = Guest(tmp_path, sysprep="hang")
    with pytest.raises(TimedOut, match="sysprep to end") as error:
        guest.generalize(limit=6)
    assert "last log line: 20" in (error.value.details or "")
    for process in guest.line.running():
        process.kill()
        process.wait()


def test_a_sysprep_that_dies_half_way_spoils_the_clone(tmp_path: Path) -> None:
    """A failure while generalizing is told from one before it, and the disk reads BROKEN."""
    guest = Guest(tmp_path, sysprep="half")
    with pytest.raises(GeneralizeFailed, match="half-way"):
        guest.generalize()
    with RawFile(guest.disk()) as disk:
        assert FAMILY.read(disk).state is GuestState.BROKEN


@pytest.mark.parametrize(
    "state", [state for state in GuestState if state not in (GuestState.VIRGIN, GuestState.DEPLOYED)]
)
def test_sysprep_is_refused_in_any_other_state(tmp_path: Path, state: GuestState) -> None:
    """What is sealed, broken or unknown is never generalized, and nothing is started."""
    guest = object.__new__(Guest)
    guest.session = Session(None, FAMILY.dialect, "x", logs=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(PolicyRefused, match=state.value):
        guest.generalize(replace(FACTS, state=state))


def test_a_real_windows_needs_an_administrator_by_name(tmp_path: Path) -> None:
    """Without account and password the error says which keys to set, and nothing is started."""
    guest = object.__new__(Guest)
    guest.session = Session(None, FAMILY.dialect, "x", logs=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no account is configured") as error:
        guest.generalize(replace(FACTS, stand_in=False))
    assert "[references.NAME.guest] account" in (error.value.hint or "")
    with pytest.raises(UsageError, match="no password is configured"):
        guest.generalize(replace(FACTS, stand_in=False), SealOrder("sysprep", account="Administrator"))


def test_a_real_windows_is_sealed_by_a_task_under_the_named_administrator(tmp_path: Path) -> None:
    """Where it is no stand-in, sysprep is started by a task; the password is in no log and no argument list."""
    guest = Guest(tmp_path)
    order = SealOrder("sysprep", account="Administrator", password="s3cret-words")
    try:
        guest.generalize(replace(FACTS, stand_in=False), order)
    except GeneralizeFailed as error:
        # The stand-in's own task list may not know a task that its shortcut never registered.
        assert "could not be removed" in error.brief
    assert not any("sysprep.exe" in argv[0] for argv in guest.line.started)
    assert any("start_as_admin.ps1" in argument for argv in guest.line.started for argument in argv)
    assert "s3cret-words" not in str(guest.line.started)
    assert "s3cret-words" not in repr(order)
    kept = [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert kept
    assert not any(
        b"s3cret-words" in path.read_bytes() for path in (*kept, *guest.line.tree.rglob("*")) if path.is_file()
    )
    with RawFile(guest.disk()) as disk:
        assert FAMILY.read(disk).state is GuestState.SEALED


def test_no_seal_starts_nothing(tmp_path: Path) -> None:
    """The seal "none" leaves the guest as it is; an unknown seal is UsageError."""
    guest = object.__new__(Guest)
    guest.session = Session(None, FAMILY.dialect, "x", logs=tmp_path)  # type: ignore[arg-type]
    guest.generalize(order=SealOrder("none"))
    with pytest.raises(UsageError, match="wax"):
        guest.generalize(order=SealOrder("wax"))


def test_a_disk_without_windows_proves_nothing(driver: Prepared) -> None:
    """Where there is no Windows to read, proving is ProofFailed and not an empty proof."""
    with pytest.raises(ProofFailed, match="no Windows"):
        FAMILY.prove(Memory(bytes(1 << 20)), (driver.change,))
    with pytest.raises(ProofFailed, match="UNKNOWN"):
        FAMILY.prove_sealed(Memory(bytes(1 << 20)), "sysprep")
