"""The stand-in guest as the end-to-end tests adopt it, built once for all runs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from golden.demo.standin.build import StandIn
from golden.model import Origin


def standin_origin(standin: StandIn) -> Origin:
    """How the stand-in is adopted."""
    return Origin(
        "disk",
        str(standin.disk),
        os="windows",
        memory_mib=standin.memory_mib,
        cpus=1,
        kernel=str(standin.kernel),
        initrd=str(standin.initrd),
        cmdline=standin.cmdline,
    )


def cache() -> Path:
    """Where stand-ins are kept from one run to the next."""
    return Path(os.environ.get("GOLDEN_TEST_CACHE", str(Path(tempfile.gettempdir()) / "golden-test-cache")))
