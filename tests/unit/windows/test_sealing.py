"""Generalizing a Windows guest on the stand-in's own programs: started as local work, watched, cleared, proved."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from golden.disk.raw import RawFile
from golden.errors import GeneralizeFailed, PolicyRefused, ProofFailed, TimedOut, UsageError
from golden.guest.family import SealOrder
from golden.guest.session import Session
from golden.model import GuestState, Sealing, Severity
from golden.waiting import Silent
from golden.windows.account import BUILDER, runner
from golden.windows.sysprep import command_line
from golden.windows.watching import last_words
from tests.unit.windows.folder_guest import FolderGuest
from tests.unit.windows.guests import FACTS, FAMILY, Guest

pytestmark = pytest.mark.slow

ANSWERS = '<unattend xmlns="urn:schemas-microsoft-com:unattend"/>'


@dataclass
class Listener(Silent):
    """A watcher that keeps what it is told."""

    said: list[str] = field(default_factory=list)

    def doing(self, what: str) -> None:
        self.said.append(what)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """An answer file that asks for nothing."""
    path = tmp_path / "answers.xml"
    path.write_text(ANSWERS)
    return path


def ran_as(guest: FolderGuest) -> str:
    """The account that sysprep ran as."""
    return (guest.machine / "sysprep-ran-as").read_text()


def everything(guest: Guest) -> bytes:
    """Every byte of the guest, its machine, and the logs that were kept here."""
    places = (guest.line.tree, guest.line.machine, guest.folder / "logs")
    return b"".join(path.read_bytes() for place in places for path in place.rglob("*") if path.is_file())


def test_a_clone_is_sealed_and_proved_and_stays_sealed_once(tmp_path: Path, answers: Path) -> None:
    """Sysprep in a virgin guest leaves all four signals on the disk, its logs are kept, and it is never run again."""
    guest = Guest(tmp_path)
    with RawFile(guest.disk()) as disk:
        assert FAMILY.prove_sealed(disk, "none").facts.state is GuestState.VIRGIN
        with pytest.raises(ProofFailed, match="VIRGIN") as error:
            FAMILY.prove_sealed(disk, "sysprep")
        assert "ImageState: IMAGE_STATE_COMPLETE" in (error.value.details or "")
    guest.generalize(order=SealOrder("sysprep", answers))
    assert (tmp_path / "logs" / "sysprep-setupact.log").stat().st_size > 0
    with pytest.raises(PolicyRefused, match="generalized already"):
        guest.generalize()
    proof = guest.proof(answer_file=hashlib.sha256(ANSWERS.encode()).hexdigest())
    assert dict(proof.signals)["SetupType"] == "2"
    assert (proof.seal, proof.way, proof.facts.state) == ("sysprep", "disk", GuestState.SEALED)
    assert [name for name, _ in proof.identity] == ["machine SID", "MachineGuid"]
    assert proof.identity[0][1] == proof.facts.machine_sid
    assert not [finding for finding in proof.findings if finding.severity is Severity.ERROR]
    with RawFile(guest.disk()) as disk, pytest.raises(ProofFailed):
        FAMILY.prove_sealed(disk, "none")


def test_sysprep_runs_as_an_account_of_its_own_that_is_gone_afterwards(tmp_path: Path) -> None:
    """Neither SYSTEM nor a child of the way in runs it; account, profile, task and password are gone from the disk."""
    guest = Guest(tmp_path)
    guest.generalize()
    name = ran_as(guest.line)
    assert BUILDER.fullmatch(name)
    assert not any("sysprep.exe" in word.lower() for argv in guest.line.started for word in argv)
    guest.proof()
    left = [path for path in guest.line.tree.rglob("*") if "golden" in path.name.lower()]
    assert [path.name for path in left if path.name != "golden-stand-in"] == ["golden"], "an empty folder at most"


def test_an_account_that_stays_is_no_proof(tmp_path: Path) -> None:
    """Should the clean-up leave the account, the disk tells, and the capture fails."""
    guest = Guest(tmp_path, **{"clean-up": "leaves-account"})
    guest.generalize()
    with pytest.raises(
        ProofFailed, match=r"the account golden-[0-9a-f]{6}, which golden made, is still there"
    ) as error:
        guest.proof()
    assert "residue-profile:" in (error.value.details or "")
    assert "residue-profile-folder:" in (error.value.details or "")


def test_a_named_administrator_runs_it_and_stays(tmp_path: Path) -> None:
    """The account a user names runs sysprep and belongs into the image; its password is nowhere."""
    guest = Guest(tmp_path)
    order = SealOrder("sysprep", account="Administrator", password="s3cret-words")
    guest.generalize(replace(FACTS, stand_in=False), order)
    assert ran_as(guest.line) == "Administrator"
    assert "s3cret-words" not in str(guest.line.started) + repr(order) + repr(runner(order))
    assert b"s3cret-words" not in everything(guest)
    assert guest.proof().facts.state is GuestState.SEALED


def test_the_password_is_never_on_a_command_line_and_gone_from_the_disk(tmp_path: Path) -> None:
    """Of a made account, too: two of them differ, each has all kinds of characters, and repr hides it."""
    first, second = runner(SealOrder("sysprep")), runner(SealOrder("sysprep"))
    assert first.name != second.name
    assert first.password != second.password
    for kind in (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum()):
        assert any(kind(sign) for sign in first.password)
    assert first.password not in repr(first)
    assert len(first.name) <= 20


def test_cached_answer_files_go_before_sysprep_and_are_told(tmp_path: Path, answers: Path) -> None:
    """Answer files of the installation would win over the one that is meant, so they go; in the clone only."""
    guest = Guest(tmp_path)
    old = [guest.line.host(f"C:\\Windows\\Panther\\{name}") for name in ("unattend.xml", "Unattend\\Old.xml",
           "unattend-original.xml")]  # fmt: skip
    for path in old:
        path.parent.mkdir(exist_ok=True)
        path.write_text("<unattend><old/></unattend>")
    sealing = guest.generalize(order=SealOrder("sysprep", answers))
    assert not old[1].exists()
    assert not old[2].exists()
    assert old[0].read_text() == ANSWERS
    assert sum("taken away before sysprep" in note for note in sealing.notes) == 3
    guest.proof(answer_file=hashlib.sha256(ANSWERS.encode()).hexdigest())


@pytest.mark.parametrize("name", ["unattend.xml", "Autounattend.xml"])
@pytest.mark.parametrize("meant", [False, True])
def test_an_answer_file_in_the_root_of_the_drive_goes_before_sysprep(
    tmp_path: Path, answers: Path, name: str, meant: bool
) -> None:
    """The first boot looks there last, so without a meant one it would be used; it goes either way, and is told."""
    guest = Guest(tmp_path)
    guest.line.host(f"C:\\{name}").write_text("<unattend><other/></unattend>")
    sealing = guest.generalize(order=SealOrder("sysprep", answers if meant else None))
    assert [note.lower() for note in sealing.notes] == [f"taken away before sysprep: c:\\{name.lower()}"]
    guest.proof(answer_file=hashlib.sha256(ANSWERS.encode()).hexdigest() if meant else "")


@pytest.mark.slow
def test_another_answer_file_than_the_meant_one_is_no_proof(tmp_path: Path, answers: Path) -> None:
    """What the first boot would read is compared by its bytes with what was meant."""
    guest = Guest(tmp_path)
    guest.generalize(order=SealOrder("sysprep", answers))
    with pytest.raises(ProofFailed, match="the answer file that was meant is not on the disk"):
        guest.proof(answer_file=hashlib.sha256(b"another").hexdigest())
    with RawFile(guest.disk()) as disk, pytest.raises(ProofFailed, match="nobody meant"):
        FAMILY.prove_sealed(disk, "sysprep")


@pytest.mark.slow
def test_an_answer_file_on_an_attached_medium_is_not_used_by_accident(tmp_path: Path, answers: Path) -> None:
    """Without a file of its own a capture is refused; with one, the medium is a note."""
    guest = Guest(tmp_path, media="D:\\Autounattend.xml")
    with pytest.raises(GeneralizeFailed, match="attached medium holds an answer file"):
        guest.generalize()
    sealing = guest.generalize(order=SealOrder("sysprep", answers))
    assert "an attached medium holds an answer file: D:\\Autounattend.xml" in sealing.notes


@pytest.mark.slow
@pytest.mark.parametrize(("code", "said"), [(0, "Office rearmed:"), (7, "Office NOT rearmed, exit code 7:")])
def test_office_is_rearmed_where_it_is(tmp_path: Path, code: int, said: str) -> None:
    """OSPPREARM.EXE runs before sysprep, and how it ended is told."""
    guest = Guest(tmp_path, office=code)
    program = guest.line.host("C:\\Program Files\\Microsoft Office\\Office16\\OSPPREARM.EXE")
    program.parent.mkdir(parents=True)
    program.write_bytes(b"MZ")
    assert any(note.startswith(said) for note in guest.generalize().notes)
    assert (guest.line.machine / "office-rearmed").read_text() == str(code)


@pytest.mark.slow
def test_mode_vm_is_off_unless_asked_for(tmp_path: Path, answers: Path) -> None:
    """/quiet and /quit always; /mode:vm only where it was asked for, and the image says so."""
    plain = command_line(SealOrder("sysprep"))
    assert plain[1:] == ("/generalize", "/oobe", "/quiet", "/quit")
    asked = SealOrder("sysprep", answers, mode_vm=True)
    assert "/mode:vm" in command_line(asked)
    guest = Guest(tmp_path)
    assert any("same machine type" in note for note in guest.generalize(order=asked).notes)
    assert "Sysprep mode [vm]" in (tmp_path / "logs" / "sysprep-setupact.log").read_text()


@pytest.mark.slow
def test_the_rearm_counter_is_read_before_and_after(tmp_path: Path) -> None:
    """The version's count and the image's, one less; a service that does not answer is no failure."""
    sealing = Guest(tmp_path / "a").generalize()
    assert sealing.before is not None
    assert sealing.after is not None
    assert (sealing.before.left, sealing.after.left) == (1001, 1000)
    assert sealing.after.channel == "Volume:GVLK"
    assert Guest(tmp_path / "b", licence="silent").generalize() == Sealing()


def test_the_last_words_of_a_log_are_what_it_said_last() -> None:
    """Noise and frames are passed over, and whatever is no log says nothing."""
    noise = b"2026-03-20 15:17:23, Error      SPPNP: Failed to queue enumerated driver packages. Err = 0x57\r\n"
    assert last_words(base64.b64encode(b"2026-03-20 15:17:22, Info       SYSPRP Hello\r\n" + noise).decode()) == "Hello"
    assert last_words("no base64!") == last_words(None) == ""


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


def test_a_failed_sysprep_is_told_soon_and_its_task_is_gone(tmp_path: Path) -> None:
    """Well before the deadline: within 30 s of its end; and no stored password stays in a clone that is kept."""
    guest = Guest(tmp_path, sysprep="appx")
    with pytest.raises(GeneralizeFailed):
        guest.generalize(limit=600)
    ended = (guest.line.host("C:\\Windows\\System32\\Sysprep\\Panther\\setupact.log")).stat().st_mtime
    assert time.time() - ended < 30
    assert not list(guest.line.host("C:\\Windows\\System32\\Tasks").iterdir())
    assert not [path for path in guest.line.host("C:\\Users").iterdir() if BUILDER.fullmatch(path.name)]


@pytest.mark.slow
def test_a_sysprep_that_says_0_and_does_nothing_is_found_out(tmp_path: Path) -> None:
    """An exit code of 0 without the signals is GeneralizeFailed that says just that."""
    with pytest.raises(GeneralizeFailed, match=r"ended with exit code 0, but left neither the signs .* nor a log"):
        Guest(tmp_path, sysprep="exit0-no-seal").generalize()


@pytest.mark.slow
def test_the_log_of_an_earlier_run_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """A deployed guest has a log that tells of success; that it is an old one is seen."""
    guest = Guest(tmp_path, sysprep="exit0-no-seal")
    log = guest.line.host("C:\\Windows\\System32\\Sysprep\\Panther\\setupact.log")
    log.parent.mkdir(parents=True)
    log.write_text(
        "2020-01-01 00:00:00, Info       SYSPRP ===  Beginning of a new sysprep run  ===\r\n"
        "2020-01-01 00:00:01, Info       [0x0f0057] SYSPRP FCreateTagFile:Successfully created tag file C:\\x.tag\r\n"
    )
    with pytest.raises(GeneralizeFailed, match="nor a log of this run"):
        guest.generalize(replace(FACTS, state=GuestState.DEPLOYED))


@pytest.mark.slow
def test_an_account_that_cannot_log_on_is_named_as_the_cause(tmp_path: Path) -> None:
    """The task's result tells it; nobody waits for the deadline."""
    guest = Guest(tmp_path, task="logon-refused")
    with pytest.raises(GeneralizeFailed, match=r"cannot log on \(its name or password is wrong, 0x8007052e\)"):
        guest.generalize(order=SealOrder("sysprep", account="Administrator", password="wrong"), limit=600)


@pytest.mark.slow
def test_an_account_that_is_not_there_is_told_with_the_guests_words(tmp_path: Path) -> None:
    """Nothing is started as somebody else instead."""
    guest = Guest(tmp_path)
    with pytest.raises(GeneralizeFailed, match="could not be started as nobody") as error:
        guest.generalize(order=SealOrder("sysprep", account="nobody", password="x"))
    assert "No mapping between account names" in (error.value.details or "")


@pytest.mark.slow
def test_a_policy_against_stored_passwords_is_named_with_what_to_do(tmp_path: Path) -> None:
    """The Task Scheduler refuses what it would have to store a password for; the password is not to blame."""
    guest = Guest(tmp_path, unfit=["account.stored-password"])
    with pytest.raises(GeneralizeFailed, match="a policy keeps the Task Scheduler from storing its password") as error:
        guest.generalize()
    assert "Lsa!DisableDomainCreds = 0" in (error.value.hint or "")
    assert "password is right" not in (error.value.hint or "")


@pytest.mark.slow
def test_a_sysprep_that_hangs_is_a_time_out_with_its_last_words(tmp_path: Path) -> None:
    """At the limit TimedOut gives the last line of its log, which was shown while it was at work, too."""
    guest = Guest(tmp_path, sysprep="hang")
    guest.session.watcher = watcher = Listener()
    with pytest.raises(TimedOut, match="sysprep to end") as error:
        guest.generalize(limit=6)
    stop(guest)
    assert "last log line: 20" in (error.value.details or "")
    assert "sysprep: WinMain:Pre-validing 'generalize' internal providers." in watcher.said


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


def test_a_named_administrator_needs_a_password(tmp_path: Path) -> None:
    """Without one the error says which keys to set, and nothing is started."""
    guest = object.__new__(Guest)
    guest.session = Session(None, FAMILY.dialect, "x", logs=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no password is configured") as error:
        guest.generalize(order=SealOrder("sysprep", account="Administrator"))
    assert "[references.NAME.guest] password_file" in (error.value.hint or "")


def test_no_seal_starts_nothing(tmp_path: Path) -> None:
    """The seal "none" leaves the guest as it is; an unknown seal is UsageError."""
    guest = object.__new__(Guest)
    guest.session = Session(None, FAMILY.dialect, "x", logs=tmp_path)  # type: ignore[arg-type]
    assert guest.generalize(order=SealOrder("none")) == Sealing()
    with pytest.raises(UsageError, match="wax"):
        guest.generalize(order=SealOrder("wax"))


def stop(guest: Guest) -> None:
    """End the stand-in's sysprep that hangs for good."""
    os.kill(int((guest.line.machine / "running-sysprep").read_text()), signal.SIGKILL)
