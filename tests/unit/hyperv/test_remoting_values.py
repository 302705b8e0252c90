"""Values on their way to a host and back: sizes of integers, text nobody may touch, secrets, names of commands."""

from __future__ import annotations

import datetime
import pickle
import uuid
from typing import Any

import psrpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psrpcore import types as ps

from golden_hyperv.remoting import Command, Credential, Secret, Thing, UInt64
from golden_hyperv.remoting.conversation import Call, Conversation, Happening, Output
from golden_hyperv.remoting.wire import failure, from_wire, to_wire

HOSTILE = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"é_x000A_\n`r\r\t\x00\x1f\x7f😀"
TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="").filter(lambda c: ord(c) & 0xFFFE != 0xFFFE)
)


class Loop:
    """Our conversation with psrpcore's own server half, bytes for bytes, without a line between them."""

    def __init__(self) -> None:
        self.ours = Conversation()
        self.theirs = psrpcore.ServerRunspacePool(application_private_data={})
        self.wire = b""
        self.happened: list[Happening] = []
        self.ours.open()
        self.carry()

    def carry(self) -> None:
        """Everything there is to carry, both ways."""
        for payload in self.ours.outgoing(1000):
            self.wire += payload.data
            if payload.pipeline_id and payload.pipeline_id not in self.theirs.pipeline_table:
                psrpcore.ServerPipeline(self.theirs, payload.pipeline_id)
            self.theirs.receive_data(payload)
        while self.theirs.next_event() is not None:
            pass
        while payload := self.theirs.data_to_send():
            self.happened += list(self.ours.incoming(payload))

    def key(self) -> None:
        self.ours.ask_key()
        self.carry()

    def there(self, value: Any) -> Any:
        """The value as a host sees it."""
        number = self.ours.start([Call("Get-Thing", {"Value": value})])
        self.carry()
        return self.theirs.pipeline_table[number].metadata.commands[0].parameters[0][1]

    def back(self, value: Any) -> Any:
        """What comes back of a value that a host sends as it got it."""
        number = self.ours.start([Call("Get-Thing", {"Value": value})])
        self.carry()
        pipeline = self.theirs.pipeline_table[number]
        pipeline.start()
        pipeline.write_output(pipeline.metadata.commands[0].parameters[0][1])
        pipeline.complete()
        self.happened.clear()
        self.carry()
        (output,) = [one for one in self.happened if isinstance(one, Output)]
        return output.value


@pytest.fixture
def loop() -> Loop:
    return Loop()


LOOP = Loop()


@given(TEXT)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    """Whatever a user wrote is data: no character means anything on the way."""
    assert LOOP.back(text) == text


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary()
    | st.uuids()
    | st.datetimes(timezones=st.just(datetime.UTC), min_value=datetime.datetime(1601, 1, 1))
)


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(bool), inner, max_size=4),
        max_leaves=8,
    )
)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    """Nested lists and dictionaries too; every scalar with its type."""
    back = LOOP.back(value)
    assert back == value
    assert type(back) is type(value)


def test_hostile_text_is_the_same_there(loop: Loop) -> None:
    """The other side sees the text itself."""
    assert str(loop.there(HOSTILE)) == HOSTILE


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, ps.PSInt),
        (-(1 << 31), ps.PSInt),
        ((1 << 31) - 1, ps.PSInt),
        (1 << 31, ps.PSInt64),
        (40 << 30, ps.PSInt64),
        (-(1 << 31) - 1, ps.PSInt64),
        (1 << 63, ps.PSUInt64),
        (UInt64(40 << 30), ps.PSUInt64),
        (UInt64(1), ps.PSUInt64),
        (1.1, ps.PSDouble),
    ],
)
def test_numbers_travel_in_the_size_they_need(loop: Loop, value: float, kind: type) -> None:
    """A real host cannot read 40 GiB as an Int32, and a single is no double."""
    there = loop.there(value)
    assert type(there) is kind
    assert there == value


@pytest.mark.parametrize("value", [1 << 64, -(1 << 63) - 1, "\ud800", "a\ufffe", "\uffff", {"a": "\udfff"}])
def test_what_no_host_could_read_is_refused_before_it_is_sent(loop: Loop, value: Any) -> None:
    """Numbers beyond 64 bits, and text that is no text."""
    before = loop.wire
    with pytest.raises(ValueError, match=r"64 bits|no character"):
        loop.ours.start([Call("Get-Thing", {"Value": value})])
    loop.carry()
    assert loop.wire == before


def test_a_time_without_a_zone_is_refused() -> None:
    """It would mean another moment on the host."""
    with pytest.raises(ValueError, match="zone"):
        to_wire(datetime.datetime(2026, 1, 1))


@pytest.mark.parametrize("value", [object(), {1, 2}, {1: 2}, len, [object()]])
def test_what_has_no_form_on_the_wire_is_refused(value: Any) -> None:
    """A function or an object of ours never becomes text by accident."""
    with pytest.raises(TypeError):
        to_wire(value)


def test_a_secret_shows_itself_nowhere(loop: Loop) -> None:
    """Not in text, not in a journal; on the wire it is encrypted with the session key."""
    secret = Secret("hunter2-hunter2")
    assert "hunter" not in f"{secret} {secret!r} {Credential('me', secret)!r} {Command('Get-Thing', {'P': secret})!r}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    loop.key()
    there = loop.there(Credential("DOM\\me", secret))
    assert (str(there.UserName), str(there.Password.decrypt())) == ("DOM\\me", "hunter2-hunter2")
    assert loop.back(secret) == secret
    for form in (b"hunter2", "hunter2".encode("utf-16-le")):
        assert form not in loop.wire


def test_a_secret_is_never_sent_without_the_key(loop: Loop) -> None:
    """The engine fetches the key first; without one nothing leaves."""
    before = loop.wire
    with pytest.raises(psrpcore.MissingCipherError):
        loop.ours.start([Call("Get-Thing", {"Value": Secret("hunter2")})])
    loop.carry()
    assert loop.wire == before


@pytest.mark.parametrize(
    "name", ["Get-VM; calc", "Get-VM\n", "", "& calc", "get-vm|stop-vm", "C:\\x.ps1", "Get-", "$x"]
)
def test_only_names_of_commands_are_commands(name: str) -> None:
    """Whatever else it is, it is not asked of a host."""
    with pytest.raises(ValueError, match="no name"):
        Command(name)


@pytest.mark.parametrize("name", ["-Name", "Name:", "N ame", "", "1st", "Näme"])
def test_only_names_of_parameters_are_parameters(name: str) -> None:
    """PowerShell would read -Name: and the like as something of its own."""
    with pytest.raises(ValueError, match="no name"):
        Command("Get-VM", {name: 1})


def test_the_members_of_an_enumeration_are_their_names() -> None:
    """A state is Off, in whatever language; its number is nobody's business."""
    assert from_wire(ps.PSInvocationState.Running) == "Running"
    state = ps.PSInt(3)
    state.PSObject.type_names = ["Deserialized.Microsoft.HyperV.PowerShell.VMState", "Deserialized.System.Enum"]
    state.PSObject.to_string = "Off"
    assert from_wire(state) == "Off"


def test_the_innermost_exception_of_an_error_is_known() -> None:
    """A method's own exception lies inside PowerShell's; its type and number tell a full disk from others."""
    inner = ps.NETException(Message="There is not enough space on the disk.", HResult=-2147024784)
    inner.PSObject.type_names = ["Deserialized.System.IO.IOException", "Deserialized.System.Exception"]
    outer = ps.NETException(Message="Exception calling Write", HResult=-2146233087, InnerException=inner)
    outer.PSObject.type_names = ["Deserialized.System.Management.Automation.MethodInvocationException"]
    record = ps.ErrorRecord(
        Exception=outer,
        CategoryInfo=ps.ErrorCategoryInfo(Category=ps.ErrorCategory.NotSpecified),
        FullyQualifiedErrorId="IOException",
        TargetObject=ps.PSSecureString("hunter2"),
    )
    told = failure(record, terminating=True)
    assert told.exception_type == "System.Management.Automation.MethodInvocationException"
    assert "System.IO.IOException" in told.exception_types
    assert told.hresult == -2147024784
    assert told.target == ""


def test_properties_of_a_thing_are_found_as_powershell_finds_them() -> None:
    """Without regard to case; what is not there is told."""
    thing = Thing({"Name": "x", "Id": uuid.UUID(int=1)}, "text", ("Some.Type",))
    assert (thing["name"], thing.get("ID"), thing.get("Nope"), "nAME" in thing) == ("x", uuid.UUID(int=1), None, True)
    assert (str(thing), thing.types) == ("text", ("Some.Type",))
    with pytest.raises(KeyError):
        thing["Nope"]


@pytest.mark.parametrize("junk", [b"\x00", b"junk" * 20, b"\0" * 8 + b"\0" * 8 + b"\3" + b"\0\0\0\x05" + b"hello"])
def test_what_is_no_psrp_is_told_as_that(junk: bytes) -> None:
    """Whatever answers at a port, it ends in one exception of ours."""
    from golden_hyperv.remoting.conversation import Unreadable

    with pytest.raises(Unreadable):
        list(Conversation().incoming(psrpcore.PSRPPayload(junk, psrpcore.StreamType.default, None)))
