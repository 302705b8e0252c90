"""Builds the simulator once for this computer, from Debian's packages; kept by the hash of its source."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.e2e.libvirt_standin import cache

SOURCE = Path(__file__).with_name("simulator")
GOCODE = Path("/usr/share/gocode")
NEEDED = "golang-go golang-github-vmware-govmomi-dev"


def simulator() -> Path:
    """The simulator's program; a first build takes a minute or two, each later call a moment."""
    print_of = hashlib.sha256((SOURCE / "main.go").read_bytes())
    for status in ("golang-github-vmware-govmomi-dev", "golang-go"):
        print_of.update(_version(status))
    built = cache() / f"vcenter-simulator-{print_of.hexdigest()[:16]}"
    if built.exists():
        return built
    if shutil.which("go") is None or not (GOCODE / "src/github.com/vmware/govmomi/simulator").is_dir():
        raise AssertionError(f"the vCenter for tests is built with Debian's packages: apt-get install {NEEDED}")
    cache().mkdir(parents=True, exist_ok=True)
    with built.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one run build it once
        if not built.exists():
            _build(built)
    return built


def _build(built: Path) -> None:
    beside = built.with_name(f"{built.name}.{os.getpid()}")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOCODE), "GOFLAGS": "-trimpath",
           "GOCACHE": str(cache() / "go"), "CGO_ENABLED": "0"}  # fmt: skip
    try:
        subprocess.run(["go", "build", "-ldflags", "-s -w", "-o", str(beside), "."], cwd=SOURCE, env=env, check=True)
        beside.replace(built)
    finally:
        beside.unlink(missing_ok=True)


def _version(package: str) -> bytes:
    ran = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, check=False)
    return ran.stdout
