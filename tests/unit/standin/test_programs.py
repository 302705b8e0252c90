"""The stand-in programs on a plain folder."""

from __future__ import annotations

import pytest

from tests.unit.standin.conftest import Folder

QUIET = ("/generalize", "/oobe", "/quiet", "/quit")
INF = """[Version]
Signature="$Windows NT$"
Provider=%P%
DriverVer=01/02/2024,1.2.3.4
CatalogFile=x.cat
[SourceDisksNames]
1=disk
[SourceDisksFiles]
x.sys=1 ; a comment
[Strings]
P="Acme"
"""


def driver(folder: Folder, *, complete: bool = True) -> str:
    """A driver package in the tree; the INF's path."""
    folder.write("C:\\drv\\x.cat", b"catalog")
    if complete:
        folder.write("C:\\drv\\x.sys", b"driver")
    return folder.write("C:\\drv\\x.inf", INF)


def test_sysprep_seals_with_all_four_signals(folder: Folder) -> None:
    """A good run leaves the tag, ImageState, SetupType and CmdLine that golden's proof reads, and spends a rearm."""
    assert folder.sysprep(*QUIET).code == 0
    answer = folder.ask("probe.ps1")
    assert answer["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert (answer["setup_type"], answer["cmd_line"], answer["tag"]) == (2, "oobe\\windeploy.exe", True)
    assert "FCreateTagFile:Successfully created tag file" in folder.log()
    assert "option 'GENERALIZE'\r\n" in folder.log()
    assert (folder.root / "Windows/System32/spp/store/2.0/rearm.txt").read_text() == "1000"


def test_a_sealed_guest_is_not_sealed_twice(folder: Folder) -> None:
    """The second run is refused as an invalid state, and the rearm counter stays."""
    folder.sysprep(*QUIET)
    assert folder.sysprep(*QUIET).code == 31
    assert "machine is in an invalid state" in folder.log().split("Beginning of a new sysprep run")[-1]
    assert (folder.root / "Windows/System32/spp/store/2.0/rearm.txt").read_text() == "1000"


def test_a_sealed_guest_becomes_a_deployed_one_at_its_first_boot(folder: Folder) -> None:
    """The first boot after sealing ends in IMAGE_STATE_COMPLETE with another machine GUID."""
    before = folder.run("reg.exe", "query", "HKLM\\SOFTWARE\\Microsoft\\Cryptography").out
    folder.sysprep(*QUIET)
    folder.python("programs", "--root", str(folder.root), "--machine", str(folder.machine), "--boot")
    assert folder.ask("probe.ps1")["image_state"] == "IMAGE_STATE_COMPLETE"
    assert folder.run("reg.exe", "query", "HKLM\\SOFTWARE\\Microsoft\\Cryptography").out != before


@pytest.mark.parametrize(
    ("fault", "words", "state"),
    [
        ("appx", "was installed for a user, but not provisioned for all users", "IMAGE_STATE_COMPLETE"),
        ("bitlocker", "dwRet = 0x80310039", "IMAGE_STATE_COMPLETE"),
        ("half", "[0x0f00a8]", "IMAGE_STATE_UNDEPLOYABLE"),
    ],
)
def test_a_failing_sysprep_names_its_cause_in_the_log(folder: Folder, fault: str, words: str, state: str) -> None:
    """Each failure that can be switched on is told in the words of published logs and leaves the state it should."""
    folder.fault(sysprep=fault)
    assert folder.sysprep(*QUIET).code != 0
    assert words in folder.log()
    answer = folder.ask("probe.ps1")
    assert (answer["image_state"], answer["tag"]) == (state, False)


def test_sysprep_fails_when_the_rearm_counter_is_used_up(folder: Folder) -> None:
    """At zero generalizing fails half-way with 0xC004D307."""
    (folder.root / "Windows/System32/spp/store/2.0/rearm.txt").write_text("0")
    folder.sysprep(*QUIET)
    assert "0xc004d307" in folder.log()
    assert folder.ask("probe.ps1")["generalization_state"] == 3


def test_an_answer_file_must_be_one(folder: Folder) -> None:
    """A missing or broken answer file is refused before anything changes; a good one is cached in Panther."""
    assert folder.sysprep(*QUIET, "/unattend:C:\\none.xml").code != 0
    folder.write("C:\\broken.xml", "<unattend")
    assert folder.sysprep(*QUIET, "/unattend:C:\\broken.xml").code != 0
    assert folder.ask("probe.ps1")["image_state"] == "IMAGE_STATE_COMPLETE"
    folder.write("C:\\good.xml", '<unattend xmlns="urn:schemas-microsoft-com:unattend"/>')
    assert folder.sysprep(*QUIET, "/unattend:C:\\good.xml").code == 0
    assert (folder.root / "Windows/Panther/unattend.xml").is_file()


def test_a_driver_arrives_in_the_store_and_is_listed(folder: Folder) -> None:
    """/add-driver copies INF, catalog and files, publishes oem0.inf, and /enum-drivers names it."""
    ran = folder.run("pnputil.exe", "/add-driver", driver(folder), "/install")
    assert ran.code == 0, ran
    store = next((folder.root / "Windows/System32/DriverStore/FileRepository").iterdir())
    assert sorted(path.name for path in store.iterdir()) == ["x.cat", "x.inf", "x.sys"]
    assert (folder.root / "Windows/INF/oem0.inf").is_file()
    assert "Provider Name:      Acme" in folder.run("pnputil.exe", "/enum-drivers").out
    assert folder.run("pnputil.exe", "/delete-driver", "oem0.inf").code == 0
    assert not store.exists()


def test_an_incomplete_or_foreign_inf_is_refused(folder: Folder) -> None:
    """A missing file or signature adds nothing."""
    assert folder.run("pnputil.exe", "/add-driver", driver(folder, complete=False), "/install").code == 2
    folder.write("C:\\drv\\y.inf", "hello\n")
    assert folder.run("pnputil.exe", "/add-driver", "C:\\drv\\y.inf", "/install").code not in (0, 2)
    assert not list((folder.root / "Windows/System32/DriverStore/FileRepository").iterdir())


@pytest.mark.parametrize(("code", "added"), [(259, 1), (3010, 1), (5, 0)])
def test_pnputil_answers_the_code_that_was_asked_for(folder: Folder, code: int, added: int) -> None:
    """259 and 3010 come with the driver added; an error comes with nothing."""
    folder.fault(pnputil=code)
    assert folder.run("pnputil.exe", "/add-driver", driver(folder), "/install").code == code
    assert len(list((folder.root / "Windows/System32/DriverStore/FileRepository").iterdir())) == added


def test_a_batch_file_of_the_subset_runs(folder: Folder) -> None:
    """Arguments, variables, conditions, redirection, loops and exit codes work as in cmd.exe."""
    script = folder.write(
        "C:\\run\\b.cmd",
        "@echo off\nrem a comment\nset A=seven\necho hi %1 %A%> out.txt\nif exist out.txt echo more>> out.txt\n"
        "if not exist nothing.txt mkdir C:\\made\ntype OUT.TXT\nfor /L %%i in (1,1,3) do echo line %%i\nexit /b 3010\n",
    )
    ran = folder.run("cmd.exe", "/d", "/c", script, "you")
    assert ran.code == 3010, ran
    assert ran.out == "hi you seven\r\nmore\r\nline 1\r\nline 2\r\nline 3\r\n"
    assert (folder.root / "made").is_dir()


def test_a_loop_prints_very_much(folder: Folder) -> None:
    """A hundred MiB of output arrive whole."""
    script = folder.write("C:\\b.cmd", f"@echo off\nfor /L %%i in (1,1,1048576) do echo {'x' * 98}\n")
    assert folder.run("cmd.exe", "/c", script).code == 0
    assert (folder.root / "Windows/Temp/run.out").stat().st_size == 100 << 20


@pytest.mark.parametrize("line", ["goto x", "frob & del x", "for %%f in (*) do echo %%f"])
def test_what_a_batch_file_may_not_do_is_named(folder: Folder, line: str) -> None:
    """A line beyond the subset ends the script with code 1 and its text."""
    ran = folder.run("cmd.exe", "/c", folder.write("C:\\b.cmd", f"@echo off\n{line}\necho not reached\n"))
    assert (ran.code, ran.out) == (1, "")
    assert "the stand-in does not know" in ran.err


def test_golden_makes_and_removes_its_folders(folder: Folder) -> None:
    """The argument lists of golden's Windows dialect work; a bare mkdir of what is there is an error."""
    path = "C:\\Windows\\Temp\\golden\\x"
    for _ in range(2):
        assert folder.run("cmd.exe", "/d", "/c", "if", "not", "exist", path, "mkdir", path).code == 0
    assert folder.run("cmd.exe", "/d", "/c", "mkdir", path).code == 1
    for _ in range(2):
        assert folder.run("cmd.exe", "/d", "/c", "if", "exist", path, "rmdir", "/s", "/q", path).code == 0


def test_a_powershell_script_of_the_subset_runs(folder: Folder) -> None:
    """Files, folders, registry values, programs, variables and exit codes work as in PowerShell."""
    script = folder.write(
        "C:\\s.ps1",
        "# a comment\n$where = 'C:\\made'\nNew-Item -ItemType Directory -Path $where | Out-Null\n"
        'Set-Content -Path "$where\\a.txt" -Value "for $env:SystemDrive"\nAdd-Content C:\\made\\a.txt more\n'
        "New-Item -Path HKLM:\\SOFTWARE\\Acme -Force\n"
        "New-ItemProperty -Path HKLM:\\SOFTWARE\\Acme -Name N -Value 5 -PropertyType DWord -Force | Out-Null\n"
        "Write-Host 'it''s done'\nexit 3010\n",
    )
    ran = folder.run("powershell.exe", "-NoProfile", "-File", script)
    assert (ran.code, ran.out, ran.err) == (3010, "it's done\r\n", "")
    assert (folder.root / "made/a.txt").read_bytes() == b"for C:\r\nmore\r\n"
    assert "N    REG_DWORD    0x5" in folder.run("reg.exe", "query", "HKLM\\SOFTWARE\\Acme").out


@pytest.mark.parametrize("line", ["Get-Process", "if ($true) { exit 0 }", "Remove-Item C:\\x -Filter y", "$x = 1 + 2"])
def test_what_a_powershell_script_may_not_do_is_named(folder: Folder, line: str) -> None:
    """A line beyond the subset ends the script with code 1 and its text."""
    ran = folder.run("powershell.exe", "-File", folder.write("C:\\s.ps1", f"{line}\nWrite-Host 'not reached'\n"))
    assert (ran.code, ran.out) == (1, "")
    assert "the stand-in does not know" in ran.err


def test_an_unknown_program_is_not_found(folder: Folder) -> None:
    """A program that is not there gives 9009, one that only looks like a program is named."""
    assert folder.run("nothing.exe").code == 9009
    folder.write("C:\\Tools\\setup.exe", b"MZ")
    ran = folder.run("C:\\Tools\\setup.exe", "/quiet")
    assert ran.code == 1
    assert "does not know the program C:\\Tools\\setup.exe" in ran.err


def test_a_task_goes_on_after_its_starter(folder: Folder) -> None:
    """A scheduled task's program runs detached, and a password is never kept."""
    script = folder.write("C:\\t.cmd", "echo done> C:\\done.txt\n")
    create = ("/create", "/tn", "T", "/tr", f"cmd.exe /c {script}", "/sc", "once", "/st", "00:00", "/rp", "secret")
    assert folder.run("schtasks.exe", *create).code == 0
    assert "secret" not in (folder.root / "Windows/System32/Tasks/T").read_text()
    assert folder.run("schtasks.exe", "/run", "/tn", "T").code == 0
    from golden.waiting import Deadline, Waiting

    Waiting(Deadline(10)).until("the task", (folder.root / "done.txt").is_file)


def test_a_registry_file_is_imported_and_deleted(folder: Folder) -> None:
    """reg import writes text, numbers and bytes; reg delete takes them away."""
    text = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Acme\\A]\n"
    text += '"T"="a\\\\b"\n"N"=dword:0000000a\n'
    assert folder.run("reg.exe", "import", folder.write("C:\\a.reg", text)).code == 0
    said = folder.run("reg.exe", "query", "HKLM\\SOFTWARE\\Acme\\A").out
    assert "T    REG_SZ    a\\b" in said
    assert "N    REG_DWORD    0xa" in said
    assert folder.run("reg.exe", "delete", "HKLM\\SOFTWARE\\Acme", "/f").code == 0
    assert folder.run("reg.exe", "query", "HKLM\\SOFTWARE\\Acme\\A").code == 1


def test_hashing_is_right_and_an_absent_file_is_told(folder: Folder) -> None:
    """golden's hash script answers SHA-256 and size, or -1."""
    folder.write("C:\\a.bin", b"abc")
    answer = folder.ask("hash.ps1", path="c:\\A.BIN")
    assert (answer["size"], str(answer["sha256"])[:8]) == (3, "ba7816bf")
    assert folder.ask("hash.ps1", path="C:\\none")["size"] == -1
    assert "ba7816bf" in folder.run("certutil.exe", "-hashfile", "C:\\a.bin", "SHA256").out


def test_switching_off_is_asked_of_the_machine(folder: Folder) -> None:
    """shutdown.exe tells the machine; with the fault it does not."""
    assert folder.run("shutdown.exe", "/r", "/t", "0").code == 0
    assert (folder.machine / "power").read_text() == "reboot\n"
    (folder.machine / "power").unlink()
    folder.fault(shutdown="never")
    assert folder.run("shutdown.exe", "/s", "/t", "0").code == 0
    assert not (folder.machine / "power").exists()


def test_every_script_golden_ships_is_known(folder: Folder) -> None:
    """No shipped script may reach the subset interpreter or be unknown."""
    said = folder.python("programs.shipped")
    assert said.returncode == 0, said.stdout + said.stderr
