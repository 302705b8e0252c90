"""The host to test against is driven by pypsrp's own client too, and both clients see the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from golden_hyperv.remoting import Command, RemoteError, Secret, Session, Warned, WsmanLogin, open_session
from golden_hyperv.remoting.events import Event
from tests.peers.hyperv.peer import Peer
from tests.unit.hyperv.test_remoting_values import HOSTILE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer(tmp_path_factory.mktemp("hyperv") / "hv") as peer:
        yield peer


@pytest.fixture(scope="module")
def ours(peer: Peer) -> Iterator[Session]:
    login = WsmanLogin(peer.host, peer.port, peer.user, Secret(peer.password), ca_file=str(peer.ca))
    session = open_session(login)
    yield session
    session.close()


@pytest.fixture(scope="module")
def theirs(peer: Peer) -> Iterator[RunspacePool]:
    line = WSMan(peer.host, port=peer.port, username=peer.user, password=peer.password, cert_validation=str(peer.ca))
    with line, RunspacePool(line) as pool:
        yield pool


def asked(pool: RunspacePool, name: str, given: dict[str, Any]) -> PowerShell:
    """What pypsrp makes of it."""
    with PowerShell(pool) as shell:
        shell.add_cmdlet(name).add_parameters(given)
        shell.invoke()
        return shell


VALUES = [HOSTILE, "", "x" * 700_000, True, 3, -3, 1.5, b"bytes\x00", [1, "b", [None]]]


@pytest.mark.parametrize("value", VALUES, ids=map(str, range(len(VALUES))))  # an id is in the environment of children
def test_values_are_the_same_to_both(ours: Session, theirs: RunspacePool, value: Any) -> None:
    """What either client gets back of a value it sent."""
    expected = asked(theirs, "Write-Output", {"InputObject": value}).output
    assert ours.invoke(Command("Write-Output", {"InputObject": value})) == expected


def test_properties_of_objects_are_the_same_to_both(ours: Session, theirs: RunspacePool) -> None:
    """Names and values; a member of an enumeration by its name."""
    given = {"Name": ["Select-Object"]}
    (mine,) = ours.invoke(Command("Get-Command", given))
    (other,) = asked(theirs, "Get-Command", given).output
    found = {**other.adapted_properties, **other.extended_properties}
    assert set(mine) == set(found)
    assert mine["Name"] == found["Name"]
    assert mine["CommandType"] == str(found["CommandType"])
    assert list(mine.types) == [kind.removeprefix("Deserialized.") for kind in other.types]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Get-Nothing", {}),
        ("Get-Command", {"Nope": 1}),
        ("Start-Sleep", {"Seconds": "abc"}),
        ("Write-Error", {"Message": "wrong", "ErrorId": "Mine", "Category": "WriteError"}),
    ],
)
def test_errors_are_the_same_to_both(ours: Session, theirs: RunspacePool, name: str, given: dict[str, Any]) -> None:
    """Id, category and words."""
    with pytest.raises(RemoteError) as met:
        ours.invoke(Command(name, given))
    with PowerShell(theirs) as shell:
        shell.add_cmdlet(name).add_parameters(given)
        try:
            shell.invoke()
            record = shell.streams.error[0]
        except Exception as error:
            record = error.args[-1] if not hasattr(error, "fq_error") else error
            record = shell.streams.error[0] if shell.streams.error else record
    assert met.value.fqid == record.fq_error
    assert met.value.message == str(record)


def test_streams_are_the_same_to_both(ours: Session, theirs: RunspacePool) -> None:
    """A warning and an information record."""
    seen: list[Event] = []
    ours.invoke(Command("Write-Warning", {"Message": HOSTILE}), watch=seen.append)
    shell = asked(theirs, "Write-Warning", {"Message": HOSTILE})
    assert seen == [Warned(str(shell.streams.warning[0].message))]
