"""Fixtures of the command line's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from golden.cli.main import run
from tests.cli.lab import Lab, Ran, made

Golden = Callable[..., Ran]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A project in which nothing has been adopted yet; the working directory."""
    home = made(tmp_path / "lab")
    monkeypatch.chdir(home.path)
    return home


@pytest.fixture
def golden(capsys: pytest.CaptureFixture[str]) -> Golden:
    """golden in this process, as the console script calls it."""

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def ref(lab: Lab, golden: Golden) -> Lab:
    """The same with one reference, ``ref``, at v1."""
    assert golden("adopt", "ref", "--from", "base", "--os", "memory").code == 0
    return lab


@pytest.fixture
def imaged(ref: Lab, golden: Golden) -> Lab:
    """The same at v2 with image i1, published and promoted to stable."""
    assert golden("update", "--add", "a.inf").code == 0
    assert golden("capture", "--to", "shelf").code == 0
    assert golden("promote", "ref@i1", "--channel", "stable").code == 0
    return ref


@pytest.fixture
def clean(lab: Lab) -> None:
    """No state folder at all."""
    shutil.rmtree(lab.path / ".golden", ignore_errors=True)
