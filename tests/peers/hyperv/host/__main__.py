"""``python -m tests.peers.hyperv.host FOLDER``: the host's process, as long as its standard input is open."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.peers.hyperv.host.host import Host
from tests.peers.hyperv.host.rpc import offer
from tests.peers.hyperv.life import follow_parent, tell


def main() -> None:
    """Serve."""
    folder = Path(sys.argv[1])
    host = Host(folder)
    offer(host, folder)
    follow_parent(host.end)
    tell(ready=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
