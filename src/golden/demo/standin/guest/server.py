"""The program server of the guest: everything imported once, one fork for each program that is started."""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, "/lib/standin")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

from programs import boot, run  # type: ignore[import-not-found]  # noqa: E402

ROOT = Path("/mnt/c")
MACHINE = Path("/run/machine")
SOCKET = "/run/programs"


def receive(connection: socket.socket) -> tuple[list[str], dict[str, str], str, list[int]]:
    """Argv, environment, folder and the three standard files of one request."""
    head, files, _, _ = socket.recv_fds(connection, 4, 3)
    length = struct.unpack("<I", head)[0]
    data = b""
    while len(data) < length:
        piece = connection.recv(min(65536, length - len(data)))
        if not piece:
            raise EOFError("the caller went away")
        data += piece
    texts = [os.fsdecode(part) for part in data.split(b"\0")[:-1]]
    count = int(texts[1])
    environment = dict(pair.split("=", 1) for pair in texts[2 + count :] if "=" in pair)
    return texts[2 : 2 + count], environment, texts[0], files


def serve(connection: socket.socket) -> NoReturn:
    """Run one program in this forked process and send its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    argv, environment, folder, files = receive(connection)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    code = run(ROOT, argv, env=environment, cwd=folder, machine=MACHINE)
    sys.stdout.flush()
    try:
        connection.sendall(struct.pack("<I", code & 0xFFFFFFFF))
    finally:
        os._exit(0)


def main() -> None:
    """Boot the stand-in Windows, then serve for ever."""
    boot(ROOT, machine=MACHINE)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(SOCKET + ".new")
    listener.listen(64)
    Path(SOCKET + ".new").rename(SOCKET)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            try:
                serve(connection)
            finally:
                os._exit(1)
        connection.close()


main()
