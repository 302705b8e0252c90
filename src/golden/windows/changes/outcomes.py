"""
What the exit codes of Windows' installers mean, one table a program. docs/facts: windows 5.1 to 5.5.

A code is looked up as an unsigned number of 32 bits. Sentences on codes that the facts mark [K] say what is likely;
they decide nothing but the words of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from golden.errors import ChangeFailed
from golden.guest.changes import said, shown_code
from golden.guest.family import Applied
from golden.guest.session import Ran, Session
from golden.model import Change
from golden.waiting import Deadline, Waiting


class Meaning(StrEnum):
    """What an exit code says of a change."""

    DONE = "done"
    RESTART = "done, a restart is needed"
    ALREADY = "it was there already"
    NOT_APPLICABLE = "it does not apply to this Windows"
    BUSY = "another installation is running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of a table."""

    meaning: Meaning
    sentence: str = ""


Table = Mapping[int, Outcome]

_DONE = Outcome(Meaning.DONE)
_RESTART = Outcome(Meaning.RESTART)


def _failed(sentence: str) -> Outcome:
    return Outcome(Meaning.FAILED, sentence)


_UNSIGNED = "take the signed package from the vendor"
PNPUTIL: Table = {
    0: _DONE,
    3010: _RESTART,
    1641: _RESTART,
    259: Outcome(
        Meaning.ALREADY,
        "no device of this driver is present, or it has a newer one; the package is in the driver store",
    ),
    0xE000022F: _failed(f"the package has no catalog, so it counts as unsigned; {_UNSIGNED}"),
    0xE0000242: _failed(
        "its publisher is not trusted here; add the publisher's certificate first: --add publisher.cer "
        "--store TrustedPublisher"
    ),
    0xE0000247: _failed(f"its catalog's signature cannot be verified; {_UNSIGNED}"),
    0x800B0109: _failed("its signature ends in a root that is not trusted here; add that certificate first: --add"),
}
REMOVING: Table = {0: _DONE, 3010: _RESTART, 1641: _RESTART}
_OLDER_STACK = "it needs a newer servicing stack; add that update first"
_NOT_FOR_THIS = Outcome(
    Meaning.NOT_APPLICABLE,
    "it is for another build, edition or architecture, or a newer update has replaced it",
)
DISM: Table = {
    0: _DONE,
    3010: _RESTART,
    0x800F081E: _NOT_FOR_THIS,
    0x800F0823: _failed(_OLDER_STACK),
    0x800F0922: _failed("servicing could not finish it; CBS.log names the part"),
    0x800F0954: _failed("a policy sends this guest to a WSUS server for it"),
    87: _failed("this DISM does not know a switch that golden gave it"),
}
WUSA: Table = {
    0: _DONE,
    3010: _RESTART,
    0x240005: _RESTART,
    0x240006: Outcome(Meaning.ALREADY, "it is installed already"),
    0x80240017: _NOT_FOR_THIS,
    1058: _failed("the Windows Update service is disabled"),
    5: _failed("wusa refused: it was not started as local work"),
    0x80070005: _failed("wusa refused: it was not started as local work"),
}
MSIEXEC: Table = {
    0: _DONE,
    3010: _RESTART,
    1641: _RESTART,
    1602: _failed("it was cancelled as if by a user"),
    1603: _failed("a fatal error; the log's line before 'Return value 3' names the action"),
    1605: _failed("this product is not installed"),
    1614: _failed("the product is uninstalled"),
    1618: Outcome(Meaning.BUSY, "another installation is running in the guest"),
    1619: _failed("the package cannot be opened"),
    1620: _failed("the package cannot be opened: it is no valid one"),
    1622: _failed("its log cannot be written"),
    1625: _failed("a policy forbids it"),
    1633: Outcome(Meaning.NOT_APPLICABLE, "the package is for another platform"),
    1638: _failed("another version of the product is installed; remove that first"),
    1643: _failed("a policy forbids it"),
}
BUSY_TICK = 3.0
"""Seconds between two tries while another installation runs."""


def outcome(table: Table, code: int) -> Outcome:
    """The row of a code, signed or not; FAILED without a sentence for one that the table does not have."""
    return table.get(code & 0xFFFFFFFF, Outcome(Meaning.FAILED))


def concluded(change: Change, ran: Ran, table: Table) -> Applied:
    """What a program's end makes of a change. ChangeFailed with the code, its sentence and the program's last words."""
    met = outcome(table, ran.code)
    if met.meaning is Meaning.DONE:
        return Applied()
    if met.meaning is Meaning.RESTART:
        return Applied(reboot=True)
    if met.meaning is Meaning.ALREADY:
        return Applied(note=met.sentence)
    why = f": {met.sentence}" if met.sentence else ""
    what = "does not apply" if met.meaning is Meaning.NOT_APPLICABLE else f"ended with exit code {shown_code(ran.code)}"
    code = f"exit code {shown_code(ran.code)}\n" if met.meaning is Meaning.NOT_APPLICABLE else ""
    raise ChangeFailed(f"{change.name} {what}{why}", details=(code + said(ran)).strip() or None)


def until_free(session: Session, table: Table, deadline: Deadline, act: Callable[[], Ran]) -> Ran:
    """Run ``act`` again while its program says that another installation runs, until the deadline."""

    def attempt() -> Ran | None:
        ran = act()
        return None if outcome(table, ran.code).meaning is Meaning.BUSY else ran

    waiting = Waiting(deadline, tick=BUSY_TICK, watcher=session.watcher)
    return waiting.until("another installation in the guest to end", attempt)
