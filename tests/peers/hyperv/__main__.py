"""``python -m tests.peers.hyperv FOLDER``: a Hyper-V host that runs until it is interrupted."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import Vmm


def main() -> None:
    """Say where it is, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.hyperv", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", action="append", default=[], metavar="NAME", help="a user's machine; may be repeated")
    parser.add_argument("--client", action="store_true", help="Windows 11 instead of Windows Server 2022")
    parser.add_argument("--language", default="en-US", help="of names that Windows translates, such as de-DE")
    given = parser.parse_args()
    # Blocked before any thread is made, so that only the wait below takes them.
    over = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, over)
    with Peer(given.folder, client=given.client, language=given.language) as peer:
        for name, secret in (("password", peer.password), ("guest-password", peer.guest_password)):
            (peer.folder / name).touch(0o600)
            (peer.folder / name).write_text(secret)
        print(f"{peer.url}\nuser {peer.user}, its password is in {peer.folder / 'password'}\nCA {peer.ca}", flush=True)
        if peer.ssh is not None:
            print(f"{peer.ssh_url}\nkey {peer.ssh_key}\nknown hosts {peer.known_hosts}", flush=True)
        Vmm.install(peer)
        for name in given.seed:
            made = peer.seed(name)
            print(f"machine {made.name} {made.id} {made.disk}", flush=True)
        signal.sigwait(over)


if __name__ == "__main__":
    main()
