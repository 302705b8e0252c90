"""Every state that a check looks for, really written into keys and files, met on the disk and in the running guest."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from golden.disk.raw import RawFile
from golden.model import Checked, Severity
from golden.waiting import Deadline
from golden.windows.checks import offline
from golden.windows.checks.catalogue import OFFLINE, ONLINE, catalogue
from golden.windows.checks.rules import Wish
from golden.windows.sysprep_log import verdict
from tests.unit.disk.disks import dirty
from tests.unit.windows.checks.guests import asked, disk, guest, inside, looked_at, met

COPY = Wish(copy_profile=True)
TOGETHER = (
    "appx.not-provisioned", "appx.version-differs", "bitlocker.encrypted", "reboot.cbs-packages", "reboot.cbs-session",
    "reboot.pending-xml", "reboot.windows-update", "reboot.update-reporting", "reboot.update-exe",
    "reboot.file-renames", "reboot.computer-name", "reboot.domain-join", "reboot.server-manager", "reboot.run-once",
    "reboot.configmgr", "reserved-storage.busy", "servicing.busy", "upgrade.in-place", "domain.joined", "entra.joined",
    "mdm.enrolled", "rearm.exhausted", "rearm.evaluation", "rearm.skipped", "defender.onboarded", "provider.missing",
    "role.directory", "role.unsupported", "profiles.several", "answer-file.cached", "media.answer-file",
    "office.not-rearmed", "servicing.update-service", "domain.policy", "account.way-in", "account.stored-password",
    "setup-complete.left", "autologon.password",
)  # fmt: skip
"""States that can be switched on together."""
APART = ("upgrade.sign", "reboot.cbs", "rearm.low", "provider.external", "media.attached",
         "bitlocker.device-encryption", "upgrade.unsupported", "hint.media-sharing", "hint.tile-data")  # fmt: skip
"""States that need a Windows of another kind, or exclude another one."""
COMPANIONS = {
    "profiles.several": {"profiles.no-administrator"},
    "media.answer-file": {"media.attached"},
}
"""What is met beside."""
NOT_ON_DISK = {"bitlocker.encrypted"}
"""An encrypted volume is no NTFS; the stand-in's says it only when asked."""


def expected(names: tuple[str, ...], way: str) -> dict[str, str]:
    """Severities of these states and of what comes with them, as far as that way tells them."""
    whole = {*names, *(extra for name in names for extra in COMPANIONS.get(name, ()))}
    skipped = NOT_ON_DISK if way == OFFLINE else set()
    told = {name: getattr(catalogue()[name], way) for name in whole - skipped}
    return {name: severity.value for name, severity in told.items() if severity is not None}


def test_a_healthy_guest_has_no_findings_and_every_check_is_accounted_for(tmp_path: Path) -> None:
    """Nothing is found where nothing is wrong, and what cannot be asked of a disk is named."""
    healthy = guest(tmp_path / "guest")
    on_disk, running = looked_at(disk(healthy, tmp_path / "c.ntfs")), asked(healthy, tmp_path)
    assert met(on_disk) == met(running) == {}
    assert {*on_disk.made, *(name for name, _ in on_disk.unmade)} == set(catalogue())
    assert set(on_disk.made) == {name for name, one in catalogue().items() if one.offline}
    assert set(running.made) == {name for name, one in catalogue().items() if one.online}
    assert running.unmade == ()


def test_all_states_at_once_are_all_named(tmp_path: Path) -> None:
    """Every state that can be together is named by the disk and by the guest, as hard as its facts allow."""
    unfit = guest(tmp_path / "guest", TOGETHER)
    assert met(looked_at(disk(unfit, tmp_path / "c.ntfs"), COPY)) == expected(TOGETHER, OFFLINE)
    assert met(asked(unfit, tmp_path, COPY)) == expected(TOGETHER, ONLINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", (*TOGETHER, *APART))
def test_a_state_by_itself_is_named_and_nothing_else(tmp_path: Path, name: str) -> None:
    """One state is one finding (and what comes with it), with evidence or a sentence that says what was met."""
    unfit = guest(tmp_path / "guest", {name: 3})
    for way, found in ((OFFLINE, looked_at(disk(unfit, tmp_path / "c.ntfs"), COPY if "prof" in name else None)),
                       (ONLINE, asked(unfit, tmp_path, COPY if "prof" in name else None))):  # fmt: skip
        assert met(found) == expected((name,), way), way
        for one in found.findings:
            assert "{what}" not in one.sentence + one.fix
            assert ("not confirmed" in one.sentence) is (way in catalogue()[one.id].unconfirmed)
            assert one.evidence or catalogue()[one.id].sentence != one.sentence


def test_a_section_that_the_guest_refuses_hides_no_other(tmp_path: Path) -> None:
    """Where one question fails, its checks are named as not made with the guest's words; the rest is answered."""
    unfit = guest(tmp_path / "guest", ["rearm.skipped", "appx.not-provisioned"], unanswered=["appx", "roles"])
    found = asked(unfit, tmp_path)
    assert met(found) == {"rearm.skipped": "warning"}
    lost = {"appx.not-provisioned", "appx.version-differs", "role.directory", "role.unsupported"}
    assert dict(found.unmade) == dict.fromkeys(lost, "the guest says: Access is denied.")


def test_who_golden_is_in_the_guest_is_asked_by_itself(tmp_path: Path) -> None:
    """Where Windows cannot tell about the account that sysprep is to run as, cut rights are met all the same."""
    unfit = guest(tmp_path / "guest", ["account.way-in"], unanswered=["account"])
    found = asked(unfit, tmp_path, Wish("Administrator"))
    assert met(found) == {"account.way-in": "error"}
    assert {name for name, _ in found.unmade} == {"account.missing", "account.no-administrator"}


def test_the_named_account_must_be_there_and_an_administrator(tmp_path: Path) -> None:
    """Who sysprep is to run as is looked for in the guest."""
    healthy = guest(tmp_path / "guest", ["account.no-administrator"])
    assert met(asked(healthy, tmp_path, Wish("Administrator"))) == {}
    assert met(asked(healthy, tmp_path, Wish("nobody"))) == {"account.missing": "error"}
    assert met(asked(healthy, tmp_path, Wish(".\\plain"))) == {"account.no-administrator": "error"}


def test_what_a_dirty_hive_does_not_show_counts_as_not_looked_at(tmp_path: Path) -> None:
    """A hive that was not written to its end is an error, and nothing missing in it is taken for absent."""
    unfit = guest(tmp_path / "guest", ["reboot.windows-update"])
    dirty(unfit.tree / "Windows/System32/config/SOFTWARE")
    found = looked_at(disk(unfit, tmp_path / "c.ntfs"))
    assert met(found) == {"disk.hive-dirty": "error", "reboot.windows-update": "error"}
    assert set(found.made) == {*offline.ABOUT_THE_DISK, "reboot.windows-update"}
    assert "disk.hive-dirty" in dict(found.unmade)["reserved-storage.busy"]


def test_a_hive_that_is_cut_short_is_named_and_what_needs_it_too(tmp_path: Path) -> None:
    """A damaged hive is a finding; checks that need it are named as not made, with the reason."""
    unfit = guest(tmp_path / "guest")
    software = unfit.tree / "Windows/System32/config/SOFTWARE"
    software.write_bytes(b"regf" + bytes(6000))
    found = looked_at(disk(unfit, tmp_path / "c.ntfs"))
    assert met(found)["disk.hive-damaged"] == "error"
    assert {"reboot.cbs", "sysprep.state", "appx.not-provisioned"} <= set(dict(found.unmade))


def test_a_hibernated_system_is_named(tmp_path: Path) -> None:
    """hiberfil.sys that begins with hibr means that the disk is not the whole state."""
    unfit = guest(tmp_path / "guest")
    (unfit.tree / "hiberfil.sys").write_bytes(b"hibr" + bytes(8192))
    assert met(looked_at(disk(unfit, tmp_path / "c.ntfs"))) == {"disk.hibernated": "error"}


def test_an_unclean_volume_is_named(tmp_path: Path) -> None:
    """A volume that Windows marked as dirty is an error, and what was not found on it proves nothing."""
    path = disk(guest(tmp_path / "guest"), tmp_path / "c.ntfs")
    _mark_dirty(path)
    found = looked_at(path)
    assert met(found) == {"disk.unclean": "error"}
    assert set(found.made) == set(offline.ABOUT_THE_DISK)


def test_an_encrypted_volume_is_named(tmp_path: Path) -> None:
    """A BitLocker volume cannot be read from outside, which is said instead of a traceback or silence."""
    path = disk(guest(tmp_path / "guest"), tmp_path / "c.ntfs")
    with path.open("r+b") as file:
        file.seek(3)
        file.write(b"-FVE-FS-")
    found = looked_at(path)
    assert met(found) == {"disk.unreadable": "error", "bitlocker.encrypted": "warning"}
    assert len(found.unmade) == len(catalogue()) - 2


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"hello" * 1000, b"\xeb\x52\x90NTFS    " + bytes(8181)])
def test_a_disk_without_a_windows_is_a_finding(tmp_path: Path, content: bytes) -> None:
    """Whatever the bytes are, the answer is a finding and never a traceback."""
    path = tmp_path / "x.raw"
    path.write_bytes(content)
    assert met(looked_at(path)) == {"disk.unreadable": "error"}


@pytest.mark.parametrize(("flag", "name"), [(0x4000, "efs.encrypted"), (0x400, "compact-os.on")])
def test_attributes_of_files_are_seen(tmp_path: Path, flag: int, name: str) -> None:
    """Files that EFS encrypts, and system files behind a reparse point, are found by their NTFS attributes."""
    path = disk(guest(tmp_path / "guest"), tmp_path / "c.ntfs")
    _set_attribute(path, "explorer.exe" if flag == 0x400 else "ntdll.dll", flag)
    found = looked_at(path)
    assert met(found) == {name: "warning"}
    assert "ntdll.dll" in found.findings[0].evidence or "explorer" in found.findings[0].sentence


@pytest.mark.parametrize("state", ["SEALED", "BROKEN", "FAILED_EARLY", "DEPLOYED"])
def test_a_windows_that_was_generalized_is_named(tmp_path: Path, state: str) -> None:
    """Only one that never was can be a reference; a deployed one is a warning."""
    unfit = guest(tmp_path / "guest")
    _bring_to(unfit.tree, unfit.machine, state)
    found = met(looked_at(disk(unfit, tmp_path / "c.ntfs")))
    assert found == ({"sysprep.deployed": "warning"} if state == "DEPLOYED" else {"sysprep.state": "error"})


FAILURES = {
    "appx.not-provisioned": "appx-not-provisioned",
    "bitlocker.encrypted": "bitlocker",
    "reserved-storage.busy": "reserved-storage",
    "reboot.cbs": "update-reboot",
    "reboot.windows-update": "update-reboot",
    "rearm.exhausted": "rearm-exhausted",
    "defender.onboarded": "mde-onboarded",
    "provider.missing": "external-dll",
}
"""The cause that sysprep's log names afterwards, by the check that names the state before."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_sysprep_fails_of_what_was_named_before(tmp_path: Path, name: str) -> None:
    """What a check names before is the cause that the log names after."""
    unfit = guest(tmp_path / "guest", {name: 9})
    assert name in met(asked(unfit, tmp_path))
    with inside(unfit, tmp_path) as session:
        program = "C:\\Windows\\System32\\Sysprep\\sysprep.exe"
        ran = session.run((program, "/generalize", "/oobe", "/quiet", "/quit"), "sysprep", Deadline(60))
    told = verdict(unfit.tree / "Windows/System32/Sysprep/Panther/setupact.log")
    assert ran.code != 0
    assert (told.succeeded, told.cause_id) == (False, FAILURES[name])
    assert not (unfit.tree / "Windows/System32/Sysprep/Sysprep_succeeded.tag").exists()


def test_a_state_that_is_copied_in_comes_with_the_next_start(tmp_path: Path) -> None:
    """As a user of the demo switches it on: a file in the guest, and one more start."""
    unfit = guest(tmp_path / "guest")
    place = unfit.tree / "Windows/golden-stand-in/faults.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text('{"unfit": ["defender.onboarded", "reboot.update-exe", "no.such-state"]}')
    assert met(asked(unfit, tmp_path)) == {}
    unfit.restart()
    assert set(met(asked(unfit, tmp_path))) == {"defender.onboarded", "reboot.update-exe"}
    unfit.restart()
    unfit.restart()
    assert set(met(asked(unfit, tmp_path))) == {"defender.onboarded"}


def test_findings_come_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    """Two runs tell the same in the same order."""
    path = disk(guest(tmp_path / "guest", ["role.unsupported", "reboot.file-renames"]), tmp_path / "c.ntfs")
    first, second = looked_at(path), looked_at(path)
    assert first == second
    assert [one.id for one in first.findings] == ["reboot.file-renames", "role.unsupported"]
    assert all(one.severity is Severity.WARNING for one in first.findings)
    assert isinstance(first, Checked)


def _mark_dirty(path: Path) -> None:
    """Set the dirty flag where Windows keeps it: the volume information of record 3 of the master file table."""
    data = bytearray(path.read_bytes())
    at = _record(data, 3)
    while (kind := struct.unpack_from("<I", data, at)[0]) != 0x70:
        assert kind != 0xFFFFFFFF
        at += struct.unpack_from("<I", data, at + 4)[0]
    content = at + struct.unpack_from("<H", data, at + 20)[0]
    struct.pack_into("<H", data, content + 10, 1)
    path.write_bytes(data)


def _record(data: bytearray, number: int) -> int:
    """Where the first attribute of a record of the master file table lies."""
    cluster = data[13] * struct.unpack_from("<H", data, 11)[0]
    start = struct.unpack_from("<Q", data, 48)[0] * cluster + number * 1024
    assert data[start : start + 4] == b"FILE"
    return start + struct.unpack_from("<H", data, start + 20)[0]


def _set_attribute(path: Path, name: str, flag: int) -> None:
    """Set a FILE_ATTRIBUTE_* flag of a file in its record, where Windows keeps it."""
    data = bytearray(path.read_bytes())
    with RawFile(path) as raw:
        from golden.windows.facts import windows_volume

        records = list(windows_volume(raw).records())
    encoded = name.encode("utf-16-le")
    number = next(n for n, record in enumerate(records) if encoded in record and record[0x16] & 3 == 1)
    at = data.find(records[number])
    first = at + struct.unpack_from("<H", data, at + 20)[0]
    content = first + struct.unpack_from("<H", data, first + 20)[0]
    flags = struct.unpack_from("<I", data, content + 32)[0]
    struct.pack_into("<I", data, content + 32, flags | flag)
    path.write_bytes(data)


def _bring_to(tree: Path, machine: Path, state: str) -> None:
    """Run the stand-in's own sysprep on the tree."""
    import golden.demo.standin

    code = "import sys; from pathlib import Path as P; from programs.seed import bring_to; "
    code += "bring_to(sys.argv[1], P(sys.argv[2]), P(sys.argv[3]))"
    argv = ["/usr/bin/python3", "-c", code, state, str(tree), str(machine)]
    folder = Path(golden.demo.standin.__file__).parent
    subprocess.run(argv, check=True, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)}, capture_output=True)
