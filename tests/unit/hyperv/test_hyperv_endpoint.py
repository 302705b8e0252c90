"""``golden endpoint check`` tells what a host is and what golden lacks there, each with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.model import Finding, Severity
from golden.provider import Scope
from golden_hyperv import PROVIDER
from tests.e2e.hyperv_bench import endpoint, ssh_endpoint
from tests.peers.hyperv.peer import Peer

pytestmark = pytest.mark.slow


def found(peer: Peer, place: Path, *, ssh: bool = False, **options: str) -> dict[str, list[Finding]]:
    """What is found, by id."""
    reached = (ssh_endpoint if ssh else endpoint)(peer, place / "secrets", **options)
    told: dict[str, list[Finding]] = {}
    for finding in PROVIDER.diagnose(reached, Scope("look", place)):
        told.setdefault(finding.id, []).append(finding)
    return told


def errors(told: dict[str, list[Finding]]) -> list[str]:
    """Ids of what forbids working there."""
    return sorted(one for one, each in told.items() if any(finding.severity is Severity.ERROR for finding in each))


def test_a_good_host_has_no_errors(peer: Peer, tmp_path: Path) -> None:
    """Versions, module, room and switches are told."""
    told = found(peer, tmp_path)
    assert errors(told) == []
    assert "PowerShell 5.1" in told["hyperv-version"][0].sentence
    assert "Isolated" in told["hyperv-network"][0].sentence
    assert {"hyperv-module", "hyperv-folder", "hyperv-second-hop", "hyperv-openssh"} <= set(told)


def test_over_ssh_it_is_another_powershell(peer: Peer, tmp_path: Path) -> None:
    """Which is told with what does not work in it."""
    told = found(peer, tmp_path, ssh=True)
    assert errors(told) == []
    assert told["hyperv-core"][0].severity is Severity.WARNING
    assert "hyperv://" in told["hyperv-core"][0].fix


def test_a_wrong_password_is_a_finding(peer: Peer, tmp_path: Path) -> None:
    """Not an error that ends the command."""
    (tmp_path / "wrong").write_text("hunter2")
    told = found(peer, tmp_path, password_file=str(tmp_path / "wrong"))
    assert errors(told) == ["hyperv-login"] and len(told) == 1
    assert "hunter2" not in repr(told)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """The module; with the command that installs it."""
    with Peer(tmp_path / "bare", hyper_v=False, openssh=False) as bare:
        told = found(bare, tmp_path)
    assert "hyperv-module" in errors(told)
    assert "Install-WindowsFeature" in told["hyperv-module"][0].fix


def test_rights_and_quotas_are_asked_for(tmp_path: Path) -> None:
    """The group that the account has to be in, and the quota that is too small."""
    with Peer(tmp_path / "poor", rights=("files",), shells=3, openssh=False) as poor:
        told = found(poor, tmp_path)
    assert "hyperv-rights" in errors(told)
    assert "S-1-5-32-578" in told["hyperv-rights"][0].fix
    assert any("MaxShellsPerUser is 3" in one.sentence for one in told["hyperv-quotas"])


def test_a_switch_that_is_not_there_and_a_folder_on_a_share(peer: Peer, tmp_path: Path) -> None:
    """Both forbid working there as golden.toml says."""
    told = found(peer, tmp_path, networks="Isolated, gone", folder="\\\\files\\library\\golden")
    assert {"hyperv-network", "hyperv-second-hop"} <= set(errors(told))
    assert any("gone" in one.sentence for one in told["hyperv-network"])


def test_no_room_is_an_error(tmp_path: Path) -> None:
    """A clone may need a gigabyte."""
    with Peer(tmp_path / "full", free=1 << 20, openssh=False) as full:
        assert "hyperv-folder" in errors(found(full, tmp_path))


def test_what_is_judged_says_by_what(peer: Peer, tmp_path: Path) -> None:
    """Quotas, rights, PowerShell Direct and the second hop each have a sentence where all is well, too."""
    told = found(peer, tmp_path)
    assert "MaxShellsPerUser" in told["hyperv-quotas"][0].sentence
    assert "Get-VMHost" in told["hyperv-rights"][0].sentence
    assert "its build and its Invoke-Command" in told["hyperv-direct"][0].sentence
    assert "judged by the way of logging in, negotiate" in told["hyperv-second-hop"][0].sentence


def test_a_share_that_the_session_opens_is_tried(tmp_path: Path) -> None:
    """A folder on a share is no error where the session has a credential to show; it is opened, not supposed."""
    with Peer(tmp_path / "delegating", delegated=True, openssh=False, shares=("\\\\files\\library",)) as host:
        told = found(host, tmp_path, folder="\\\\files\\library\\golden")
    assert "hyperv-second-hop" not in errors(told)
    assert "tried" in told["hyperv-second-hop"][0].sentence
