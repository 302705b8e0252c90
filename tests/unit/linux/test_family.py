"""The Linux family: changes, their proof on disk, and the seal run for real inside a chroot."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.disk.raw import RawFile
from golden.errors import ChangeFailed, GuestUnfit, NotFound, ProofFailed, UsageError
from golden.guest.family import SealOrder, Wanted
from golden.guest.session import Session
from golden.linux.dialect import SCRIPTS, encode_lines
from golden.linux.family import LinuxFamily
from golden.model import GuestFacts, GuestState, Severity
from golden.testing.local import LocalCommunicator
from golden.waiting import Deadline
from tests.unit.linux.disks import MACHINE_ID, disk, elf, tree

FAMILY = LinuxFamily()
VIRGIN = GuestFacts(os="linux", state=GuestState.VIRGIN)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    guest = LocalCommunicator(tmp_path / "guest")
    yield Session(guest, guest.dialect, "job1", logs=tmp_path / "logs").open(Deadline(20))
    guest.stop()


def test_a_script_is_run_with_its_arguments(session: Session, tmp_path: Path) -> None:
    """A script runs in the guest with its arguments, and its exit code 3010 asks for a restart."""
    script = tmp_path / "harden.sh"
    script.write_text(f'#!/bin/bash\nprintf "%s|" "$@" >{tmp_path}/said\nexit 3010\n'.replace("3010", "0"))
    found = FAMILY.prepare(Wanted("script", script, arguments=("a b", "it's")), VIRGIN)
    applied = FAMILY.apply(session, found.change, {script.name: script}, Deadline(20))
    assert not applied.reboot
    assert (tmp_path / "said").read_text() == "a b|it's|"


def test_a_failing_script_is_a_failed_change_with_its_words(session: Session, tmp_path: Path) -> None:
    """An exit code other than 0 is ChangeFailed with what the script said."""
    script = tmp_path / "broken.sh"
    script.write_text("echo disk full >&2; exit 1\n")
    found = FAMILY.prepare(Wanted("script", script), VIRGIN)
    with pytest.raises(ChangeFailed, match="exit code 1") as caught:
        FAMILY.apply(session, found.change, {script.name: script}, Deadline(20))
    assert "disk full" in str(caught.value.details)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (Wanted("driver", Path("netkvm.inf")), UsageError),
        (Wanted("registry", Path("x.reg")), UsageError),
        (Wanted("script", Path("harden.ps1")), UsageError),
        (Wanted("script", Path("/no/such.sh")), NotFound),
        (Wanted("file", Path(__file__), "relative/motd"), UsageError),
        (Wanted("file", Path(__file__), "C:\\motd"), UsageError),
        (Wanted("file", Path(__file__), "/etc/../motd"), UsageError),
        (Wanted("file", Path("/no/such"), "/etc/motd"), NotFound),
    ],
)
def test_what_cannot_be_applied_is_refused_before_anything_starts(wanted: Wanted, error: type[Exception]) -> None:
    """Drivers, Windows scripts, missing files and impossible destinations are errors when preparing."""
    with pytest.raises(error):
        FAMILY.prepare(wanted, VIRGIN)


def test_a_copied_file_is_proved_on_the_disk(tmp_path: Path) -> None:
    """A file that is on the disk with its bytes is proof; a missing or different one is ProofFailed."""
    source = tmp_path / "motd"
    source.write_bytes(b"x" * 3_000_000)
    change = FAMILY.prepare(Wanted("file", source, "/etc/"), VIRGIN).change
    root = tree(tmp_path / "root")
    image = tmp_path / "disk.img"
    with RawFile(disk(root, image)) as without, pytest.raises(ProofFailed, match="no file /etc/motd"):
        FAMILY.prove(without, (change,))
    shutil.copy(source, root / "etc/motd")
    with RawFile(disk(root, image)) as right:
        ((name, evidence),) = FAMILY.prove(right, (change,))
    assert name == change.name
    assert "/etc/motd sha256" in evidence
    (root / "etc/motd").write_bytes(b"other")
    with RawFile(disk(root, image)) as wrong, pytest.raises(ProofFailed, match="other bytes"):
        FAMILY.prove(wrong, (change,))


@pytest.mark.parametrize("state", [state for state in GuestState if state is not GuestState.VIRGIN])
def test_only_a_virgin_guest_is_sealed(session: Session, state: GuestState) -> None:
    """Whatever is not VIRGIN is refused, and nothing is run in the guest."""
    assert isinstance(session.communicator, LocalCommunicator)
    before = len(session.communicator.started)
    with pytest.raises(GuestUnfit):
        FAMILY.generalize(session, SealOrder("linux"), GuestFacts(os="linux", state=state), Deadline(5))
    assert len(session.communicator.started) == before


def test_seals_and_answer_files_that_do_not_fit_are_refused(session: Session) -> None:
    """sysprep and answer files belong to Windows."""
    with pytest.raises(UsageError, match="sysprep"):
        FAMILY.generalize(session, SealOrder("sysprep"), VIRGIN, Deadline(5))
    with pytest.raises(UsageError, match="answer file"):
        FAMILY.generalize(session, SealOrder("linux", Path("x.xml")), VIRGIN, Deadline(5))


def test_a_disk_that_is_not_sealed_fails_the_proof_with_every_input(tmp_path: Path) -> None:
    """A virgin disk is no sealed one; the error names the signals and prints all inputs."""
    with (
        RawFile(disk(tree(tmp_path / "root"), tmp_path / "disk.img")) as virgin,
        pytest.raises(ProofFailed, match="machine-id") as caught,
    ):
        FAMILY.prove_sealed(virgin, "linux")
    assert f"machine-id: {MACHINE_ID}" in str(caught.value.details)


def test_the_seal_none_is_proved_by_a_virgin_disk(tmp_path: Path) -> None:
    """With the seal none the image must be what the version was."""
    with RawFile(disk(tree(tmp_path / "root"), tmp_path / "disk.img")) as virgin:
        assert FAMILY.prove_sealed(virgin, "none").facts.state is GuestState.VIRGIN


# A whole system in a folder, for the seal script alone; it must never run anywhere but in a chroot.
BUSYBOX = shutil.which("busybox")
in_chroot = pytest.mark.skipif(
    os.geteuid() != 0 or BUSYBOX is None, reason="a chroot needs root, and its programs are busybox'"
)
TRACES = {
    "etc/ssh/ssh_host_ed25519_key": "key",
    "etc/ssh/ssh_host_ed25519_key.pub": "key",
    "etc/resolv.conf": "nameserver 192.0.2.1\n",
    "etc/udev/rules.d/70-persistent-net.rules": "rule",
    "var/lib/dhcp/dhclient.eth0.leases": "lease",
    "var/lib/systemd/random-seed": "seed",
    "var/lib/dbus/machine-id": MACHINE_ID,
    "var/lib/cloud/instance/id": "i-1",
    "var/log/syslog": "lines",
    "var/log/syslog.2.gz": "lines",
    "var/log/journal/x/system.journal": "lines",
    "etc/pki/consumer/key.pem": "key",
    "etc/pki/entitlement/1-key.pem": "key",
    "etc/sysconfig/rhn/systemid": "id",
    "etc/krb5.keytab": "key",
    "etc/lvm/devices/system.devices": "IDTYPE=sys_wwid",
    "var/lib/sss/db/cache_example.ldb": "hashes",
    "root/.bash_history": "secret",
    "home/ann/.bash_history": "secret",
    "tmp/left": "x",
    "var/tmp/left": "x",
}


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A root file system with an SSH server, traces of a life, and programs to run seal.sh with."""
    assert BUSYBOX is not None
    root = tree(tmp_path / "root")
    (root / "usr/bin/sh").unlink()
    for name in ("sh", *["cat", "mv", "mkdir", "base64", "id", "cp", "chmod", "ln", "rm", "find", "truncate", "sync"]):
        (root / "usr/bin" / name).symlink_to("busybox")
    for path in (BUSYBOX, *_libraries(BUSYBOX)):
        target = root / ("usr/bin/busybox" if path == BUSYBOX else path.lstrip("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in ("usr/sbin/sshd", "usr/bin/ssh-keygen"):
        (root / name).write_bytes(elf(0x3E))
        (root / name).chmod(0o755)
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "dev").mkdir()
    (root / "dev/null").touch()
    for name, text in TRACES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    work = root / "var/tmp/golden/job1"
    work.mkdir(parents=True)
    for script in ("seal.sh", "golden-host-keys.service"):
        shutil.copy(SCRIPTS / script, work / script)
    parameters = {"unit": "/var/tmp/golden/job1/golden-host-keys.service", "work": "/var/tmp/golden"}
    (work / "in").write_bytes(encode_lines(parameters))
    return root


def _libraries(program: str) -> list[str]:
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [word for word in told.split() if word.startswith("/")]


def run_seal(system: Path) -> tuple[int, str]:
    work = "/var/tmp/golden/job1"
    ended = subprocess.run(
        ["/usr/sbin/chroot", str(system), "/bin/sh", f"{work}/seal.sh", f"{work}/in", f"{work}/out"],
        env={"PATH": "/usr/bin"},
        check=False,
    )
    out = system / work.lstrip("/") / "out"
    return ended.returncode, out.read_text().strip() if out.exists() else ""


@in_chroot
def test_the_seal_takes_every_trace_away_and_is_proved(system: Path, tmp_path: Path) -> None:
    """After seal.sh no trace is left, the disk reads SEALED, and host keys are sure to be made again."""
    assert run_seal(system) == (0, '{"sealed":true}')
    kept = {"etc/resolv.conf", "var/log/syslog", "var/lib/dbus/machine-id"}
    assert [name for name in TRACES if name not in kept and (system / name).exists()] == []
    assert (system / "etc/resolv.conf").read_bytes() == (system / "var/log/syslog").read_bytes() == b""
    assert (system / "var/lib/dbus/machine-id").readlink() == Path("/etc/machine-id")
    with RawFile(disk(system, tmp_path / "disk.img")) as sealed:
        proof = FAMILY.prove_sealed(sealed, "linux")
    assert proof.findings == ()
    assert proof.facts.state is GuestState.SEALED
    assert ("ssh host keys made again", "at each boot") in proof.signals


def test_what_would_be_the_same_in_every_machine_is_a_warning(tmp_path: Path) -> None:
    """The seal leaves what nothing would make again; a name that is made at each start is no name yet."""
    root = tree(tmp_path / "root")
    (root / "etc/machine-id").write_text("")
    for name, text in {
        "etc/golden/seal": "sealed\n",
        "etc/iscsi/initiatorname.iscsi": "# note\nInitiatorName=iqn.1993-08.org.debian:01:abc\n",
        "etc/nvme/hostid": "0f5c1d6e-2b7a-4c39-9e8d-1a2b3c4d5e6f\n",
        "etc/krb5.keytab": "key",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    with RawFile(disk(root, tmp_path / "disk.img")) as sealed:
        proof = FAMILY.prove_sealed(sealed, "linux")
    assert [(one.evidence, one.severity) for one in proof.findings] == [
        ("/etc/iscsi/initiatorname.iscsi", Severity.WARNING),
        ("/etc/nvme/hostid", Severity.WARNING),
        ("/etc/krb5.keytab", Severity.WARNING),
    ]
    (root / "etc/iscsi/initiatorname.iscsi").write_text("GenerateName=yes\n")
    for name in ("etc/nvme/hostid", "etc/krb5.keytab"):
        (root / name).unlink()
    with RawFile(disk(root, tmp_path / "disk.img")) as sealed:
        assert FAMILY.prove_sealed(sealed, "linux").findings == ()


@in_chroot
def test_a_seal_started_twice_happens_once(system: Path) -> None:
    """A second start on the same order does nothing and leaves the answer of the first."""
    assert run_seal(system) == (0, '{"sealed":true}')
    assert run_seal(system) == (17, '{"sealed":true}')


@in_chroot
def test_a_guest_that_could_not_make_host_keys_again_is_not_sealed(system: Path) -> None:
    """With an SSH server but nothing to make keys with, the keys stay and the answer says why."""
    (system / "usr/bin/ssh-keygen").unlink()
    code, answer = run_seal(system)
    assert code == 0
    assert '"sealed":false' in answer
    assert "host keys" in answer
    assert (system / "etc/ssh/ssh_host_ed25519_key").exists()
    assert (system / "etc/machine-id").read_text().strip() == MACHINE_ID


@in_chroot
def test_a_seal_that_breaks_off_reads_broken(system: Path, tmp_path: Path) -> None:
    """A seal that could not end leaves a disk that nobody takes for virgin or sealed."""
    (system / "etc/machine-id").unlink()
    (system / "etc/machine-id").mkdir()
    code, answer = run_seal(system)
    assert code == 0
    assert '"sealed":false' in answer
    with RawFile(disk(system, tmp_path / "disk.img")) as broken, pytest.raises(ProofFailed):
        FAMILY.prove_sealed(broken, "linux")
