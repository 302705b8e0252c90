"""``python3 -m programs --root C_TREE [--machine FOLDER] -- PROGRAM ARGUMENT…``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import boot, run


def main() -> int:
    """Run one program, or ``--boot`` what Windows does by itself at a start."""
    parser = argparse.ArgumentParser(prog="programs", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder that holds the tree of C:")
    parser.add_argument("--machine", type=Path, help="folder with power, boot_id and faults.json of this machine")
    parser.add_argument("--cwd", default="C:\\", help="the program's folder, as Windows writes it")
    parser.add_argument("--boot", action="store_true", help="start the machine instead of a program")
    parser.add_argument("argv", nargs="*")
    given = parser.parse_args()
    if given.boot:
        boot(given.root, machine=given.machine)
        return 0
    return run(given.root, given.argv, env=dict(os.environ), cwd=given.cwd, machine=given.machine)


sys.exit(main() & 0xFF)
