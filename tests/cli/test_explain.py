"""golden explain: what is typed, what is told, and how it ends."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.lab import GOLDEN
from tests.unit.windows import logs

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab


def test_the_answer_in_words(tmp_path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdict, when, cause, blame, machine, what to do and the lines that say so, with no project anywhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setupact.log").write_bytes(logs.SUCCESS + logs.APPX_FAILURE)
    ran = golden("explain", "setupact.log")
    assert ran.code == 0
    first, *rows = ran.out.splitlines()
    assert first.startswith(f"failed  the app package {logs.APPX} is installed for one user")
    told = {row.split()[0]: row for row in rows}
    assert "before anything was changed" in told["when"]
    assert "Microsoft.OneDriveSync" in next(row for row in rows if row.startswith("  to blame"))
    assert "as it was before the run" in told["machine"]
    assert "provision" in told["do"]
    assert any(row.startswith("  setupact.log:22  ") for row in rows)
    assert not (tmp_path / ".golden").exists()


def test_the_answer_for_programs(tmp_path: Path, golden: Golden) -> None:
    """One envelope of the kind `explanation` whose fields are these."""
    (tmp_path / "setupact.log").write_bytes(logs.APPX_FAILURE)
    ran = golden("explain", str(tmp_path), "-o", "json")
    assert ran.code == 0
    assert '"kind": "explanation"' in ran.out
    data = ran.data
    assert set(data) == {
        *("verdict", "phase", "sentence", "cause", "also", "warnings", "machine", "usable", "logs", "skipped", "noise")
    }
    assert (data["verdict"], data["phase"], data["machine"], data["usable"]) == (
        *("failed", "pre-validation", "untouched"),
        True,
    )
    assert set(data["cause"]) == {
        *("id", "sentence", "log", "blame", "code", "code_name", "fix", "confirmed", "time", "evidence")
    }
    quote = data["cause"]["evidence"][0]
    assert (quote["file"], quote["line"]) == ("setupact.log", 9)
    assert data["logs"] == [
        {"file": "setupact.log", "kind": "sysprep", "size": len(logs.APPX_FAILURE), "verdict": "failed"}
    ]


def test_a_good_log_is_said_to_be_good(tmp_path: Path, golden: Golden) -> None:
    """Success is told, and what a success leaves."""
    (tmp_path / "setupact.log").write_bytes(logs.SUCCESS)
    ran = golden("explain", str(tmp_path))
    assert ran.code == 0
    assert ran.out.startswith("succeeded  ")
    assert "3 error lines that good runs have as well" in ran.out


def test_exit_codes(tmp_path: Path, golden: Golden) -> None:
    """13 where there is nothing, 2 where there is no log, 0 where there is one whatever it tells."""
    assert golden("explain", str(tmp_path / "nope")).code == 13
    assert golden("explain", str(tmp_path)).code == 2
    (tmp_path / "a.log").write_bytes(b"words")
    told = golden("explain", str(tmp_path / "a.log"), "-o", "json")
    assert (told.code, told.error["id"]) == (2, "usage")
    (tmp_path / "a.log").write_bytes(logs.APPX_FAILURE)
    assert golden("explain", str(tmp_path / "a.log")).code == 0


def test_standard_input_is_read(tmp_path: Path) -> None:
    """`golden explain -` reads a log that is piped into it."""
    ran = subprocess.run(
        [*GOLDEN, "explain", "-"], input=logs.APPX_FAILURE, cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert ran.returncode == 0
    assert b"standard input:9  " in ran.stdout


def test_a_job_is_explained_from_its_kept_logs(imaged: Lab, golden: Golden) -> None:
    """A job's id stands for the logs it kept; the newest job needs no name; a job without logs is said to have none."""
    job = golden("jobs", "--all", "-o", "json").data["jobs"][-1]["id"]
    folder = imaged.path / ".golden/jobs" / job
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sysprep-setupact.log").write_bytes(logs.APPX_FAILURE)
    for typed in ((job,), ()):
        told = golden("explain", *typed, "-o", "json").data
        assert told["cause"]["id"] == "appx-not-provisioned"
        assert told["logs"][0]["file"] == "sysprep-setupact.log"
    shutil.rmtree(folder)
    none = golden("explain", job, "-o", "json")
    assert (none.code, none.error["id"]) == (2, "usage")
    assert f"golden logs {job}" in none.error["hint"]
    assert golden("explain", "j234567").code == 13


def test_a_file_called_like_a_job_is_a_file(imaged: Lab, golden: Golden) -> None:
    """What lies in the working directory comes before a job of the same name."""
    job = golden("jobs", "--all", "-o", "json").data["jobs"][-1]["id"]
    (imaged.path / job).write_bytes(logs.APPX_FAILURE)
    assert golden("explain", job, "-o", "json").data["logs"][0]["file"] == job


def test_several_paths_are_one_answer(tmp_path: Path, golden: Golden) -> None:
    """Logs of one machine that lie apart are explained together."""
    (tmp_path / "setupact.log").write_bytes(logs.APPX_FAILURE)
    (tmp_path / "CBS.log").write_bytes(logs.CBS_FAILURE)
    data = golden("explain", str(tmp_path / "CBS.log"), str(tmp_path / "setupact.log"), "-o", "json").data
    assert (data["cause"]["id"], data["also"][0]["id"]) == ("appx-not-provisioned", "update")


def test_a_meaning_nobody_has_checked_is_said_to_be_one(tmp_path: Path, golden: Golden) -> None:
    """An unconfirmed fact is told as a hint."""
    (tmp_path / "setupapi.dev.log").write_bytes(logs.driver("netx.inf", logs.UNSIGNED))
    assert "not checked on a real Windows" in golden("explain", str(tmp_path)).out


def test_a_broken_golden_toml_does_not_disturb(tmp_path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is explained whatever the configuration beside it looks like."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "golden.toml").write_text("[[[")
    (tmp_path / "setupact.log").write_bytes(logs.APPX_FAILURE)
    assert golden("explain", "setupact.log").code == 0
