"""On a terminal: live steps, colors, and questions that can be answered."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.lab import GOLDEN

if TYPE_CHECKING:
    from tests.cli.lab import Lab

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")


def on_terminal(lab: Lab, *typed: str, answer: str = "", env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run golden with a terminal for all three streams: its exit code and what the screen was sent."""
    import pty

    ours, theirs = pty.openpty()
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [*GOLDEN, *typed],
        cwd=lab.path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm", **(env or {})},
    )
    os.close(theirs)
    if answer:
        os.write(ours, answer.encode())
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux tells that the other end has closed in this way.
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    return process.wait(30), said.decode("utf-8", "replace")


def test_steps_are_live_on_a_terminal(ref: Lab) -> None:
    """Finished steps get a check mark and their time; the present one counts; the cursor comes back."""
    code, said = on_terminal(ref, "update", "--add", "a.inf")
    assert code == 0
    assert "\x1b[32m✓\x1b[0m clone" in said
    assert "\x1b[32m✓\x1b[0m record" in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")


def test_a_wait_shows_its_time_and_its_limit(ref: Lab) -> None:
    """What is waited for is named with the seconds gone and the seconds allowed."""
    code, said = on_terminal(ref, "update", "--add", "hangs.inf", "--timeout", "3")
    assert code == 11
    assert "still applying" in said
    assert "s of 3 s" in said


def test_colors_are_for_terminals_that_want_them(ref: Lab) -> None:
    """NO_COLOR and --no-color turn colors off."""
    assert "\x1b[" in on_terminal(ref, "log")[1]
    assert "\x1b[" not in on_terminal(ref, "log", env={"NO_COLOR": "1"})[1]
    assert "\x1b[" not in on_terminal(ref, "log", "--no-color")[1]


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 2, True), ("y\n", 0, False), ("", 2, True)])
def test_a_person_is_asked_before_anything_goes(ref: Lab, answer: str, code: int, *, left: bool) -> None:
    """prune asks on a terminal; only a yes goes on, and --no-input never asks."""
    for name in ("a.inf", "b.inf"):
        assert ref.process("update", "ref@v1", "--add", name).code == 0
    more = () if answer else ("--no-input",)
    assert on_terminal(ref, "prune", "--keep", "1", *more, answer=answer)[0] == code
    numbers = [version["number"] for version in ref.process("log", "-o", "json").data["versions"]]
    assert (2 in numbers) is left


@pytest.mark.parametrize(("answer", "stays"), [("y\n", True), ("n\n", False)])
def test_a_person_is_asked_whether_what_failed_is_to_stay(ref: Lab, answer: str, *, stays: bool) -> None:
    """--on-error ask shows the error first; a yes leaves the clone and the job, which cancel takes away."""
    code, said = on_terminal(ref, "update", "--add", "fails.inf", "--on-error", "ask", answer=answer)
    assert code == 5
    assert said.index("fails.inf") < said.index("Keep what was made")
    machines = ref.world.read()["machines"]
    assert len(machines) == (2 if stays else 1)
    assert len(ref.process("status", "-o", "json").data["jobs"]) == int(stays)
    assert ref.process("cancel", "-y").code == 0
    assert len(ref.world.read()["machines"]) == 1
