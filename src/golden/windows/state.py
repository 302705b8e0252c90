"""Where a Windows stands between never generalized and deployed. docs/facts: windows 1.3 and 1.4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from golden.disk.damage import Damaged
from golden.disk.hive import Data, Hive
from golden.disk.source import Files
from golden.model import GuestState
from golden.windows.sysprep_log import History, history

CONFIG = "Windows/System32/config"
SYSPREP = "Windows/System32/Sysprep"
SETUP_STATE = "Microsoft\\Windows\\CurrentVersion\\Setup\\State"
SYSPREP_STATUS = "Setup\\Status\\SysprepStatus"
COMPLETE = "IMAGE_STATE_COMPLETE"
UNDEPLOYABLE = "IMAGE_STATE_UNDEPLOYABLE"
TO_OOBE = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
TO_AUDIT = "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT"
_HALF_GENERALIZED = 3
CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Every input of the decision; None means: not there."""

    tag: bool
    image_state: str | None
    setup_type: int | None
    cmd_line: str | None
    generalization_state: int | None
    log: History | None
    """What setupact.log tells; None where there is no such file."""
    volume: str = CLEAN
    """``clean``, or why what is read from the volume may be old."""
    hives: str = CLEAN
    """``clean``, or which hives were not written to their end."""

    def listed(self) -> tuple[tuple[str, str], ...]:
        """Every input as (name, value), in the order of the decision table."""
        return (
            ("Sysprep_succeeded.tag", "present" if self.tag else "absent"),
            ("ImageState", _said(self.image_state)),
            ("SetupType", _said(self.setup_type)),
            ("CmdLine", _said(self.cmd_line)),
            ("GeneralizationState", _said(self.generalization_state)),
            ("setupact.log", _told(self.log)),
            ("volume", self.volume),
            ("hives", self.hives),
        )


def evidence(volume: Files, hives: Mapping[str, Hive] | None = None) -> Evidence:
    """
    Read every input from a powered-off Windows volume.

    ``hives`` may hold SOFTWARE and SYSTEM where they are open already. Damaged or NotFound where they cannot be read.
    """
    opened = hives or {name: open_hive(volume, name) for name in ("SOFTWARE", "SYSTEM")}
    software, system = opened["SOFTWARE"], opened["SYSTEM"]
    log = volume.find(f"{SYSPREP}/Panther/setupact.log")
    dirty = [name for name, hive in opened.items() if hive.dirty]
    return Evidence(
        tag=volume.exists(f"{SYSPREP}/Sysprep_succeeded.tag"),
        image_state=_text(software.value(SETUP_STATE, "ImageState")),
        setup_type=_number(system.value("Setup", "SetupType")),
        cmd_line=_text(system.value("Setup", "CmdLine")),
        generalization_state=_number(system.value(SYSPREP_STATUS, "GeneralizationState")),
        log=None if log is None else history(log),
        volume=_cleanness(volume),
        hives=f"not written to their end: {', '.join(dirty)}" if dirty else CLEAN,
    )


def from_probe(answer: Mapping[str, object], log: History | None = None) -> Evidence:
    """The same inputs as a running guest's probe.ps1 answers them."""
    return Evidence(
        tag=bool(answer.get("tag")),
        image_state=_text(answer.get("image_state")),
        setup_type=_number(answer.get("setup_type")),
        cmd_line=_text(answer.get("cmd_line")),
        generalization_state=_number(answer.get("generalization_state")),
        log=log,
    )


def decide(seen: Evidence) -> GuestState:
    """The guest's state; UNKNOWN for anything contradictory, and where what was read may be old."""
    run = seen.log.last if seen.log else None
    if _is_broken(seen):
        return GuestState.BROKEN
    if seen.volume != CLEAN or seen.hives != CLEAN:
        return GuestState.UNKNOWN
    if has_seal(seen):
        return GuestState.SEALED
    if has_seal(seen, TO_AUDIT):
        return GuestState.SEALED_AUDIT
    complete = seen.image_state == COMPLETE
    if run and "GENERALIZE" in run.switches and not seen.tag and complete and run.failed_before_running:
        return GuestState.FAILED_EARLY
    if complete and seen.setup_type == 0:
        if seen.tag or (seen.log and seen.log.tag_made):
            return GuestState.DEPLOYED
        if not (seen.log and seen.log.generalize_asked):
            return GuestState.VIRGIN
    return GuestState.UNKNOWN


def has_seal(seen: Evidence, image_state: str = TO_OOBE) -> bool:
    """Whether all four signals of a sealed guest are there."""
    return (
        seen.tag
        and seen.image_state == image_state
        and seen.setup_type == 2
        and "windeploy" in (seen.cmd_line or "").lower()
    )


def signals(seen: Evidence) -> tuple[tuple[str, str], ...]:
    """The four signals of a seal as (name, value)."""
    return seen.listed()[:4]


def open_hive(volume: Files, name: str) -> Hive:
    """One of the hives below ``config``; Damaged or NotFound."""
    return Hive.open(volume.open(f"{CONFIG}/{name}"), f"the registry hive {name}")


def _is_broken(seen: Evidence) -> bool:
    run = seen.log.last if seen.log else None
    return (
        seen.generalization_state == _HALF_GENERALIZED
        or seen.image_state == UNDEPLOYABLE
        or (run is not None and run.failed_while_running)
    )


def _cleanness(volume: Files) -> str:
    try:
        if volume.is_hibernated():
            return "a hibernated system waits in hiberfil.sys"
        if volume.is_dirty():
            return "marked as needing a check (not shut down in order)"
        if volume.is_journal_open():
            return "its journal was not closed (not shut down in order)"
    except Damaged as error:
        return f"whether it is clean cannot be read: {error.details or error.brief}"
    return CLEAN


def _told(log: History | None) -> str:
    if log is None:
        return "no file"
    run = log.last
    if run is None:
        return "empty"
    parts = [f"runs: {log.runs}", f"last asked for: {' '.join(sorted(run.switches)) or 'nothing'}"]
    parts.append("tag created" if run.tag_made else "no tag created")
    if log.generalize_asked and "GENERALIZE" not in run.switches:
        parts.append("an earlier run asked for GENERALIZE")
    if log.tag_made and not run.tag_made:
        parts.append("an earlier run created the tag")
    if run.last_error is not None:
        parts.append(f"last error: {run.last_error.message.strip() or run.last_error.text.strip()}")
    return "; ".join(parts)


def _said(value: object) -> str:
    return "absent" if value is None else str(value) if value != "" else "empty"


def _text(value: Data | object | None) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Data | object | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
