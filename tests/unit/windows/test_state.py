"""Every row of the decision table (docs/facts: windows 1.4), and what contradicts them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from golden.model import GuestState
from golden.windows.state import COMPLETE, TO_AUDIT, TO_OOBE, UNDEPLOYABLE, Evidence, decide, from_probe
from golden.windows.sysprep_log import history
from tests.unit.windows import logs

VIRGIN = Evidence(False, COMPLETE, 0, "", 7, None)
SEALED = Evidence(True, TO_OOBE, 2, "oobe\\windeploy.exe", 7, history(logs.SUCCESS))
DEPLOYED = Evidence(True, COMPLETE, 0, "", 7, history(logs.SUCCESS))
EARLY = replace(VIRGIN, log=history(logs.APPX_FAILURE))
LATE = logs.failed(logs.RUNNING_END, logs.module("X", "y.dll", "5"))
STUCK = logs.failed(
    logs.RUNNING_END[:1], "Error      [0x0f0073] SYSPRP RunDlls:Not running DLLs; dwRet = 31", code="1f"
)

ROWS = {
    "virgin": (VIRGIN, GuestState.VIRGIN),
    "virgin without GeneralizationState": (replace(VIRGIN, generalization_state=None), GuestState.VIRGIN),
    "virgin that ran sysprep without generalize": (
        replace(VIRGIN, log=history(logs.run(switches=("AUDIT",)))), GuestState.VIRGIN),
    "sealed": (SEALED, GuestState.SEALED),
    "sealed, log removed": (replace(SEALED, log=None), GuestState.SEALED),
    "sealed, command in capitals": (replace(SEALED, cmd_line="OOBE\\WINDEPLOY.EXE"), GuestState.SEALED),
    "sealed to audit": (replace(SEALED, image_state=TO_AUDIT), GuestState.SEALED_AUDIT),
    "deployed": (DEPLOYED, GuestState.DEPLOYED),
    "deployed, tag removed": (replace(DEPLOYED, tag=False), GuestState.DEPLOYED),
    "deployed, log removed": (replace(DEPLOYED, log=None), GuestState.DEPLOYED),
    "failed early": (EARLY, GuestState.FAILED_EARLY),
    "broken: stuck in 3": (replace(VIRGIN, generalization_state=3), GuestState.BROKEN),
    "broken: stuck in 3 though it looks sealed": (replace(SEALED, generalization_state=3), GuestState.BROKEN),
    "broken: undeployable": (replace(VIRGIN, image_state=UNDEPLOYABLE), GuestState.BROKEN),
    "broken: died while running": (replace(VIRGIN, log=history(LATE)), GuestState.BROKEN),
    "broken: invalid state": (replace(VIRGIN, log=history(STUCK)), GuestState.BROKEN),
    "broken even on a dirty volume": (
        replace(VIRGIN, generalization_state=3, volume="marked as needing a check"), GuestState.BROKEN),
    "half sealed: tag only": (replace(SEALED, image_state=COMPLETE), GuestState.UNKNOWN),
    "half sealed: no tag": (replace(SEALED, tag=False), GuestState.UNKNOWN),
    "half sealed: set-up type 0": (replace(SEALED, setup_type=0), GuestState.UNKNOWN),
    "half sealed: no windeploy": (replace(SEALED, cmd_line=""), GuestState.UNKNOWN),
    "half sealed: no command": (replace(SEALED, cmd_line=None), GuestState.UNKNOWN),
    "generalize was asked and cut off": (
        replace(VIRGIN, log=history(logs.run("Info       SYSPRP and then the power went"))), GuestState.UNKNOWN),
    "an earlier run asked to generalize": (
        replace(VIRGIN, log=history(logs.APPX_FAILURE + logs.run(switches=("AUDIT",)))), GuestState.UNKNOWN),
    "no image state": (replace(VIRGIN, image_state=None), GuestState.UNKNOWN),
    "set-up unfinished": (replace(VIRGIN, setup_type=1), GuestState.UNKNOWN),
    "no set-up type": (replace(VIRGIN, setup_type=None), GuestState.UNKNOWN),
    "virgin on a dirty volume": (replace(VIRGIN, volume="marked as needing a check"), GuestState.UNKNOWN),
    "sealed with a dirty hive": (replace(SEALED, hives="not written to their end: SYSTEM"), GuestState.UNKNOWN),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_table_gives_its_state(row: str) -> None:
    """The state follows from the evidence as the decision table says."""
    seen, state = ROWS[row]
    assert decide(seen) is state


def test_every_input_is_listed_in_order_for_printing() -> None:
    """What a decision was made from can be printed whole, also what is absent."""
    names = [name for name, _ in SEALED.listed()]
    assert names == [
        "Sysprep_succeeded.tag", "ImageState", "SetupType", "CmdLine", "GeneralizationState", "setupact.log",
        "volume", "hives",
    ]  # fmt: skip
    assert dict(SEALED.listed())["setupact.log"] == "runs: 1; last asked for: GENERALIZE OOBE QUIET QUIT; tag created"
    assert dict(replace(VIRGIN, cmd_line=None).listed())["CmdLine"] == "absent"
    assert "last error" in dict(EARLY.listed())["setupact.log"]


def test_a_running_guest_is_judged_by_the_same_inputs() -> None:
    """What the probe answers in the guest becomes the same evidence."""
    answer = {
        "boot_mark": "x", "image_state": TO_OOBE, "setup_type": 2, "cmd_line": "oobe\\windeploy.exe",
        "generalization_state": 7, "tag": True, "sysprep_running": False,
    }  # fmt: skip
    assert decide(from_probe(answer, history(logs.SUCCESS))) is GuestState.SEALED
    assert decide(from_probe({"tag": False, "image_state": None})) is GuestState.UNKNOWN
