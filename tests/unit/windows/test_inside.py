"""A running Windows shows its files and hives as its powered-off disk does, and proofs say which way it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.disk.raw import RawFile
from golden.errors import NotAble, NotFound, ProofFailed
from golden.guest.running import Running
from golden.model import Change, GuestState, PayloadFile
from golden.waiting import Deadline
from golden.windows.inside import RunningVolume
from tests.unit.windows.guests import FAMILY, Guest

pytestmark = pytest.mark.slow


def test_facts_read_inside_are_those_of_the_disk(tmp_path: Path) -> None:
    """State with every input, edition, build, SID, drivers: equal both ways."""
    guest = Guest(tmp_path)
    running = Running(guest.session, Deadline(60))
    inside = FAMILY.read(running)
    volume = RunningVolume(running)
    cmd = volume.open("Windows/System32/cmd.exe")
    assert volume.exists("windows\\SYSTEM32\\CMD.EXE")
    assert cmd.read_at(0, 2) == b"MZ"
    assert cmd.read_at(cmd.size - 1, 10) == (guest.line.tree / "Windows/System32/cmd.exe").read_bytes()[-1:]
    assert not volume.exists("Windows/System32/cmd.exe/below")
    assert "System32" in volume.list("Windows")
    with pytest.raises(NotFound):
        volume.open("Windows/nothing")
    with pytest.raises(NotAble):
        next(iter(volume.records()))
    guest.session.close(Deadline(30))
    with RawFile(guest.disk()) as disk:
        outside = FAMILY.read(disk)
    assert inside == outside
    assert inside.state is GuestState.VIRGIN


def test_a_change_is_proved_inside(tmp_path: Path) -> None:
    """A file is proved by its hash in the guest; one that is not there is no proof."""
    guest = Guest(tmp_path)
    running = Running(guest.session, Deadline(60))
    (tmp_path / "motd").write_bytes(b"hello")
    digest = guest.session.push(tmp_path / "motd", "C:\\motd", Deadline(30))
    told = (("destination", "C:\\motd"), ("source", "file"))
    there = Change("file", "motd", (PayloadFile("motd", digest, 5),), told)
    assert FAMILY.prove(running, (there,)) == (("motd", f"sha256 {digest}"),)
    missing = Change("file", "motd", there.files, (("destination", "C:\\elsewhere"), ("source", "file")))
    with pytest.raises(ProofFailed):
        FAMILY.prove(running, (missing,))


def test_a_seal_is_proved_inside_before_the_guest_is_off(tmp_path: Path) -> None:
    """The four signals, the way it was read, and what could not be seen that way."""
    guest = Guest(tmp_path)
    with pytest.raises(ProofFailed, match="read inside it, the guest is VIRGIN"):
        FAMILY.prove_sealed(Running(guest.session, Deadline(60)), "sysprep")
    guest.generalize()
    proof = FAMILY.prove_sealed(Running(guest.session, Deadline(60)), "sysprep")
    assert proof.way == "guest"
    assert proof.facts.state is GuestState.SEALED
    assert [name for name, _ in proof.signals] == ["Sysprep_succeeded.tag", "ImageState", "SetupType", "CmdLine"]
    assert "residue-unseen" in [finding.id for finding in proof.findings]
