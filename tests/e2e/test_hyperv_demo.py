"""The demo tour against the simulated Hyper-V host: the whole main job, publishing to SCVMM's library included."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.e2e.bench import Desk

pytestmark = pytest.mark.slow


def test_the_tour_on_hyper_v(tmp_path: Path) -> None:
    """Versions VIRGIN, the image sealed and in the library; the peer has ended, no password is in golden's records."""
    place = Desk(tmp_path)
    folder = tmp_path / "demo"
    ran = place.golden("demo", "--provider", "hyperv", str(folder))
    assert ran.code == 0, ran.said
    said = ran.out + ran.err
    assert "SEALED, made from win2022@v2" in said
    assert "proof, read from the guest" in said
    assert "published to vmm: " in said
    secrets = [(folder / "host" / name).read_text().strip() for name in ("password", "guest-password")]
    assert all(secrets)
    logs = [path for path in (folder / ".golden").rglob("*") if path.is_file()]
    for path in (*logs, folder / "host/requests.jsonl", folder / "host.log"):
        assert not any(secret.encode() in path.read_bytes() for secret in secrets), path
    assert not any(secret in said for secret in secrets)
    again = place.golden("demo", "--provider", "hyperv", str(folder))
    assert again.code == 9
    assert "ended with its demo" in again.err
    assert str(folder) not in " ".join(_commands())


def _commands() -> list[str]:
    """The command lines of all processes: nothing of the peer's may run on."""
    return [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
