"""What real Windows hosts answered, from PowerShell 2 to 5.1, is understood by our engine."""

from __future__ import annotations

import base64
import collections
import json
import lzma
import uuid
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from psrpcore import PSRPPayload, StreamType

from golden_hyperv.remoting import Debug, Progress, Thing
from golden_hyperv.remoting.conversation import Conversation, Error, Happening, Output, Over, Pool, Unreadable

SHELL = "{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}"
WSMAN = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
RECORDED = json.loads(lzma.decompress((Path(__file__).parent / "recordings/conversations.json.xz").read_bytes()))
WITHOUT_KEY = {"test_psrp_multiple_commands", "test_psrp_pshost_ui_mocked_methods"}
"""These hold values encrypted with a session key that was not recorded."""
PSRP = sorted(
    name
    for name, told in RECORDED.items()
    if any("schemas.microsoft.com/powershell/" in (ask or "") for ask, _ in told)
)


def replayed(name: str) -> Iterator[tuple[Conversation, Happening | Unreadable]]:
    """Each happening of a recording, with the pool it belongs to."""
    pools: dict[str, Conversation] = {}
    for asked, answered in RECORDED[name]:
        if not asked or not answered:
            continue
        request = ElementTree.fromstring(asked)
        if "schemas.microsoft.com/powershell/" not in (request.findtext(f".//{WSMAN}ResourceURI") or ""):
            continue
        pool = pools.setdefault(_shell(request), Conversation())
        for command in request.iter(f"{SHELL}CommandLine"):
            if command.get("CommandId"):
                number = uuid.UUID(command.get("CommandId"))
                pool.expect(number)
                pool.expect(uuid.UUID(bytes=number.bytes_le))  # An old pypsrp wrote it in the other order of bytes.
        for stream in ElementTree.fromstring(answered).iter(f"{SHELL}Stream"):
            payload = PSRPPayload(base64.b64decode(stream.text or ""), StreamType.default, None)
            try:
                for happened in pool.incoming(payload):
                    yield pool, happened
            except Unreadable as error:
                yield pool, error


def _shell(request: ElementTree.Element) -> str:
    selected = [one.text for one in request.iter(f"{WSMAN}Selector") if one.get("Name") == "ShellId"]
    made = [one.get("ShellId") for one in request.iter(f"{SHELL}Shell")]
    return str((selected or made or [""])[0]).upper()


@pytest.mark.parametrize("name", PSRP)
def test_every_message_of_a_real_host_is_understood(name: str) -> None:
    """Nothing is unreadable but what the session key of that day would open."""
    happened = [one for _, one in replayed(name)]
    unreadable = [one for one in happened if isinstance(one, Unreadable)]
    assert happened
    assert not unreadable or name in WITHOUT_KEY, unreadable
    for one in happened:
        if isinstance(one, (Error, Over)) and one.failure is not None:
            assert one.failure.message
            assert one.failure.fqid
            assert one.failure.category
            assert one.failure.exception_type


def test_the_recordings_hold_something_of_every_kind() -> None:
    """So that the test above cannot pass on nothing."""
    kinds = collections.Counter(type(one).__name__ for name in PSRP for _, one in replayed(name))
    assert kinds["Output"] > 100
    assert kinds["Pool"] > 50
    assert kinds["Over"] > 40
    assert all(kinds[name] for name in ("Error", "Progress", "Warned", "Verbose", "Debug", "Information"))


def test_the_hosts_table_is_there_as_soon_as_a_pool_is_open() -> None:
    """ApplicationPrivateData brings PSVersionTable; the build of Windows too where it is Windows PowerShell 5.1."""
    seen = [pool for name in PSRP for pool, one in replayed(name) if isinstance(one, Pool) and one.state == "Opened"]
    tables = [pool.private_data["PSVersionTable"] for pool in seen if pool.private_data]
    assert len(tables) > 40
    assert any(table.get("PSEdition") == "Desktop" and table["BuildVersion"].startswith("10.0.") for table in tables)


def test_a_debug_record_of_powershell_2_is_told() -> None:
    """Its records lack what later hosts send; the message is there all the same."""
    said = [one.message for _, one in replayed("test_psrp_run_protocol_version_2.1") if isinstance(one, Debug)]
    assert said
    assert all(said)


def test_objects_of_a_real_host_become_things() -> None:
    """Properties by name, types without Deserialized."""
    things = [
        one.value
        for name in PSRP
        for _, one in replayed(name)
        if isinstance(one, Output) and isinstance(one.value, Thing)
    ]
    assert things
    assert all(kind and not kind.startswith("Deserialized.") for one in things for kind in one.types)


def test_errors_keep_what_they_are_told_apart_by() -> None:
    """A command that is not there, asked of a real host."""
    (over,) = [one for _, one in replayed("test_client_execute_ps_failure") if isinstance(one, Over) and one.failure]
    assert over.failure is not None
    assert over.failure.fqid.startswith("CommandNotFoundException,")
    assert over.failure.category == "ObjectNotFound"
    assert over.failure.target == "Get-ServiceTypo"
    assert over.failure.exception_type == "System.Management.Automation.CommandNotFoundException"


def test_progress_comes_with_its_share() -> None:
    """Percent where the host knows, None where it sent -1."""
    shares = {one.percent for name in PSRP for _, one in replayed(name) if isinstance(one, Progress)}
    assert None in shares or any(share is not None for share in shares)
    assert all(share is None or 0 <= share <= 100 for share in shares)
