"""
Files of changes and answer files that nothing needs any more: of updates that failed, and of what was pruned.

Needed is whatever a version, an image or an unfinished job names; an adopted machine brought none.
"""

from __future__ import annotations

import re

from golden.app.project import Project
from golden.catalog.payloads import Freed, Payloads

_SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_NAMED = (
    "SELECT record FROM version",
    "SELECT record FROM image",
    "SELECT instructions FROM job WHERE state = 'open'",
    "SELECT entry.value FROM entry JOIN job ON job.id = entry.job WHERE job.state = 'open'",
)
"""Every text that may name one. What else in them looks like a hash keeps nothing that it should not."""


def needed(project: Project) -> set[str]:
    """The SHA-256 of every file that is still named."""
    return {found for query in _NAMED for (text,) in project.database.rows(query) for found in _SHA256.findall(text)}


def free_payloads(project: Project, *, dry_run: bool = False, age: float = 3600) -> Freed:
    """Free what nothing names and nobody has asked for of late (``age`` in seconds); only counted with ``dry_run``."""
    payloads = Payloads(project.settings.state / "payloads")
    if not dry_run:
        return payloads.free(needed(project), age)
    sizes = [path.stat().st_size for path in payloads.unneeded(needed(project), age)]
    return Freed(len(sizes), sum(sizes))
