"""Manners: data on stdout, talk on stderr, one envelope, options that mean the same everywhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from golden import __version__
from golden.cli.main import run
from golden.cli.shortcut import MODULES
from tests.cli.lab import GOLDEN

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab


def test_text_errors_are_brief_details_and_hint(ref: Lab, golden: Golden) -> None:
    """An error on a terminal or in a pipe is `golden: brief`, indented details, and a hint; stdout stays empty."""
    ran = golden("show", "ref@v9")
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert lines[0] == "golden: ref has no version v9"
    assert lines[1] == "  there are: v1"


def test_quiet_says_nothing_but_the_result(ref: Lab, golden: Golden) -> None:
    """With -q stderr is empty where all goes well, and an error is still told."""
    ran = golden("update", "--add", "a.inf", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert "ref@v2" in ran.out
    assert golden("show", "nosuch", "-q").err.startswith("golden: ")


def test_steps_in_a_pipe_are_plain_lines_said_once(ref: Lab, golden: Golden) -> None:
    """Where nobody watches, every finished step is one line with its time, without colors or repetition."""
    ran = golden("update", "--add", "a.inf")
    steps = [line.split("  ")[0] for line in ran.err.splitlines() if not line.startswith(" ")]
    assert {"clone", "changes", "proof", "freeze", "record"} <= set(steps)
    assert len(steps) == len(set(steps))
    assert "\x1b" not in ran.out + ran.err


def test_json_lines_are_events_and_then_the_result(ref: Lab, golden: Golden) -> None:
    """With -o jsonl every line of stdout is an envelope: steps as they begin and end, and the result last."""
    kinds = [event["kind"] for event in golden("update", "--add", "a.inf", "-o", "jsonl").events]
    assert {"step.begun", "step.ended", "progress"} <= set(kinds)
    assert kinds[-1] == "version"
    assert kinds.count("version") == 1
    failed = golden("update", "--add", "fails.inf", "-o", "jsonl").events
    assert failed[-1]["kind"] == "error"
    assert all(event["schema"] == "golden/1" for event in failed)


def test_options_may_stand_before_the_verb(ref: Lab, golden: Golden) -> None:
    """`golden -o json status` is `golden status -o json`; what stands after the verb wins."""
    assert golden("-o", "json", "status").out == golden("status", "-o", "json").out
    assert golden("-o", "json", "status", "-o", "text").out.startswith("REFERENCE")


@pytest.mark.parametrize("verb", sorted(MODULES))
def test_the_short_cut_and_the_long_way_agree(imaged: Lab, golden: Golden, verb: str) -> None:
    """A reading command prints the same whether the parser of options was loaded for it or not."""
    address = ("ref",) if verb in ("log", "show", "resolve") else ()
    for output in ("text", "json"):
        short = golden(verb, *address, "-o", output)
        long = golden(verb, *address, f"--output={output}", "--no-input")
        assert (short.code, short.out) == (long.code, long.out)


def test_the_environment_sets_the_same_options(ref: Lab) -> None:
    """GOLDEN_OUTPUT, GOLDEN_QUIET and GOLDEN_TIMEOUT are heard; an option typed wins over them."""
    env = {"GOLDEN_OUTPUT": "json", "GOLDEN_QUIET": "1"}
    assert ref.process("status", env=env).data["references"][0]["name"] == "ref"
    assert ref.process("status", "-o", "text", env=env).out.startswith("REFERENCE")
    assert ref.process("nosuch", env=env).error["id"] == "usage"
    assert ref.process("update", "--add", "a.inf", env={"GOLDEN_TIMEOUT": "soon"}).code == 2
    assert ref.process("status", env={"GOLDEN_OUTPUT": "yaml"}).code == 2


@pytest.mark.parametrize("text", ["90", "90s", "1.5m", "30m", "2h"])
def test_times_are_typed_as_people_write_them(ref: Lab, golden: Golden, text: str) -> None:
    """--timeout takes seconds, or 90s, 30m, 2h."""
    assert golden("update", "--add", "a.inf", "--timeout", text).code == 0


def test_a_wait_reaches_its_limit(ref: Lab, golden: Golden) -> None:
    """A change that never ends is exit 11, names what was waited for, and leaves nothing behind."""
    told = golden("update", "--add", "hangs.inf", "--timeout", "1", "-o", "json")
    assert (told.code, told.error["id"]) == (11, "timed-out")
    assert golden("gc", "--dry-run", "-o", "json").data["found"] == []
    assert golden("doctor").code == 0


def test_a_reader_that_goes_away_is_no_error(imaged: Lab) -> None:
    """`golden log | head -0` ends quietly, and with the exit code that it has otherwise."""
    imaged.write("bad.xml", "<unattend/>")
    for typed, code in ((("log",), 0), (("log", "-o", "json"), 0), (("--help",), 0), (("lint", "bad.xml"), 4)):
        ran = imaged.process(*typed)
        assert ran.code == code
        process = imaged.begin(*typed)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(30)
        assert (process.returncode, err) == (code, ran.err)


def test_a_console_without_letters_does_not_crash(imaged: Lab) -> None:
    """On a console that knows ASCII only, the tree is written with escapes."""
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    ran = subprocess.run([*GOLDEN, "log"], cwd=imaged.path, env=env, capture_output=True, timeout=30, check=False)
    assert ran.returncode == 0
    assert b"ref" in ran.stdout


def test_a_bug_is_one_line_and_a_file(ref: Lab, golden: Golden) -> None:
    """What nobody foresaw is one sentence with exit code 1; the traceback goes to a file that is named."""
    import sqlite3

    with sqlite3.connect(ref.path / ".golden/golden.db") as db:
        db.execute("UPDATE version SET record = '[1, 2'")
    db.close()
    told = golden("log", "-o", "json")
    assert told.code == 1
    assert told.error["brief"].startswith("this is a bug in golden")
    (file,) = (ref.path / ".golden").glob("crash-*.txt")
    assert str(file) in told.error["details"]
    assert "Traceback" in file.read_text()


def test_version_and_help_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """--version, --help, and nothing at all end with 0 and print on stdout."""
    usage = (["--help"], []), (["-o", "json"], ["-q"])
    for typed, word in ((["--version"], "golden 0."), *((one, "Usage: golden") for ways in usage for one in ways)):
        assert run(typed) == 0
        assert word in capsys.readouterr().out


def test_the_version_is_told_to_programs(golden: Golden) -> None:
    """In the one envelope, wherever the option stands."""
    for typed in (("--version", "-o", "json"), ("-o", "json", "--version")):
        assert golden(*typed).data == {"version": __version__}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a disk that is always full")  # noqa: PTH110
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (("show", "nosuch"), 13),
        (("show", "nosuch", "-o", "json"), 13),
        (("nosuch",), 2),
        (("status",), 10),
        (("status", "-o", "json"), 10),
        (("--version",), 10),
        (("update", "--help"), 10),
        (("update", "--add", "fails.inf", "-o", "jsonl"), 5),
    ],
)
def test_what_cannot_be_told_keeps_its_exit_code(ref: Lab, typed: tuple[str, ...], code: int) -> None:
    """On a full disk an error is the same error, and a result that is lost is none; only a reader may go."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ran = subprocess.run([*GOLDEN, *typed], cwd=ref.path, stdout=full, stderr=full, timeout=60, check=False)
        assert ran.returncode == code
        there = subprocess.run([*GOLDEN, *typed], cwd=ref.path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert there.returncode == code
    assert b"golden: " in there.stderr
    assert list((ref.path / ".golden").glob("crash-*")) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a disk that is always full")  # noqa: PTH110
@pytest.mark.parametrize("more", [(), ("--verbose",), ("-o", "json")])
def test_work_goes_on_where_nobody_hears(ref: Lab, golden: Golden, more: tuple[str, ...]) -> None:
    """A full log is no reason to give an hour's work up, nor is a terminal that has gone."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        typed = [*GOLDEN, "update", "--add", "a.inf", *more]
        ran = subprocess.run(typed, cwd=ref.path, stdout=subprocess.PIPE, stderr=full, timeout=60, check=False)
    assert ran.returncode == 0
    assert b"v2" in ran.stdout
    process = ref.begin("update", "--add", "b.inf", "-o", "jsonl")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(60)
    assert process.returncode == 0
    assert golden("status", "-o", "json").data["references"][0]["head"] == 3


def test_closed_streams_are_no_bug(ref: Lab) -> None:
    """golden started without stdout or stderr at all does what it was told."""
    for closed in (">&-", "2>&-", ">&- 2>&- <&-"):
        ran = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *GOLDEN, "status"], cwd=ref.path, check=False
        )
        assert ran.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="a folder that somebody works in stays there")
def test_a_folder_that_has_gone_is_no_bug(tmp_path: Path) -> None:
    """golden typed in a shell whose folder was removed says so."""
    (tmp_path / "gone").mkdir()
    for verb in ("status", "init"):
        script = 'rmdir "$PWD" 2>/dev/null; exec "$@"'
        ran = subprocess.run(
            ["/bin/sh", "-c", script, "sh", *GOLDEN, verb], cwd=tmp_path / "gone", capture_output=True, check=False
        )
        (tmp_path / "gone").mkdir()
        assert (ran.returncode, ran.stderr.splitlines()[0]) == (
            2,
            b"golden: the folder that this is typed in is not there any more",
        )
