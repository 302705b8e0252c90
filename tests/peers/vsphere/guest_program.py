"""Run by Debian's Python: one program of the stand-in (or its start), by an order on standard input."""

import json
import sys
from pathlib import Path

order = json.load(sys.stdin)
sys.path.insert(0, order["programs"])
from programs import boot, run  # type: ignore[import-not-found]  # noqa: E402

root, machine = Path(order["root"]), Path(order["machine"])
if not order["argv"]:
    boot(root, machine=machine)
    sys.exit(0)
code = run(root, order["argv"], env=order["env"], cwd=order["cwd"], machine=machine)
place = Path(order["code"])
beside = place.with_suffix(".new")
beside.write_text(str(code))
beside.replace(place)
