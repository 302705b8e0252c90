"""``golden doctor`` and ``golden endpoint check``: what is wrong is told, each fault once, with what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from golden.testing.memory import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

WRONG = [
    # a table of golden.toml, words of the finding
    ('[libraries.l]\nurl = "frob:x"', "no library is opened by URLs like 'frob:x'"),
    ('[libraries.l]\nurl = "vcenter-template:x?endpoint=nope"', "library l: there is no endpoint 'nope'"),
    ('[libraries.l]\nurl = "scvmm://vmm/share?endpoint=nope"', "library l: there is no endpoint 'nope'"),
    ('[libraries.l]\nurl = "dir:/nonexistent/x"', "library l: there is no folder /nonexistent"),
    ('[libraries.l]\nurl = "dir:images"\nfrom = "wim"', "library l has an option golden does not know: from"),
    ('[libraries.l]\nurl = "libvirt-pool:x"\npol = "y"', "library l has an option golden does not know: pol"),
    ('[libraries.l]\nurl = "hyperv://[x"', "library l: "),
    ('[endpoints.e]\nurl = "qemu:///embed"\nfrob = "x"', "endpoint e has an option golden does not know: frob"),
    ('[endpoints.e]\nurl = "qemu:///embed"\npool = "x"', "endpoint e has an option golden does not know: pool"),
    ('[endpoints.e]\nurl = "qemu+ssh://h/system"\nfrob = "x"', "endpoint e has an option golden does not know: frob"),
    ('[endpoints.e]\nurl = "qemu:///frob"', "endpoint e: the URL 'qemu:///frob' cannot be opened"),
    ('[references.r.guest]\ncommunicator = "frob"', "communicator is agent, ssh or winrm, not 'frob'"),
    ('[references.r.guest]\ncommunicator = "ssh"', "communicator ssh also needs host"),
    ('[references.r.guest]\naccount = "a"\npassword_file = "none"', "the guest of r: the password file none"),
]


@pytest.mark.parametrize(("table", "words"), WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("typed", [("doctor",), ("endpoint", "check")], ids=" ".join)
def test_what_is_wrong_in_golden_toml_is_told_once(
    ref: Lab, golden: Golden, typed: tuple[str, ...], table: str, words: str
) -> None:
    """Whatever golden.toml names and nobody could use is an error, whether or not anything uses it yet."""
    ref.write("golden.toml", f"{(ref.path / 'golden.toml').read_text()}\n{table}\n")
    told = golden(*typed, "-o", "json")
    assert told.code == 4
    (error,) = (one for one in told.data["findings"] if one["severity"] == "error")
    assert words in error["sentence"]


def test_an_endpoint_alone_is_checked_with_what_lies_on_it(ref: Lab, golden: Golden) -> None:
    """``golden endpoint check NAME`` says nothing of the rest."""
    ref.write("golden.toml", (ref.path / "golden.toml").read_text() + '\n[libraries.l]\nurl = "frob:x"\n')
    assert golden("endpoint", "check", "here").code == 0
    assert golden("endpoint", "check").code == 4


def machine_of(golden: Golden, version: str) -> str:
    name: str = golden("show", version, "-o", "json").data["snapshot"]["machine"]
    return name


@pytest.fixture
def grown(ref: Lab, golden: Golden) -> Lab:
    """v1 to v4, each a linked clone of the one before, and v5 on v1; the head is v4."""
    for one in ("a.inf", "b.inf", "c.inf"):
        assert golden("update", "--add", one).code == 0
    assert golden("update", "ref@v1", "--add", "d.inf").code == 0
    assert golden("rollback", "ref", "--to", "v4").code == 0
    return ref


def test_each_fault_of_a_lineage_is_told_once_with_what_helps(grown: Lab, golden: Golden) -> None:
    """Not once more for every version above it; and what helps is no other command that only looks."""
    grown.world.lose(machine_of(golden, "ref@v3"))
    (finding,) = golden("doctor", "-o", "json").data["findings"]
    assert finding["sentence"] == "ref@v3 is not there any more."
    fix = "put its files back from a backup, then golden verify ref --deep; or golden rollback ref --to v5, "
    assert finding["fix"].startswith(fix)
    assert golden("verify", "-o", "json").error["hint"] == finding["fix"]
    assert golden("update", "--add", "a.inf", "-o", "json").error["hint"] == finding["fix"]
    assert golden("rollback", "ref", "--to", "v5").code == 0
    assert golden("update", "--add", "a.inf").code == 0
    (finding,) = golden("doctor", "-o", "json").data["findings"]
    assert finding["fix"].endswith("or leave it aside: the head, v6, does not stand on it")


def test_nothing_is_whole_without_the_first(grown: Lab, golden: Golden) -> None:
    """Where all stand on what is gone, only a backup helps."""
    grown.world.lose(machine_of(golden, "ref@v1"))
    (finding,) = golden("doctor", "-o", "json").data["findings"]
    assert finding["fix"] == "put its files back from a backup, then golden verify ref --deep"


def test_changed_versions_are_hashed_all_at_once(grown: Lab, golden: Golden) -> None:
    """A copied project has every file changed: the command that is hinted at takes them all, not one by one."""
    for number in (1, 2, 3, 4, 5):
        grown.world.tamper(machine_of(golden, f"ref@v{number}"))
    found = golden("doctor", "-o", "json").data["findings"]
    assert [one["sentence"].split()[0] for one in found] == [f"ref@v{number}" for number in (1, 2, 3, 4, 5)]
    hint = "golden verify ref --deep takes up again what was only copied or restored"
    assert {one["fix"] for one in found} == {hint}
    assert golden("update", "--add", "a.inf", "-o", "json").error["hint"] == hint


def test_an_image_that_is_gone_is_told_with_how_to_make_it_anew(imaged: Lab, golden: Golden) -> None:
    """By verify as by doctor."""
    imaged.world.lose(golden("show", "ref@i1", "-o", "json").data["name"])
    assert golden("verify", "-o", "json").error["hint"] == "golden capture ref@v2 makes one anew"


def test_an_endpoint_that_cannot_be_is_told_once(ref: Lab, golden: Golden) -> None:
    """Not by its check and by what would have been looked for on it as well."""
    ref.write("golden.toml", (ref.path / "golden.toml").read_text().replace("memory:", "qemu:"))
    (finding,) = golden("doctor", "-o", "json").data["findings"]
    assert "cannot be opened" in finding["sentence"]


def test_what_an_endpoint_calls_damaged_is_told_with_what_helps_too(grown: Lab, golden: Golden) -> None:
    """As a broken chain of disks on a Hyper-V host: its own words are details, and no hint leads back to doctor."""
    machine = machine_of(golden, "ref@v3")
    grown.world.add_faults(Fault("identity", machine, 0, error="Tampered", message="the chain of disks is broken"))
    (finding,) = golden("doctor", "-o", "json").data["findings"]
    assert finding["sentence"] == "ref@v3 is damaged."
    assert "the chain of disks is broken" in finding["evidence"]
    assert "golden rollback ref --to v5" in finding["fix"]
    assert golden("verify", "--deep", "-o", "json").error["hint"] == finding["fix"]
