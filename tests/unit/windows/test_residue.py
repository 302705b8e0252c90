"""What must not be left in a sealed image, on real NTFS volumes with real hives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.disk.damage import Damaged
from golden.disk.hive import Hive
from golden.disk.raw import RawFile
from golden.errors import ProofFailed
from golden.guest.family import Wanted
from golden.model import Finding, GuestFacts, GuestState, Severity
from golden.windows.answers_left import _has_password, _is_same, _tree
from golden.windows.changes import files as changed_files
from golden.windows.facts import windows_volume
from golden.windows.residue import refuse, residue
from golden.windows.sam import _task_keys, accounts, profiles, tasks
from golden.windows.state import open_hive
from tests.unit.disk import disks

FACTS = GuestFacts("windows", GuestState.VIRGIN, build="20348", architecture="x86_64")
NAMES = "SAM\\Domains\\Account\\Users\\Names"
PROFILES = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
TREE = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree"
WINLOGON = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
MEMORY = "ControlSet001\\Control\\Session Manager\\Memory Management"
OURS = "Windows/System32/Sysprep/unattend.xml"
CACHED = "Windows/Panther/unattend.xml"
PLAIN = b'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="generalize"/></unattend>'
SECRET = (
    b'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component>'
    b"<AdministratorPassword><Value>pw</Value></AdministratorPassword></component></settings></unattend>"
)
SCRUBBED = SECRET.replace(b"pw", b"*SENSITIVE*DATA*DELETED*").replace(
    b"<settings ", b'<settings wasPassProcessed="true" '
)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Sealed(disks.Windows):
    """The tree of a sealed Windows whose SAM holds accounts."""

    accounts: Mapping[str, int] = field(default_factory=lambda: {"Administrator": 500, "Guest": 501})
    security: dict[str, Any] = field(default_factory=dict)

    def tree(self, folder: Path) -> Path:
        """As the plain one, with SAM and SECURITY, and its recovery environment."""
        super().tree(folder)
        config = folder / "Windows/System32/config"
        recovery = folder / "Windows/System32/Recovery"
        recovery.mkdir()
        (recovery / "Winre.wim").write_bytes(b"x")
        names = [disks.at(f"{NAMES}\\{name}", {"": (number, "")}) for name, number in self.accounts.items()]  # type: ignore[dict-item]
        disks.hive(config / "SAM", disks.merged(*names))
        disks.hive(config / "SECURITY", self.security)
        return folder


NO_MEMORY = "residue-memory-none"
"""Said of every disk that holds no paging and no hibernation file."""


def found(folder: Path, windows: disks.Windows, answer_file: str = "", seal: str = "sysprep") -> dict[str, Finding]:
    """What is found on the disk of that Windows, by id."""
    with RawFile(windows.disk(folder)) as disk:
        return {finding.id: finding for finding in residue(windows_volume(disk), seal, answer_file)}


def test_a_clean_image_has_no_findings(tmp_path: Path) -> None:
    """A sealed disk with its own accounts and the answer file that was meant is clean, and refused by nobody."""
    windows = Sealed(files={OURS: PLAIN, CACHED: PLAIN})
    windows.system = disks.at("Setup", {"UnattendFile": ("sz", "C:\\Windows\\Panther\\unattend.xml")})
    met = found(tmp_path, windows, digest(PLAIN))
    assert [(one.id, one.severity) for one in met.values()] == [(NO_MEMORY, Severity.INFO)]
    assert refuse(()) == ()


def test_accounts_profiles_and_tasks_are_read_by_name_and_number(tmp_path: Path) -> None:
    """SAM gives the numbers, ProfileList the folders, TaskCache and the files the tasks with their folders."""
    windows = Sealed(files={"Windows/System32/Tasks/Microsoft/Windows/Defrag": b"x"})
    windows.software = disks.merged(
        disks.at(f"{PROFILES}\\S-1-5-21-1-2-3-500", {"ProfileImagePath": ("sz", "C:\\Users\\Administrator")}),
        disks.at(f"{TREE}\\Vendor\\Update", {"Id": ("sz", "{1}")}),
    )
    with RawFile(windows.disk(tmp_path)) as disk:
        volume = windows_volume(disk)
        software = open_hive(volume, "SOFTWARE")
        assert {account.name: account.number for account in accounts(volume)} == {"Administrator": 500, "Guest": 501}
        assert [(one.sid, one.folder) for one in profiles(software)] == [
            ("S-1-5-21-1-2-3-500", "C:\\Users\\Administrator")
        ]
        assert tasks(volume, software) == ("Microsoft\\Windows\\Defrag", "Vendor\\Update")


GOLDENS = [
    ("residue-account", {"accounts": {"Administrator": 500, "golden-0a1b2c": 1001}}),
    ("residue-profile", {"software": disks.at(f"{PROFILES}\\S-1-5-21-1-2-3-1001", {"ProfileImagePath": ("sz", "C:\\Users\\golden-0a1b2c.HOST")})}),  # noqa: E501
    ("residue-profile-folder", {"files": {"Users/golden-0a1b2c/NTUSER.DAT": b"x"}}),
    ("residue-task", {"files": {"Windows/System32/Tasks/golden-sysprep": b"x"}}),
    ("residue-task", {"software": disks.at(f"{TREE}\\golden-clean-up", {"Id": ("sz", "{1}")})}),
    ("residue-task", {"files": {"Windows/System32/Tasks/golden-local": b"x"}}),
    ("residue-files", {"files": {"Windows/Temp/golden/job-1/sysprep.in": b"x"}}),
    ("residue-files", {"files": {"Users/Administrator/.golden/boot/1": b"x"}}),
    ("residue-accounts-unread", {"accounts": {}}),
    ("residue-autologon-password", {"software": disks.at(WINLOGON, {"defaultpassword": ("sz", "pw")})}),
    ("residue-answer-file", {"files": {CACHED: PLAIN}}),
    ("residue-answer-file", {"files": {"Windows/Panther/Unattend/Old.XML": PLAIN}}),
    ("residue-answer-file", {"files": {"unattend.xml": SECRET}}),
    ("residue-answer-file", {"files": {"Autounattend.xml": PLAIN}}),
    ("residue-hibernated", {"files": {"hiberfil.sys": b"HIBR" + bytes(4096)}}),
    ("residue-answer-file-pointer", {"system": disks.at("Setup", {"UnattendFile": ("sz", "D:\\x.xml")})}),
    ("residue-panther-password", {"files": {"Windows/Panther/setup.xml": SECRET}}),
    ("residue-panther-password", {"files": {"Windows/Panther/unattend-original.xml": SECRET}}),
]  # fmt: skip


@pytest.mark.parametrize(("id_", "what"), GOLDENS)
def test_what_must_not_be_in_an_image_is_an_error(tmp_path: Path, id_: str, what: dict[str, Any]) -> None:
    """golden's own traces, secrets, and answer files that nobody meant stop a capture; with the seal none they warn."""
    windows = Sealed(**what)
    met = found(tmp_path, windows)
    assert met[id_].severity is Severity.ERROR
    assert "pw" not in met[id_].sentence.split() + met[id_].evidence.split()
    with pytest.raises(ProofFailed, match="the image is not clean"):
        refuse(tuple(met.values()))
    with RawFile(tmp_path / "disk.raw") as disk:
        unsealed = residue(windows_volume(disk), "none", "")
    assert id_ in {finding.id for finding in unsealed}
    assert {finding.severity for finding in unsealed if finding.id != NO_MEMORY} == {Severity.WARNING}


WARNINGS = [
    ("residue-autologon", {"software": disks.at(WINLOGON, {"AutoAdminLogon": ("sz", "1")})}),
    ("residue-autologon-secret", {"security": disks.at("Policy\\Secrets\\DefaultPassword", {"": ("binary", "00")})}),
    ("residue-memory", {"files": {"pagefile.sys": b"x"}}),
    ("residue-memory", {"files": {"hiberfil.sys": bytes(4096)}}),
    ("residue-memory", {"files": {"swapfile.sys": b"x"}}),
]  # fmt: skip


@pytest.mark.parametrize(("id_", "what"), WARNINGS)
def test_what_may_be_meant_or_is_unconfirmed_is_a_warning(tmp_path: Path, id_: str, what: dict[str, Any]) -> None:
    """It stands with the proof and stops nothing."""
    met = found(tmp_path, Sealed(**what))
    assert (NO_MEMORY in met) is (id_ != "residue-memory"), "it is said plainly whether they are there"
    met.pop(NO_MEMORY, None)
    assert [(one.id, one.severity) for one in met.values()] == [(id_, Severity.WARNING)]
    assert refuse(tuple(met.values())) == tuple(met.values())


def test_a_paging_file_that_is_cleared_at_shutdown_is_told_and_no_warning(tmp_path: Path) -> None:
    """Windows was told to overwrite it, so nothing of the clone's memory should be in it."""
    windows = Sealed(files={"pagefile.sys": b"x"}, system=disks.at(MEMORY, {"ClearPageFileAtShutdown": ("dword", 1)}))
    met = found(tmp_path, windows)
    assert [(one.id, one.severity) for one in met.values()] == [("residue-memory-cleared", Severity.INFO)]


def test_what_a_wim_would_lack_is_told(tmp_path: Path) -> None:
    """Deduplicated files are a warning; that there is no recovery environment on the volume is worth knowing."""
    chunks = "System Volume Information/Dedup/ChunkStore/{1}.ddp/Data/1.ccc"
    met = found(tmp_path / "a", Sealed(files={chunks: b"x"}))
    assert [(one.id, one.severity) for one in met.values()] == [
        ("residue-deduplicated", Severity.WARNING), (NO_MEMORY, Severity.INFO),
    ]  # fmt: skip
    plain = found(tmp_path / "b", disks.Windows())
    assert plain["residue-no-recovery"].severity is Severity.INFO


def test_names_that_only_look_like_goldens_are_left_alone(tmp_path: Path) -> None:
    """An account, a task and a file of a user's own with golden in the name are nobody's business."""
    windows = Sealed(accounts={"golden": 1001, "golden-retriever": 1002, "golden-0a1b2cd": 1003})
    windows.files = {
        "Windows/System32/Tasks/golden-hour": b"x",
        "Users/golden/x": b"x",
        "Windows/Temp/golden.log": b"x",
    }
    windows.software = disks.at(WINLOGON, {"AutoAdminLogon": ("sz", "0"), "DefaultPassword": ("sz", "")})
    assert set(found(tmp_path, windows)) == {NO_MEMORY}


def test_the_answer_file_that_is_left_is_the_one_that_was_meant(tmp_path: Path) -> None:
    """By its bytes; a lost one, and a cached one with other settings, are errors; sysprep's own marks are not."""
    meant = digest(SECRET)
    assert found(tmp_path / "a", Sealed(), meant)["residue-answer-file-lost"].severity is Severity.ERROR
    changed = found(tmp_path / "b", Sealed(files={OURS: PLAIN}), meant)
    assert digest(PLAIN) in changed["residue-answer-file-lost"].evidence
    other = found(tmp_path / "c", Sealed(files={OURS: SECRET, CACHED: PLAIN}), meant)
    assert other["residue-answer-file-other"].severity is Severity.ERROR
    scrubbed = found(tmp_path / "d", Sealed(files={OURS: SECRET, CACHED: SCRUBBED}), meant)
    scrubbed.pop(NO_MEMORY)
    assert {one.severity for one in scrubbed.values()} == {Severity.WARNING}
    assert set(scrubbed) == {"residue-answer-file-scrubbed", "residue-answer-file-password"}
    for finding in scrubbed.values():
        assert "pw" not in finding.sentence.split()


def test_a_kept_copy_of_the_answer_file_that_is_meant_warns_as_the_file_itself_does(tmp_path: Path) -> None:
    """Windows Setup keeps the one it is given; what is meant to be in the image voids no image by its copy."""
    kept = "Windows/Panther/unattend-original.xml"
    met = found(tmp_path, Sealed(files={OURS: SECRET, kept: SECRET}), digest(SECRET))
    assert met["residue-answer-file-password"].severity is Severity.WARNING
    assert "residue-panther-password" not in met


class Sparse:
    """A file of 16 TiB that takes no place on its disk; nobody has the time to hash it."""

    is_folder, size, attributes = False, 16 << 40, 0x200

    def __init__(self, name: str) -> None:
        self.name = self.path = name

    def read_at(self, offset: int, size: int) -> bytes:
        assert size <= 4 << 20
        return bytes(size)

    def sha256(self) -> str:
        raise AssertionError(f"{self.name} is hashed")


class WithSparse:
    """A volume on which one file is such a one."""

    def __init__(self, volume: Any, path: str) -> None:
        self.volume, self.path = volume, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.volume, name)

    def find(self, path: str) -> Any:
        return Sparse(path) if path == self.path else self.volume.find(path)


def test_what_is_too_large_for_an_answer_file_is_named_and_not_hashed(tmp_path: Path) -> None:
    """Whatever lies at that place is reported, in the time that its name takes."""
    with RawFile(Sealed(files={OURS: PLAIN}).disk(tmp_path)) as disk:
        volume = windows_volume(disk)
        met = {one.id: one for one in residue(WithSparse(volume, CACHED), "sysprep", digest(PLAIN))}  # type: ignore[arg-type]
        assert met["residue-answer-file-other"].evidence.endswith(f"{16 << 40} bytes, too large for an answer file")
        lost = {one.id: one for one in residue(WithSparse(volume, OURS), "sysprep", digest(PLAIN))}  # type: ignore[arg-type]
        assert "too large for an answer file" in lost["residue-answer-file-lost"].evidence
        source = tmp_path / "x.txt"
        source.write_bytes(PLAIN)
        change = changed_files.prepare(Wanted("file", source, "C:\\x.txt"), FACTS).change
        with pytest.raises(ProofFailed, match=r"x\.txt has other bytes"):
            changed_files.prove(WithSparse(volume, "x.txt"), change)  # type: ignore[arg-type]


def test_a_sam_that_was_not_written_to_its_end_proves_nothing(tmp_path: Path) -> None:
    """The newest accounts would be in its log, so that none of golden's is there is not known."""
    windows = Sealed()
    tree = windows.tree(tmp_path / "tree")
    disks.dirty(tree / "Windows/System32/config/SAM")
    volume = disks.ntfs(tree, tmp_path / "v.ntfs")
    with RawFile(disks.gpt(tmp_path / "disk.raw", (disks.BASIC_DATA, volume))) as disk:
        met = residue(windows_volume(disk), "sysprep", "")
    assert [finding.id for finding in met] == ["residue-accounts-unread", NO_MEMORY]


def test_a_bomb_is_not_expanded() -> None:
    """A file with a document type is no answer file to compare; its passwords are looked for in its bytes."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    assert _tree(bomb) is None
    assert not _has_password(bomb)
    assert _has_password(bomb + b"<Password>")
    wide = SECRET.decode().encode("utf-16")
    assert _has_password(wide)
    assert not _has_password(SCRUBBED)


@settings(max_examples=500, deadline=1000, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.integers(0, len(SECRET)), st.integers(0, len(SECRET)))
def test_any_bytes_are_judged_without_a_crash(noise: bytes, start: int, end: int) -> None:
    """Whatever lies under the name of an answer file, looking at it ends, and nothing but an answer comes out."""
    for content in (noise, SECRET[:start] + noise + SECRET[end:]):
        assert _has_password(content) in (True, False)
        tree = _tree(content)
        assert tree is None or _is_same(tree, tree)


@pytest.fixture(scope="module")
def hive_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SOFTWARE hive with profiles and tasks."""
    tree = disks.merged(
        disks.at(f"{PROFILES}\\S-1-5-21-1-2-3-500", {"ProfileImagePath": ("sz", "C:\\Users\\Administrator")}),
        disks.at(f"{TREE}\\Vendor\\Update", {"Id": ("sz", "{1}")}),
    )
    return disks.hive(tmp_path_factory.mktemp("hive") / "SOFTWARE", tree).read_bytes()


@settings(max_examples=300, deadline=1000, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_hive_is_damaged_and_no_crash(hive_bytes: bytes, data: st.DataObject) -> None:
    """Bytes of its cells are changed at will: profiles and tasks are read, or it is Damaged, within a second."""
    content = bytearray(hive_bytes)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(4096 + 32, len(content) - 4))
        content[place : place + 4] = data.draw(st.binary(min_size=4, max_size=4))
    software = Hive.open(bytes(content), "SOFTWARE")
    for read in (profiles, lambda hive: tuple(_task_keys(hive))):
        with suppress(Damaged):
            assert isinstance(read(software), tuple)
