"""What the tests of Windows share: the builder of small disks, and logs as sysprep writes them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "disk"))
