"""``golden doctor`` and ``golden endpoint check``: what is wrong is told, each fault once, with what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
