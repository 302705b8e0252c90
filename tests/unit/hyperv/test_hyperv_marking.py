"""Records and notes come back as they went; what others wrote is none."""

from __future__ import annotations

import pytest

from golden.errors import BadName
from golden.model import Mark, Role
from golden_hyperv.marking import MACHINE, Hardware, Record, State, noted, parsed
from golden_hyperv.places import Places, checked, final, plain

MARK = Mark(Role.VERSION, "job-1", "win2022", "here")
HARDWARE = Hardware(2, 4 << 30, 2, secure_boot=True, secure_boot_template="MicrosoftWindows", tpm=True)
RECORD = Record(MACHINE, "win2022-v1", "c0ffee", State.READY, MARK, "HV1", HARDWARE, ("C:\\golden\\a.vhdx",), vm="1")


def test_a_record_comes_back() -> None:
    """In plain ASCII, and by its fields."""
    record = RECORD.but(node="HV é\u2019")
    assert record.text().isascii()
    assert parsed(record.text()) == record


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"kind": "machine"}', "{", RECORD.text().replace("ready", "so")]
)
def test_what_is_no_record_is_none(text: str) -> None:
    """Half a file, another program's, another golden's."""
    assert parsed(text) is None


def test_only_a_frozen_machine_has_a_point() -> None:
    """While it is being frozen it is half-made."""
    going = RECORD.but(state=State.FREEZING, point="v1")
    assert (going.settled, going.points) == (False, ())
    assert (going.but(state=State.FROZEN).settled, going.but(state=State.FROZEN).points) == (True, ("v1",))


def test_a_note_is_for_people_and_for_golden() -> None:
    """One line of each; other people's notes are none."""
    found = noted(RECORD.note())
    assert found is not None and (found.name, found.token, found.mark) == ("win2022-v1", "c0ffee", MARK)
    assert "Made by golden for win2022" in RECORD.note().splitlines()[1]
    for text in (None, "", "golden", "golden {}", "golden ]", "my golden machine"):
        assert noted(text) is None


def test_names_that_the_host_would_take_for_patterns_are_refused() -> None:
    """A user's name may be anything else, quotes and all."""
    hostile = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"é\u2019"
    assert plain(hostile, "the machine") == hostile
    for name in ("web[1]", "web*", "we?b", "", "a\nb", "a`b"):
        with pytest.raises(BadName):
            plain(name, "the machine")
    for name in ("A", "a b", "../a", "", "a" * 101, "a\n"):
        with pytest.raises(BadName):
            checked(name)


def test_a_working_disk_gets_its_final_name_once() -> None:
    """Renaming again changes nothing."""
    path = Places("C:\\golden").disk("win2022-v1", 0)
    assert path == "C:\\golden\\machines\\win2022-v1\\win2022-v1-0.partial.vhdx"
    assert final(path) == final(final(path)) == "C:\\golden\\machines\\win2022-v1\\win2022-v1-0.vhdx"
