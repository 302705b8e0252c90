"""Builds VMware's own command line ``govc`` from Debian's source package, once for this computer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.e2e.libvirt_standin import cache
from tests.peers.vsphere.building import GOCODE

SOURCE = "golang-github-vmware-govmomi"
MODULE = "github.com/vmware/govmomi"
NEEDED = "golang-go golang-github-vmware-govmomi-dev golang-github-kr-pretty-dev"


def govc(work: Path) -> Path:
    """The program; RuntimeError where it cannot be built. Debian's package of govmomi leaves it out, its source not."""
    built = cache() / f"govc-{_version()}"
    if not built.exists():
        source = _unpacked(work / "govc")
        beside = built.with_name(f"{built.name}.{os.getpid()}")
        env = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{source}:{GOCODE}", "GOCACHE": str(cache() / "go"),
               "CGO_ENABLED": "0"}  # fmt: skip
        _run(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(beside), f"{MODULE}/govc"], source, env)
        beside.replace(built)
    return built


def _unpacked(folder: Path) -> Path:
    """A GOPATH with the package's original source; the lists that apt keeps for that are this folder's own."""
    lists = folder / "lists"
    lists.mkdir(parents=True)
    where = ["apt-get", "indextargets", "--format", "deb-src $(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    known = subprocess.run(where, capture_output=True, text=True, check=True).stdout
    (folder / "sources.list").write_text(known, "utf-8")
    kept = (f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=-", f"Dir::State::lists={lists}")
    apt = ["apt-get", "-qq", *(word for one in (*kept, "APT::Sandbox::User=root") for word in ("-o", one))]
    _run([*apt, "update"], folder)
    _run([*apt, "source", "--download-only", f"{SOURCE}={_version()}"], folder)
    (archive,) = folder.glob("*.orig.tar.*")
    place = folder / "src" / MODULE
    place.mkdir(parents=True)
    _run(["tar", "xf", str(archive), "--strip-components=1", "-C", str(place)], folder)
    return folder


def _version() -> str:
    ran = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", f"{SOURCE}-dev"], capture_output=True, text=True, check=False
    )
    if not ran.stdout:
        raise RuntimeError(f"govc is built with Debian's packages: apt-get install {NEEDED}")
    return ran.stdout


def _run(argv: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    ran = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(argv[:2])} … ended with {ran.returncode}\n{ran.stderr[-2000:]}")
