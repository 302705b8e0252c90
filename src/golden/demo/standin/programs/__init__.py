"""
Stand-ins for the few Windows programs that golden calls, run on a folder that holds the tree of C:.

The same code runs inside the stand-in guest and on the host, under Debian's /usr/bin/python3 with python3-hivex. It
imports nothing of golden's: ``python3 -m programs --root FOLDER [--machine FOLDER] -- pnputil.exe /add-driver …``.
"""

from __future__ import annotations

from .start import boot, run

__all__ = ["boot", "run"]
