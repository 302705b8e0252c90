"""Changes in Windows guests on the stand-in's own programs: applied, proved from the disk, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden.disk.raw import Memory, RawFile
from golden.errors import (
    ChangeFailed,
    GuestError,
    NotFound,
    ProofFailed,
    UsageError,
)
from golden.guest.family import Applied, Prepared, Wanted
from golden.model import GuestState
from golden.waiting import Deadline
from tests.unit.windows.guests import FACTS, FAMILY, Guest
from tests.unit.windows.test_inf import NET, package


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
        (Wanted("spell", Path("x.spell")), "no change of the kind"),
    ],
)
def test_what_cannot_be_applied_is_refused_before_anything_starts(wanted: Wanted, said: str) -> None:
    """A wrong ending, destination or kind is UsageError."""
    with pytest.raises(UsageError, match=said):
        FAMILY.prepare(wanted, FACTS)


def test_a_disk_without_windows_proves_nothing(driver: Prepared) -> None:
    """Where there is no Windows to read, proving is ProofFailed and not an empty proof."""
    with pytest.raises(ProofFailed, match="no Windows"):
        FAMILY.prove(Memory(bytes(1 << 20)), (driver.change,))
    with pytest.raises(ProofFailed, match="UNKNOWN"):
        FAMILY.prove_sealed(Memory(bytes(1 << 20)), "sysprep")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("850", "Zugriff verweigert: Größe"),
        ("866", "Отказано в доступе"),
        ("932", "アクセスが拒否されました"),
        ("", "Größe"),
    ],
)
def test_what_a_program_says_is_read_in_the_guests_code_page(tmp_path: Path, page: str, text: str) -> None:
    """Windows' older programs write that into a pipe; what is UTF-8 is read as UTF-8 everywhere."""
    guest = Guest(tmp_path / "guest", **({"code-page": page} if page else {}))
    argv = ("C:\\Windows\\System32\\cmd.exe", "/d", "/c", "echo", text)
    assert guest.session.run(argv, "speaking", Deadline(30)).out.strip().strip('"') == text


@pytest.mark.parametrize(
    ("kind", "said", "hint"),
    [
        ("ConstrainedLanguage", "it has PowerShell in ConstrainedLanguage", "policy"),
        ("AllSigned", r"probe\.ps1 ended with code 1 and wrote no answer", "Get-ExecutionPolicy -List"),
    ],
)
def test_a_policy_on_scripts_is_told_with_where_to_look(tmp_path: Path, kind: str, said: str, hint: str) -> None:
    """Neither parameter of powershell.exe helps against them, so the guest's own settings are named."""
    guest = Guest(tmp_path / "guest", powershell=kind)
    with pytest.raises(GuestError, match=said) as error:
        guest.session.script(FAMILY.dialect.hasher, "hashing", Deadline(30), path="C:\\x")
    assert hint in (error.value.hint or "")


@pytest.mark.parametrize("act", ["probe", "script", "change", "generalize"])
def test_a_guest_with_powershell_2_is_told_what_it_lacks(tmp_path: Path, driver: Prepared, act: str) -> None:
    """As a Windows 7 comes: none of golden's scripts runs there but the probe, which says so, whatever was wanted."""
    guest = Guest(tmp_path / "guest", powershell="2.0")
    wanted = "it has PowerShell 2.0, and PowerShell 3.0 or newer with .NET Framework 4.5 or newer is wanted"
    with pytest.raises(GuestError, match=wanted) as error:
        if act == "probe":
            guest.session.boot_mark(Deadline(30))
        elif act == "script":
            guest.session.script(FAMILY.dialect.hasher, "hashing", Deadline(30), path="C:\\x")
        elif act == "change":
            guest.apply(driver)
        else:
            guest.generalize()
    assert "Windows Management Framework 5.1" in (error.value.hint or "")
