"""A project folder with an in-memory hypervisor, and golden run in it as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.testing.memory import World

GOLDEN = (sys.executable, "-c", "from golden.cli.main import main; main()")


@dataclass(frozen=True)
class Ran:
    """What one command line came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The data of the one envelope on stdout."""
        envelope = json.loads(self.out)
        assert envelope["schema"] == "golden/1"
        return envelope["data"]

    @property
    def error(self) -> Any:
        """The error of the one envelope on stdout."""
        envelope = json.loads(self.out)
        assert (envelope["schema"], envelope["kind"]) == ("golden/1", "error")
        return envelope["error"]

    @property
    def events(self) -> list[Any]:
        """Every line of stdout as an envelope."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Lab:
    """A folder to type in."""

    path: Path

    @property
    def world(self) -> World:
        return World(self.path / "world")

    def begin(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """golden in a process of its own, left running."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GOLDEN_")}
        return subprocess.Popen(
            [*GOLDEN, *arguments],
            cwd=self.path,
            env={**clean, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def process(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        """golden in a process of its own, to its end."""
        process = self.begin(*arguments, env=env)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.write_text(text, encoding="utf-8")
        return path


def made(path: Path) -> Lab:
    """A world with two machines of the user's, a golden.toml, and a few changes to apply."""
    path.mkdir(parents=True, exist_ok=True)
    world = World.create(path / "world")
    world.add_user_machine("base")
    world.add_user_machine("old", {"/state": b"DEPLOYED", "/log": b""})
    world.add_user_machine("sealed", {"/state": b"SEALED", "/log": b""})
    world.add_user_machine("running", power="on")
    world.close()
    lab = Lab(path)
    text = f'[endpoints.here]\nurl = "memory:{path}/world"\n\n# where images go\n[libraries.shelf]\nurl = "dir:shelf"\n'
    lab.write("golden.toml", text)
    for name in ("a.inf", "b.inf", "c.inf", "d.inf", "run.memory"):
        lab.write(name, f"#!memory\nsay {name}\n")
    lab.write("fails.inf", "#!memory\nexit 7\n")
    lab.write("hangs.inf", "#!memory\nhang\n")
    lab.write("empty.inf", "")
    return lab
