"""``python -m tests.peers.vsphere FOLDER``: a vCenter that runs until it is interrupted."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from tests.peers.vsphere.peer import vcenter


def main() -> None:
    """Say where it is, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.vsphere", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", action="append", default=[], metavar="NAME", help="a user's machine; may be repeated")
    parser.add_argument("--machines", type=int, default=0, help="other people's")
    parser.add_argument("--esx", action="store_true", help="one ESXi host instead of a vCenter")
    given = parser.parse_args()
    # Blocked before any thread is made, so that only the wait below takes them.
    over = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, over)
    with vcenter(given.folder, machines=given.machines, esx=given.esx) as peer:
        for name, secret in (("password", peer.password), ("guest-password", peer.guest_password)):
            (peer.folder / name).touch(0o600)
            (peer.folder / name).write_text(secret)
        print(f"{peer.url}\nuser {peer.user}, its password is in {peer.folder / 'password'}\nCA {peer.ca}", flush=True)
        for name in given.seed:
            print(f"machine {peer.seed(name).path}", flush=True)
        signal.sigwait(over)


if __name__ == "__main__":
    main()
