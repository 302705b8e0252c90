"""Errors of a host become golden's: told apart by ids, categories and codes, never by words in the host's language."""

from __future__ import annotations

import pytest

from golden.errors import Conflict, EndpointError, GoldenError, NotAble, NotFound, Refused, Unreachable
from golden_hyperv.faults import SECOND_HOP, LostAnswer, has_no_room, is_broken, is_in_use, translated
from golden_hyperv.remoting import LinkLost, RemoteError
from golden_hyperv.remoting.losses import Failure


def told(failure: Failure) -> GoldenError:
    """What golden makes of it."""
    with pytest.raises(GoldenError) as caught, translated("starting x"):
        raise RemoteError(failure)
    return caught.value


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure("nicht gefunden", "InvalidParameter,GetVM", "ObjectNotFound"), NotFound),
        (Failure("gibt es schon", "X", "ResourceExists"), Conflict),
        (Failure("wird verwendet", "X", "ResourceBusy"), Conflict),
        (Failure("falscher Zustand", "X", "InvalidOperation"), Conflict),
        (Failure("Zugriff verweigert", "AccessDenied,StartVM", "PermissionDenied"), Refused),
        (Failure("Zugriff", "X", "NotSpecified", exception_types=("System.UnauthorizedAccessException",)), Refused),
        (Failure("voll", "X", "NotSpecified", hresult=-2147024784), Refused),
        (Failure("Die Datei ist da. (0x80070050).", "OperationFailed,X", "NotSpecified"), Conflict),
        (Failure("Kein Pfad. (0x80070003).", "OperationFailed,X", "NotSpecified"), NotFound),
        (Failure("Kein Zugriff. (0x80070005).", "OperationFailed,X", "NotSpecified"), Refused),
        (Failure("kein Befehl", "CommandNotFoundException", "ObjectNotFound", "Get-VM"), NotAble),
        (Failure("etwas", "X", "NotSpecified"), EndpointError),
    ],
)
def test_each_kind_has_its_error(failure: Failure, kind: type[GoldenError]) -> None:
    """With one line of golden's, and the host's own words as details."""
    met = told(failure)
    assert type(met) is kind
    assert met.brief.startswith("starting x") and "\n" not in met.brief
    assert failure.message in f"{met.details}"


def test_a_share_that_is_denied_is_the_second_hop() -> None:
    """The hint says why an account that may read it does not get there."""
    met = told(Failure("Access to \\\\files\\vm\\a.vhdx is denied", "X", "PermissionDenied"))
    assert met.hint == SECOND_HOP


def test_lost_sessions_are_unreachable() -> None:
    """Both the lost answer of a change, and a link that broke twice."""
    for lost in (LostAnswer("gone"), LinkLost("gone")):
        with pytest.raises(Unreachable), translated("starting x"):
            raise lost


def test_golden_errors_pass() -> None:
    """They are told already."""
    with pytest.raises(NotFound, match="mine"), translated("starting x"):
        raise NotFound("mine")


def test_a_file_in_use_is_known_by_its_code() -> None:
    """Sharing violation, as Windows numbers it."""
    assert is_in_use(RemoteError(Failure("x", "X", "NotSpecified", hresult=-2147024864)))
    assert is_in_use(RemoteError(Failure("gesperrt (0x80070021).", "X", "NotSpecified")))
    assert is_in_use(RemoteError(Failure("x", "RemoveFileSystemItemIOError,X", "WriteError")))
    assert not is_in_use(RemoteError(Failure("x", "X", "NotSpecified")))


def test_a_full_disk_is_not_waited_for() -> None:
    """Windows calls it a WriteError, as it calls a file that is in use."""
    full = RemoteError(Failure("voll (0x80070070).", "DiskFull,X", "WriteError"))
    assert has_no_room(full) and not is_in_use(full)


@pytest.mark.parametrize(
    ("failure", "broken"),
    [
        (Failure("x (0xC03A000E).", "X", "NotSpecified"), True),
        (Failure("x", "X", "NotSpecified", hresult=0xC03A000D - (1 << 32)), True),
        (Failure("x (0x80070570).", "X", "NotSpecified"), True),
        (Failure("x", "X", "InvalidData"), True),
        (Failure("x (0x80070020).", "X", "ResourceBusy"), False),
        (Failure("x (0x80041001).", "X", "NotSpecified"), False),
    ],
)
def test_a_broken_chain_is_known_by_its_codes(failure: Failure, broken: bool) -> None:
    """Those of virtual disks in winerror.h; whatever else goes wrong is no tampering."""
    assert is_broken(RemoteError(failure)) is broken


def test_a_management_service_that_is_down_is_no_missing_machine() -> None:
    """Both are "not found" in words."""
    down = Failure(
        "an object was not found", "ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM", "ObjectNotFound"
    )
    assert type(told(down)) is EndpointError
