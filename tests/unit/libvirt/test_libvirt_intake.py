"""Which files an adoption into a daemon takes from this computer, and which from its host: libvirt's test driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.errors import EndpointError, NotFound
from golden.provider import Scope
from golden.waiting import Silent
from golden_libvirt import connection
from golden_libvirt.intake import Intake
from golden_libvirt.pool import Pool


class Heard(Silent):
    """What an adoption says meanwhile."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.words: list[str] = []

    def doing(self, what: str) -> None:
        """One line."""
        self.words.append(what)


@pytest.fixture
def line() -> Iterator[connection.Line]:
    """libvirt's own stand-in for a host: its pools hold nothing of this computer's, and it takes no uploads."""
    opened = connection.open_line("test:///default")
    yield opened
    opened.close()


def intake(line: connection.Line, state: Path, heard: Heard, *, is_here: bool) -> Intake:
    """An adoption into the test driver's pool."""
    return Intake(line, Pool(line, "default-pool"), Scope("job", state, heard), None, is_here)


def test_a_file_of_another_host_is_never_looked_for_here(line: connection.Line, tmp_path: Path) -> None:
    """A machine of the same name here has its own variables and keys: that of the other host begins with its own."""
    mine = tmp_path / "win2022_VARS.fd"
    mine.write_bytes(b"the keys of a machine of this computer")
    heard = Heard()
    far = intake(line, tmp_path, heard, is_here=False)
    far.take_variables("v1.nvram.fd", mine, is_theirs=True)
    assert heard.words == [f"there are no firmware variables at {mine}; they begin anew"]
    with pytest.raises(NotFound):
        far.take_extra("v1.kernel", mine, is_theirs=True)
    with pytest.raises(EndpointError) as refused:
        far.take_extra("v1.kernel", mine, is_theirs=False)
    assert "virStorageVolUpload" in refused.value.details, "a file of this computer's is sent there"
