"""What the libraries' scripts on a host have to say themselves, because nobody says it for them."""

from __future__ import annotations

import re

from golden_hyperv.remoting import catalogue

OF_LIBRARIES = ("wds_", "wim_", "mdt_", "configmgr_")
COMMAND = re.compile(r"\b(?:[A-Z][a-z]+)-(?:Wds\w+|WindowsImage|Partition\w*|MDT\w+|CM\w+)\b")


def test_commands_of_modules_say_that_errors_end_them() -> None:
    """``$ErrorActionPreference`` of a script does not reach the functions of a module (PowerShell issue 4568)."""
    met = 0
    for name in catalogue.names():
        if not name.startswith(OF_LIBRARIES):
            continue
        for line in catalogue.script(name).text.splitlines():
            if not line.lstrip().startswith("#") and COMMAND.search(line):
                met += 1
                assert "-ErrorAction Stop" in line, f"{name}: {line.strip()}"
    assert met > 10


def test_what_is_written_down_is_on_the_disk() -> None:
    """A power cut may leave a name and zeros of what was only written: records are flushed before they get theirs."""
    for name in catalogue.names():
        assert "WriteAll" not in catalogue.script(name).text, name
    for name in ("claim", "rewrite"):
        before, _, after = catalogue.script(name).text.partition("$stream.Flush($true)")
        assert "::Move(" in after and "::Move(" not in before and "::Replace(" not in before, name


def test_no_library_reads_errors_as_absence() -> None:
    """An error that is swallowed would make golden forget what is there; only a drive may be missing."""
    for name in catalogue.names():
        if name.startswith((*OF_LIBRARIES, "scvmm_", "publish_")):
            for line in catalogue.script(name).text.splitlines():
                assert "SilentlyContinue" not in line or "Get-PSDrive" in line, f"{name}: {line.strip()}"
