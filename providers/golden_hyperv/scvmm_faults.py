"""
Where errors of VMM become golden's.

VMM's error number is the FullyQualifiedErrorId, and what Windows said stands in brackets behind its own words,
"(0x80070005)"; so both are read whatever the language. 1602 is in Microsoft's public troubleshooting pages; 1604 is
only known, which is why it makes a better sentence and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from golden.errors import EndpointError, GoldenError, NotAble, Refused, Unreachable
from golden_hyperv.faults import NO_COMMAND, has_no_room, is_denied, translated, words_of
from golden_hyperv.libraries import Place
from golden_hyperv.remoting import RemoteError

SILENT, NO_ROLE = "1602", "1604"
FULL = ("0x80070070", "0x80070027")
DENIED = ("0x80070005",)
CONSOLE = "install the VMM console there: its setup, Virtual Machine Manager console; or name another endpoint"


@contextmanager
def understood(place: Place, wanted: str) -> Iterator[None]:
    """Turn VMM's errors inside the block into golden's, and all others as ``faults`` does."""
    with translated(wanted):
        try:
            yield
        except RemoteError as error:
            told = of_vmm(place, wanted, error)
            if told is None:
                raise
            raise told from error


def of_vmm(place: Place, wanted: str, error: RemoteError) -> GoldenError | None:
    """The golden error for one of VMM's; None for one that is not VMM's own."""
    number, words = error.fqid.split(",", 1)[0], words_of(error)
    if error.is_a(NO_COMMAND) and "-SC" in f"{error.target} {error.message}":
        return no_console(place, words)
    if number == SILENT:
        return Unreachable(
            f"{wanted}: the VMM server {place.server} does not answer {place.address.shown}",
            details=words,
            hint=f"is the service System Center Virtual Machine Manager running there, and port {place.port} open?",
        )
    if has_no_room(error) or any(code in error.message for code in FULL):
        return Refused(
            f"{wanted}: there is no room in the library share {place.share} of {place.server}",
            details=words,
            hint="golden prune takes old images away; or a share with more room: golden library add",
        )
    if is_refused(error):
        return Refused(
            f"{wanted}: the VMM server {place.server} denies it to golden's account",
            details=words,
            hint=f"make it a member of a user role of VMM's that may change this library, or name another account in "
            f'[libraries.{place.library}]: user = "DOMAIN\\\\golden" and password_env',
        )
    if number.isdigit():
        return EndpointError(f"{wanted}: VMM refuses it with error {number}", details=words)
    return None


def is_refused(error: RemoteError) -> bool:
    """Whether VMM, or Windows below it, denies something to golden's account."""
    number = error.fqid.split(",", 1)[0]
    return number == NO_ROLE or is_denied(error) or any(code in error.message for code in DENIED)


def no_console(place: Place, words: str = "") -> NotAble:
    """What to say of a host without VMM's PowerShell module."""
    return NotAble(
        f"{place.address.shown} has no PowerShell module VirtualMachineManager, which library {place.library} needs",
        details=words or None,
        hint=CONSOLE,
    )
