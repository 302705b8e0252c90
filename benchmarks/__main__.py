"""``python -m benchmarks``: every row, or the one that ``--only`` names. Exit 1 where one is over its limit."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    check_offline,
    clones,
    explaining,
    hyperv,
    inspection,
    lint,
    main_job,
    memory,
    remoting,
    status,
    vsphere,
)
from benchmarks.row import Row

ROWS: dict[str, Callable[[Path], Row]] = {
    "main-job": main_job.measure,
    "clone": clones.measure,
    "inspect": inspection.measure,
    "check-offline": check_offline.measure,
    "status": status.measure,
    "explain": explaining.measure,
    "lint": lint.measure,
    "memory": memory.measure,
    "hyperv-call": remoting.call,
    "hyperv-copy": remoting.copy,
    "hyperv-job": hyperv.job,
    "vsphere-find": vsphere.find,
    "vsphere-own": vsphere.own,
    "vsphere-job": vsphere.job,
}


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=list(ROWS), action="append", help="this row alone; may be given again")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    given = parser.parse_args()
    rows = []
    for name in given.only or list(ROWS):
        print(f"{name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="golden-bench-", ignore_cleanup_errors=True) as folder:
            row = ROWS[name](Path(folder).resolve())
        rows.append(row)
        if given.output == "text":
            print(row.line(), flush=True)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if given.output == "json":
        print(json.dumps({"rows": [row.told() for row in rows], "load_per_core": round(load, 2)}, indent=2))
    else:
        print(f"load {load:.2f} per core; over 1, times are other work's as well: run it again when there is less")
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
