"""golden's own sh scripts mean the same to every shell that a Linux guest may call sh."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from golden.guest.placing import PLACERS
from golden.linux.dialect import SCRIPTS, encode_lines

SHELLS = [("dash",), ("bash", "--posix"), ("busybox", "sh")]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    chosen: tuple[str, ...] = request.param
    if shutil.which(chosen[0]) is None:
        pytest.skip(f"{chosen[0]} is not installed")
    return chosen


def test_the_launcher_means_the_same_to_every_shell(shell: tuple[str, ...], tmp_path: Path) -> None:
    """Arguments, environment, folder, exit code and sizes are the same whichever shell runs the launcher."""
    (tmp_path / "it's here").mkdir()
    words = ("a b", "$(id)", "new\nline\n", "", "*", "\\n", "-n")
    text = 'printf "%s|" "$PWD" "$VALUE" "$@"; echo no >&2; exit 200'
    order = {
        "argv": ["/bin/sh", "-c", text, "sh", *words],
        "env": {"VALUE": "x'\ny", "key": "k", "IFS": ":"},
        "cwd": str(tmp_path / "it's here"),
        **{name: str(tmp_path / name) for name in ("out", "err", "code")},
    }
    (tmp_path / "order").write_bytes(encode_lines(order))
    argv = [*shell, str(SCRIPTS / "launch.sh"), str(tmp_path / "order")]
    assert subprocess.run(argv, check=False).returncode == 0
    out = (tmp_path / "out").read_text()
    assert out.split("|")[:-1] == [str(tmp_path / "it's here"), "x'\ny", *words]
    told = json.loads((tmp_path / "code").read_text())
    assert told == {"code": 200, "out": len(out), "err": 3}
    assert (tmp_path / "code.pid").read_text().strip().isdigit()
    assert subprocess.run(argv, check=False).returncode == 17, "an order is taken once"


def test_the_hasher_means_the_same_to_every_shell(shell: tuple[str, ...], tmp_path: Path) -> None:
    """Size and SHA-256 of a file with an awkward name, and of none."""
    target = tmp_path / "it's a\nfile\n"
    target.write_bytes(b"abc")
    for path, size_only, expected in (
        (target, False, {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "size": 3}),
        (target, True, {"sha256": "", "size": 3}),
        (tmp_path / "none", False, {"sha256": "", "size": -1}),
    ):
        (tmp_path / "in").write_bytes(encode_lines({"path": str(path), "size_only": size_only}))
        argv = [*shell, str(SCRIPTS / "hash.sh"), str(tmp_path / "in"), str(tmp_path / "answer")]
        assert subprocess.run(argv, check=False).returncode == 0
        assert json.loads((tmp_path / "answer").read_text()) == expected


def test_the_placer_means_the_same_to_every_shell(shell: tuple[str, ...], tmp_path: Path) -> None:
    """A piece goes to its offset, twice does no harm, and other bytes than were meant go nowhere."""
    target, piece = tmp_path / "it's a\nfile\n", tmp_path / "piece"
    whole = bytes(range(256)) * 20
    target.write_bytes(whole[:4_098])
    piece.write_bytes(whole[4_098:])
    met = hashlib.sha256(piece.read_bytes()).hexdigest()
    order = {"piece": str(piece), "target": str(target), "offset": 4_098, "sha256": met}
    argv = [*shell, str(SCRIPTS / "place.sh"), str(tmp_path / "in"), str(tmp_path / "answer")]
    for wanted in (met, met, "0" * 64):
        (tmp_path / "in").write_bytes(PLACERS["linux"].encode({**order, "sha256": wanted}))
        assert subprocess.run(argv, check=False).returncode == 0
        assert json.loads((tmp_path / "answer").read_text()) == {"sha256": met}
        assert target.read_bytes() == whole
        piece.write_bytes(b"x" if wanted == "0" * 64 else piece.read_bytes())


def test_the_probe_means_the_same_to_every_shell(shell: tuple[str, ...], tmp_path: Path) -> None:
    """The boot mark is the kernel's, and a process is told apart from none."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    for process, running in ((1, {"running": True}), (4_000_000, {"running": False}), (None, {})):
        (tmp_path / "in").write_bytes(encode_lines({"process": process}))
        argv = [*shell, str(SCRIPTS / "probe.sh"), str(tmp_path / "in"), str(tmp_path / "answer")]
        assert subprocess.run(argv, check=False).returncode == 0
        assert json.loads((tmp_path / "answer").read_text()) == {"boot_mark": boot, **running}
