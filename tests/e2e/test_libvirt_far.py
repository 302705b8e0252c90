"""The whole main job on a hypervisor of another host: nothing of its files can be opened from here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import bench
from tests.e2e.libvirt_daemon import daemon, pool, ssh

BOOT = Path("/proc/sys/kernel/random/boot_id")

pytestmark = [pytest.mark.slow, pytest.mark.daemon]


def test_the_main_job_behind_ssh(tmp_path: Path) -> None:
    """Adopt, update, capture, check: the disks are read through libvirt, in pieces, and proved as anywhere."""
    (tmp_path / "keys").mkdir()
    with daemon(), ssh(tmp_path / "keys") as url, pool() as name:
        place = bench.empty(tmp_path / "p")
        settings = (place.path / "golden.toml").read_text(encoding="utf-8")
        place.write("golden.toml", settings.replace('url = "qemu:///embed"', f'url = "{url}"\npool = "{name}"'))
        # What was found of this computer's KVM says nothing of the other one's, which has none.
        place.write(".golden/libvirt/kvm.json", json.dumps({"boot": BOOT.read_text("ascii").strip(), "verdict": ""}))
        standin = bench.guest()
        place.does("adopt", "win2022", "--from", str(standin.disk), *bench.boot_options(standin))
        place.does("update", "--add", "drivers/goldennet.inf")
        place.does("capture", "--answer-file", "answers.xml")
        log = place.log()
        assert [version["state"] for version in log["versions"]] == ["VIRGIN", "VIRGIN"]
        (image,) = log["images"]
        assert image["state"] == "SEALED"
        place.does("verify", "--deep")
        ran = place.golden("doctor", "-o", "json")
        assert (ran.code, [one["id"] for one in ran.data["findings"]]) == (0, ["kvm-missing"])
